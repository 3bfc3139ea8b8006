"""What can be asked of one job. Each answers with the job as it is then; what takes its time goes on."""

from collections.abc import Callable
from http import HTTPStatus
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Path
from pydantic import BaseModel, Field, StringConstraints

from casemill.access.actor import Actor
from casemill.access.audit import audited
from casemill.models import Job
from casemill.monitoring import job_controls
from casemill.monitoring.visible_jobs import visible_job
from casemill.web.deps import GivenWorkspace, Operator
from casemill.web.shown_jobs import ShownJob
from casemill.workspace import Workspace

router = APIRouter(tags=["jobs"])

JobId = Annotated[UUID, Path(alias="id")]


class Cancellation(BaseModel):
    why: Annotated[str, StringConstraints(strip_whitespace=True, max_length=500)] | None = Field(
        default=None, description="A sentence for others, and for the log."
    )


@router.post("/jobs/{id}/cancellation", status_code=HTTPStatus.ACCEPTED)
def cancel_job(
    job_id: JobId, workspace: GivenWorkspace, actor: Operator, cancellation: Cancellation | None = None
) -> ShownJob:
    """Shown as running and cancelling until its process is gone, then as cancelled."""
    why = (cancellation.why or None) if cancellation else None
    return _do(
        workspace,
        actor,
        "job.cancel",
        job_id,
        lambda: job_controls.cancel(workspace, job_id, why),
        **({"why": why} if why else {}),
    )


@router.post("/jobs/{id}/pause", status_code=HTTPStatus.ACCEPTED)
def pause_job(job_id: JobId, workspace: GivenWorkspace, actor: Operator) -> ShownJob:
    """Takes effect between steps: paused and pausing until the step at hand has ended, then paused."""
    return _do(workspace, actor, "job.pause", job_id, lambda: job_controls.pause(workspace, job_id))


@router.post("/jobs/{id}/resumption", status_code=HTTPStatus.ACCEPTED)
def resume_job(job_id: JobId, workspace: GivenWorkspace, actor: Operator) -> ShownJob:
    """What is paused goes on with what it has not done yet."""
    return _do(workspace, actor, "job.resume", job_id, lambda: job_controls.resume(workspace, job_id))


@router.post("/jobs/{id}/retry", status_code=HTTPStatus.ACCEPTED)
def retry_job(job_id: JobId, workspace: GivenWorkspace, actor: Operator) -> ShownJob:
    """What failed, crashed or was cancelled goes on from the step that did not succeed."""
    return _do(workspace, actor, "job.retry", job_id, lambda: job_controls.retry(workspace, job_id))


@router.post("/jobs/{id}/restart", status_code=HTTPStatus.ACCEPTED)
def restart_job(job_id: JobId, workspace: GivenWorkspace, actor: Operator) -> ShownJob:
    """What is over begins again from scratch, with the same parameters; its history is kept."""
    return _do(workspace, actor, "job.restart", job_id, lambda: job_controls.restart(workspace, job_id))


@router.put("/jobs/{id}/pin", status_code=HTTPStatus.ACCEPTED)
def pin_job(job_id: JobId, workspace: GivenWorkspace, actor: Operator) -> ShownJob:
    """The results of its tasks are kept for good."""
    return _do(workspace, actor, "job.pin", job_id, lambda: job_controls.pin(workspace, job_id, True))


@router.delete("/jobs/{id}/pin", status_code=HTTPStatus.ACCEPTED)
def unpin_job(job_id: JobId, workspace: GivenWorkspace, actor: Operator) -> ShownJob:
    """The results of its tasks are kept as long as those of others."""
    return _do(workspace, actor, "job.unpin", job_id, lambda: job_controls.pin(workspace, job_id, False))


@router.delete("/jobs/{id}", status_code=HTTPStatus.NO_CONTENT)
def delete_job(job_id: JobId, workspace: GivenWorkspace, actor: Operator) -> None:
    """Only what is over: the job with its attempts and its feed. What it worked on stays."""
    with audited(workspace.database, actor, "job.delete", f"job:{job_id}") as detail:
        detail["name"] = _visible(workspace, actor, job_id).name
        job_controls.delete(workspace, job_id)


def _do(
    workspace: Workspace, actor: Actor, action: str, job_id: UUID, act: Callable[[], None], **detail: Any
) -> ShownJob:
    with audited(workspace.database, actor, action, f"job:{job_id}") as told:
        told.update(detail)
        _visible(workspace, actor, job_id)
        act()
    return ShownJob.of(_visible(workspace, actor, job_id))


def _visible(workspace: Workspace, actor: Actor, job_id: UUID) -> Job:
    with workspace.database.read() as session:
        return visible_job(session, actor, job_id)
