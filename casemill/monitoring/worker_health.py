"""What a worker says of itself and its host with each heartbeat, and what of it somebody has to look at.

Workers of Prefect's own types say nothing of the kind: of them nothing is claimed.
"""

from datetime import datetime, timedelta
from typing import Annotated, Any

from pydantic import BaseModel, Field, ValidationError
from sqlmodel import Session, col, select

from casemill.models import FeedKind, JobEvent, Worker, WorkQueue
from casemill.models.columns import utc_now
from casemill.monitoring.changes import WorkerTold

PRESENT = timedelta(seconds=90)
"""Three heartbeats: what was said before that is not how it is now."""

LITTLE_MEMORY = 0.05
"""Of the memory: where less is left, the system takes it back from files all the time and everything
becomes slow; the next step is that the kernel kills a process."""

ONE_JOB_MORE = 256 << 20
"""Bytes that reading a document with an own process for it takes, roughly: on a small host that is more."""

_Count = Annotated[int, Field(ge=0, lt=2**53)]


class ForkParents(BaseModel):
    """The processes, with all code loaded, that jobs are forked from."""

    warm: _Count = Field(description="Ready to start jobs.")
    draining: _Count = Field(description="Of code that changed since; each ends after its last job.")
    running: _Count = Field(description="Processes of jobs that were forked and have not ended.")
    replaced: _Count = Field(description="How often one was, since the worker was started.")
    missing: _Count = Field(0, description="Those that should be there and could not be started.")


class WorkerHealth(BaseModel):
    """cpu_percent is of the host, 100 when all cores are busy.

    Memory is in bytes: the host's, or that of the container that the worker is in.
    """

    cpu_percent: float = Field(ge=0, le=100)
    memory_used: _Count
    memory_total: _Count
    slots_used: _Count = Field(description="Jobs that the worker has in hand.")
    slots: _Count | None = Field(description="How many it takes at most; null if only the queue limits it.")
    fork_parents: ForkParents

    @property
    def memory_left(self) -> int:
        return max(self.memory_total - self.memory_used, 0)

    @property
    def trouble(self) -> str | None:
        """What somebody has to look at, the worst first. The end of a sentence that begins with its name."""
        if self.fork_parents.missing:
            jobs = "some jobs" if self.fork_parents.warm else "jobs"
            return f"cannot start {jobs}: the process they are forked from does not start; its log says why"
        if self.memory_left < max(LITTLE_MEMORY * self.memory_total, ONE_JOB_MORE):
            left = f"{self.memory_left >> 20} of {self.memory_total >> 20} MiB are left"
            return f"is nearly out of memory ({left}): jobs may be killed there"
        return None


def health_of(worker: Worker, now: datetime) -> WorkerHealth | None:
    """None if it is not there, has said nothing for three heartbeats, or never says anything."""
    if not worker.online or worker.health_at is None or now - worker.health_at > PRESENT:
        return None
    return _read(worker.health)


def record_health(session: Session, told: WorkerTold) -> None:
    """Of our pool's workers, what is newer than what is known. The feed tells of trouble that comes or goes.

    One whose clock is ahead is not believed to speak from the future, or it would be present for ever.
    """
    pool = select(WorkQueue.name).where(col(WorkQueue.is_pool), WorkQueue.name == told.pool)
    if session.exec(pool).first() is None:
        return
    worker = session.get(Worker, told.worker) or Worker(name=told.worker)  # it is looked at in a moment
    at = min(told.at, utc_now())
    if worker.health_at is not None and worker.health_at >= at:
        return
    before, after = _read(worker.health), _read(told.health)
    worker.health, worker.health_at = told.health, at
    session.add(worker)
    trouble = after.trouble if after else None
    if trouble != (before.trouble if before else None):
        data = {"worker": worker.name, "online": worker.online, "trouble": trouble}
        session.add(JobEvent(kind=FeedKind.WORKER, occurred_at=at, data=data))


def _read(kept: dict[str, Any] | None) -> WorkerHealth | None:
    """What another version of ours kept may be of another shape."""
    try:
        return None if kept is None else WorkerHealth.model_validate(kept)
    except ValidationError:
        return None
