"""Signing in and out with a browser: forms that work without scripts, and one-time links."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from casemill.access.audit import audited
from casemill.access.login_links import LinkFault
from casemill.access.names import LONGEST_NAME
from casemill.access.sessions import end_session
from casemill.access.sign_in import Begun, sign_in, sign_in_by_link
from casemill.errors import BadInput, NotSignedIn, Refused, TooManyTries
from casemill.web.cookies import give_cookie, take_cookie
from casemill.web.deps import GivenEntry, GivenSigningKey, GivenWorkspace
from casemill.web.entry import visit_of
from casemill.web.rendering import page

router = APIRouter(include_in_schema=False)

_SAID = {
    LinkFault.UNKNOWN: "This login link is not one of ours; perhaps a part of it is missing.",
    LinkFault.USED: "This login link was used before. Each works once.",
    LinkFault.EXPIRED: "This login link is too old.",
    LinkFault.DISABLED: "This login link is of a user who was disabled; an admin can change that.",
}
_LONGEST_ADDRESS = 2000
_NEXT = "Sign in with your password, or ask for a new link."


@router.get("/login")
def show_login(
    request: Request,
    workspace: GivenWorkspace,
    key: GivenSigningKey,
    token: Annotated[str | None, Query(description="Of a login link.")] = None,
    next: Annotated[str, Query(description="The page to go on to.")] = "",
) -> Response:
    """The form; with a token, straight in."""
    if token is None:
        return _form(wanted=next)
    found = sign_in_by_link(workspace.database, token, visit_of(request, key))
    if isinstance(found, LinkFault):
        return _form(f"{_SAID[found]} {_NEXT}", status=HTTPStatus.GONE)
    return _into(request, key, found)


@router.post("/login")
def send_login(
    request: Request,
    workspace: GivenWorkspace,
    key: GivenSigningKey,
    name: Annotated[str, Form()] = "",
    password: Annotated[str, Form()] = "",
    next: Annotated[str, Form()] = "",
) -> Response:
    try:
        begun = sign_in(workspace.database, name, password, visit_of(request, key))
    except (NotSignedIn, BadInput) as wrong:
        return _form(f"{wrong}.", name, HTTPStatus.UNAUTHORIZED, wanted=next)
    except TooManyTries as locked:
        headers = {"Retry-After": str(locked.seconds)}
        return _form(f"{locked}.", name, HTTPStatus.TOO_MANY_REQUESTS, headers, next)
    return _into(request, key, begun, next)


@router.post("/logout")
def send_logout(request: Request, entry: GivenEntry, workspace: GivenWorkspace) -> Response:
    with audited(workspace.database, entry.actor, "session.end", f"user:{entry.actor.user_id}"):
        if entry.secret is None:
            raise Refused("You came in with a token, not with a session; DELETE /tokens/{id} revokes tokens")
        with workspace.database.write() as session:
            end_session(session, entry.secret)
    answer = RedirectResponse("/login", HTTPStatus.SEE_OTHER)
    take_cookie(request, answer)
    return answer


def _form(
    said: str | None = None,
    name: str = "",
    status: int = HTTPStatus.OK,
    headers: dict[str, str] | None = None,
    wanted: str = "",
) -> HTMLResponse:
    given = {"said": said, "name": name[:LONGEST_NAME], "longest": LONGEST_NAME, "next": _our_page(wanted)}
    return page("login.html", status, headers, **given)


def _our_page(wanted: str) -> str:
    """Where to go on to; never to a page elsewhere, whatever an address says."""
    is_ours = wanted.startswith("/") and not wanted.startswith(("//", "/\\"))
    return wanted if is_ours and wanted.isprintable() and len(wanted) <= _LONGEST_ADDRESS else "/"


def _into(request: Request, key: GivenSigningKey, begun: Begun, wanted: str = "/") -> Response:
    answer = RedirectResponse(_our_page(wanted), HTTPStatus.SEE_OTHER)
    give_cookie(request, answer, key, begun)
    return answer
