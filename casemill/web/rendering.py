"""Pages for people: templates, what all of them are given, and rendering only the part that is asked for."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, cast
from urllib.parse import urlencode

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, PackageLoader, StrictUndefined

from casemill.access.actor import Actor
from casemill.models import Role
from casemill.models.columns import utc_now
from casemill.monitoring.durations import in_words
from casemill.web.entry import Entry
from casemill.web.headers import POLICY, WITH_SCRIPTS
from casemill.web.navigation import GROUPS, place_of

_PART_HEADER = "HX-Target"  # tag and id of what will be replaced: "section#jobs"
_UNITS = ("B", "KB", "MB", "GB", "TB")


def page(
    template: str, status: int = 200, headers: dict[str, str] | None = None, **given: Any
) -> HTMLResponse:
    """One that needs no script and no sign-in. All that is given is text, and shown as text."""
    return HTMLResponse(_environment.get_template(template).render(given), status, headers)


def show(request: Request, actor: Actor, template: str, **given: Any) -> HTMLResponse:
    """A page of the dashboard; if one of its parts is asked for, the block of that name alone.

    Give what only some parts need as something that is worked out when a template touches it.
    """
    found = _environment.get_template(template)
    context = found.new_context({**_given_to_all(request, actor), **given})
    part = request.headers.get(_PART_HEADER, "").rpartition("#")[2]
    block = found.blocks.get(part) or found.root_render_func
    headers = {"Vary": f"HX-Request, {_PART_HEADER}", POLICY: WITH_SCRIPTS}
    return HTMLResponse("".join(block(context)), headers=headers)


def _given_to_all(request: Request, actor: Actor) -> dict[str, Any]:
    entry: Entry | None = request.state.entry
    secret = entry.secret if entry else None
    query = request.url.query
    return {
        "actor": actor,
        "operates": actor.role.includes(Role.OPERATOR),
        "administers": actor.role.includes(Role.ADMIN),
        "csrf_token": request.app.state.signing_key.csrf_token(secret) if secret else "",
        "path": request.url.path,
        "here": f"{request.url.path}?{query}" if query else request.url.path,
        "query": request.query_params,
        "groups": GROUPS,
        "place": place_of(request.url.path),
        "now": utc_now(),
        "prefect_url": prefect_url(request),
    }


def prefect_url(request: Request) -> str:
    """Of Prefect's UI, at the host by which we were reached."""
    host = request.url.hostname or "127.0.0.1"
    netloc = f"[{host}]" if ":" in host else host
    return f"http://{netloc}:{request.app.state.workspace.settings.prefect_port}"


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _exact(moment: datetime) -> str:
    """For who has no script; with it, it becomes local and relative."""
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def _duration(seconds: float | None) -> str:
    """0.21 s, 43 s, 5 min 10 s, 2 h 3 min, 3 days."""
    if seconds is None:
        return "–"
    if seconds < 10:
        return f"{seconds:.2g} s" if seconds >= 0.01 else "0 s"
    return in_words(timedelta(seconds=seconds))


def _bytes(count: float) -> str:
    for unit in _UNITS[:-1]:
        if count < 1000:
            return f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:.3g} {_UNITS[-1]}"


def _count(number: int) -> str:
    return f"{number:,}"


def _words(code: str) -> str:
    """A word of the API as people write it: document_processing -> Document processing."""
    return str(code).replace("_", " ").capitalize()


def _json(value: Any) -> str:
    """For people to read."""
    return json.dumps(value, indent=2, ensure_ascii=False)


def _with_query(path: str, query: Mapping[str, Any], **changed: Any) -> str:
    """The address with some parameters other than they are; None takes one out."""
    many = getattr(query, "multi_items", query.items)
    pairs: list[tuple[str, Any]] = [
        (name, value) for name, value in many() if name not in changed and value != ""
    ]
    pairs += [(name, value) for name, value in changed.items() if value is not None]
    return f"{path}?{urlencode(pairs)}" if pairs else path


_environment = Environment(
    loader=PackageLoader("casemill.web"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_environment.filters.update(
    iso=_iso, exact=_exact, duration=_duration, bytes=_bytes, count=_count, words=_words, json=_json
)
# Macros are globals: blocks rendered alone do not have what their page imports.
_globals = cast(dict[str, Any], _environment.globals)
_globals["with_query"] = _with_query
_globals["ui"] = _environment.get_template("ui.html").module
_globals["job_action"] = _environment.get_template("job_actions.html").module.__dict__["job_action"]
