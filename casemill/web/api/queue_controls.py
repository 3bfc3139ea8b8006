"""The queue: started, paused, stopped and cleared; all of it, or one user's."""

from typing import Annotated, Self
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from casemill.access.actor import Actor
from casemill.access.audit import audited
from casemill.errors import Denied
from casemill.models import Role
from casemill.monitoring.queue_controls import (
    QueueStanding,
    clear_queue,
    count_in_line,
    pause_queue,
    start_queue,
)
from casemill.web.deps import GivenWorkspace, Operator
from casemill.web.shown_results import ShownResult

router = APIRouter(tags=["queue"])

User = Annotated[
    UUID | None,
    Query(description="This user's queue; without it, everybody's. Operators steer their own, admins all."),
]


class SteeredQueue(BaseModel):
    """A queue after it was steered."""

    name: str
    user_id: UUID | None = Field(description="Whose it is; null for the one of all.")
    paused: bool = Field(description="Nothing new starts; what runs goes on.")
    why_idle: str | None = Field(description="What else keeps jobs from starting, such as no worker.")
    message: str = Field(description="A sentence for people.")

    @classmethod
    def of(cls, standing: QueueStanding) -> Self:
        if standing.paused:
            message = "The queue is paused: nothing new starts, what runs goes on"
        else:
            message = f"The queue is started. {standing.why_idle or ''}".rstrip()
        return cls(
            name=standing.name,
            user_id=standing.user_id,
            paused=standing.paused,
            why_idle=standing.why_idle,
            message=message,
        )


class ClearingCount(BaseModel):
    """What `POST /queue/cancellation` would cancel, as of now."""

    model_config = ConfigDict(from_attributes=True)

    running: int
    waiting: int
    paused: int


class ClearedQueue(SteeredQueue):
    matched: int
    done: int
    results: list[ShownResult]


@router.post("/queue/pause")
def pause_work(actor: Operator, workspace: GivenWorkspace, user: User = None) -> SteeredQueue:
    """Nothing new starts. What runs goes on."""
    with audited(workspace.database, actor, "queue.pause", _target(user)):
        _require_own(actor, user)
        return SteeredQueue.of(pause_queue(workspace, user))


@router.post("/queue/resumption")
def resume_work(actor: Operator, workspace: GivenWorkspace, user: User = None) -> SteeredQueue:
    """What waits starts again."""
    with audited(workspace.database, actor, "queue.resume", _target(user)):
        _require_own(actor, user)
        return SteeredQueue.of(start_queue(workspace, user))


@router.post("/queue/start")
def start_work(actor: Operator, workspace: GivenWorkspace, user: User = None) -> SteeredQueue:
    """What waits starts; if nothing can because no worker is there, the answer says so."""
    with audited(workspace.database, actor, "queue.start", _target(user)):
        _require_own(actor, user)
        return SteeredQueue.of(start_queue(workspace, user))


@router.get("/queue/cancellation")
def count_cancellable_work(actor: Operator, workspace: GivenWorkspace, user: User = None) -> ClearingCount:
    """How many jobs stopping and clearing would cancel: for who is no admin, of their own queue. Nothing is
    changed."""
    if actor.role != Role.ADMIN:
        user = user or actor.user_id
    _require_own(actor, user)
    return ClearingCount.model_validate(count_in_line(workspace, user))


@router.post("/queue/cancellation")
def cancel_work(actor: Operator, workspace: GivenWorkspace, user: User = None) -> ClearedQueue:
    """Stops and clears: pauses the queue, then cancels all that waits, runs or is paused in it.

    It stays paused until it is started. What schedules will start later is left to its time.
    """
    with audited(workspace.database, actor, "queue.cancel", _target(user)) as detail:
        _require_own(actor, user)
        standing, results = clear_queue(workspace, user, f"{actor.name} stopped the queue")
        done = sum(result.done for result in results)
        detail |= {"matched": len(results), "done": done}
    said = f"Asked {done} of {len(results)} jobs to cancel. The queue is paused until somebody starts it"
    shown = {"message": said, "matched": len(results), "done": done}
    return ClearedQueue.model_validate(
        SteeredQueue.of(standing).model_dump()
        | shown
        | {"results": [ShownResult.of(result) for result in results]}
    )


def _require_own(actor: Actor, user: UUID | None) -> None:
    if actor.role != Role.ADMIN and user != actor.user_id:
        raise Denied(f"Only admins steer this queue; yours is ?user={actor.user_id}")


def _target(user: UUID | None) -> str:
    return f"queue:{user or 'all'}"
