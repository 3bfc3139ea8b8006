"""Pages without scripts: what a browser gets before there is a dashboard."""

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, PackageLoader, StrictUndefined

from casemill.web.deps import GivenWorkspace, Viewer

router = APIRouter(include_in_schema=False)
_templates = Environment(
    loader=PackageLoader("casemill.web"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def page(
    template: str, status: int = 200, headers: dict[str, str] | None = None, **given: Any
) -> HTMLResponse:
    """All that is given is text, and shown as text."""
    return HTMLResponse(_templates.get_template(template).render(given), status, headers)


@router.get("/")
def show_home(request: Request, actor: Viewer, workspace: GivenWorkspace) -> HTMLResponse:
    """Who one is, and where to go."""
    host = request.url.hostname or "127.0.0.1"
    netloc = f"[{host}]" if ":" in host else host
    return page(
        "home.html",
        actor=actor,
        sees_all=actor.only_of is None,
        prefect_url=f"http://{netloc}:{workspace.settings.prefect_port}/runs",
    )
