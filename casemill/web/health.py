"""Whether it lives, whether it can work, and figures about it."""

from http import HTTPStatus
from typing import Literal

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel

from casemill.monitoring.metrics import CONTENT_TYPE, Metrics
from casemill.monitoring.readiness import Readiness
from casemill.web.deps import GivenWorkspace, Viewer
from casemill.web.problems import RESPONSES

router = APIRouter(tags=["health"])


class Health(BaseModel):
    status: Literal["ok"]


class Ready(BaseModel):
    """checks: by name, whether it is well."""

    status: Literal["ready", "not ready"]
    checks: dict[str, bool]


@router.get("/health")
async def show_health() -> Health:
    """Always, as long as the process answers."""
    return Health(status="ok")


@router.get("/ready", response_model=Ready, responses={503: {"model": Ready, "description": "Not ready"}})
def show_readiness(request: Request, workspace: GivenWorkspace) -> JSONResponse:
    """Whether the database answers and has the newest schema, Prefect answers, and the recorder works."""
    state = request.app.state
    if not hasattr(state, "readiness"):
        state.readiness = Readiness(workspace.database)
    checks = state.readiness.check()
    is_ready = all(checks.values())
    ready = Ready(status="ready" if is_ready else "not ready", checks=checks)
    return JSONResponse(ready.model_dump(), HTTPStatus.OK if is_ready else HTTPStatus.SERVICE_UNAVAILABLE)


@router.get(
    "/metrics",
    response_class=Response,
    responses={200: {"content": {CONTENT_TYPE: {}}}, 401: RESPONSES[401], 403: RESPONSES[403]},
)
def show_metrics(request: Request, _actor: Viewer, workspace: GivenWorkspace) -> Response:
    """For Prometheus, at most five seconds old."""
    state = request.app.state
    if not hasattr(state, "metrics"):
        state.metrics = Metrics(workspace)
    return Response(state.metrics.text(), media_type=CONTENT_TYPE)
