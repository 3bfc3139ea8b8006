"""Where people arrive."""

from fastapi import APIRouter
from fastapi.responses import RedirectResponse

from casemill.web.deps import Viewer

router = APIRouter()


@router.get("/")
def show_home(_actor: Viewer) -> RedirectResponse:
    return RedirectResponse("/pipeline/dashboard", 303)
