"""All that the API shows of one job."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from casemill.access.actor import Actor
from casemill.models import Condition, DependencyState, FeedKind, Job, JobEvent, JobStatus, TaskAttempt
from casemill.monitoring.dependencies import Dependency
from casemill.monitoring.waiting import Waiting
from casemill.operations.pace import Eta
from casemill.web.shown_batches import ShownEta
from casemill.web.shown_jobs import ShownJob
from casemill.web.shown_tasks import ShownTask


class ProgressThen(BaseModel):
    at: datetime
    percent: float
    message: str | None
    processed: int | None


class StateThen(BaseModel):
    at: datetime
    status: str
    sub_status: str | None
    state: str | None = Field(description="Prefect's word.")
    message: str | None


class ShownDependency(BaseModel):
    """job_id is null for a job of somebody else's, name and status also for one that is gone."""

    job_id: UUID | None
    name: str | None
    status: JobStatus | None
    on: Condition = Field(description="How the job that is waited for has to end.")
    state: DependencyState
    settled_at: datetime | None = Field(description="Since when it is met or broken.")

    @classmethod
    def of(cls, found: Dependency, actor: Actor) -> Self:
        job = found.job if found.job and actor.sees(found.job.user_id) else None
        return cls(
            job_id=found.job_id if job or not found.job else None,
            name=ShownJob.of(job).title if job else None,
            status=job.status if job else None,
            on=found.on,
            state=found.state,
            settled_at=found.settled_at,
        )


class JobDetail(ShownJob):
    """A job with all of its row, and what belongs to it."""

    state_name: str = Field(description="Prefect's word.")
    state_message: str | None
    state_at: datetime | None
    recorded_at: datetime | None = Field(description="When we last took over a state of it.")
    heartbeat_at: datetime | None
    progress_at: datetime | None
    process_began_at: datetime | None
    process_ended_at: datetime | None
    deployment_id: UUID | None
    parameters: Any = Field(description="As JSON, without secrets, cut where they are long.")
    labels: dict[str, Any]
    traceback: str | None
    same_error: int = Field(
        default=0, description="How many other jobs, of those one sees, have the same error_fingerprint."
    )
    progress_history: list[ProgressThen] = Field(
        default=[], description="The oldest first; of a long one the latest part."
    )
    state_history: list[StateThen] = Field(
        default=[], description="The oldest first; of a long one the latest part."
    )
    attempts_of_tasks: list[ShownTask] = Field(
        default=[], description="In the order in which they began, the latest 200; GET /tasks?job= has all."
    )
    waiting: Waiting | None = Field(default=None, description="What holds it; null when it does not wait.")
    waits_for: list[ShownDependency] = Field(default=[], description="The jobs it waits or waited for.")
    waited_on_by: list[ShownDependency] = Field(
        default=[], description="The jobs one sees that wait or waited for it, at most 100."
    )
    eta: ShownEta | None = Field(default=None, description="When it is through; null: not known yet.")
    prefect_url: str = Field(default="", description="Its page in Prefect's UI.")

    @classmethod
    def whole(
        cls,
        job: Job,
        *,
        history: Sequence[JobEvent],
        attempts: Sequence[TaskAttempt],
        waiting: Waiting | None,
        waits_for: Sequence[ShownDependency],
        waited_on_by: Sequence[ShownDependency],
        eta: Eta | None,
        prefect_url: str,
        same_error: int,
    ) -> Self:
        more: dict[str, Any] = {
            "same_error": same_error,
            "progress_history": [_progress(row) for row in history if row.kind == FeedKind.PROGRESS],
            "state_history": [_state(row) for row in history if row.kind == FeedKind.JOB],
            "attempts_of_tasks": [ShownTask.of(attempt) for attempt in attempts],
            "waiting": waiting,
            "waits_for": waits_for,
            "waited_on_by": waited_on_by,
            "eta": ShownEta.model_validate(eta) if eta else None,
            "prefect_url": prefect_url,
        }
        return cls.of(job).model_copy(update=more)


class JobList(BaseModel):
    jobs: list[ShownJob]
    total: int
    page: int
    pages: int


class ShownLine(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    at: datetime
    level: str
    logger: str
    message: str = Field(description="Text of whoever wrote it: never markup.")
    task_run_id: UUID | None


class JobLogs(BaseModel):
    logs: list[ShownLine]
    next: int = Field(description="What to give as `after` to read on; the same when there was nothing new.")


def _progress(row: JobEvent) -> ProgressThen:
    told = row.data
    return ProgressThen(
        at=row.occurred_at,
        percent=told.get("percent") or 0,
        message=told.get("message"),
        processed=told.get("processed"),
    )


def _state(row: JobEvent) -> StateThen:
    told = row.data
    return StateThen(
        at=row.occurred_at,
        status=str(told.get("status")),
        sub_status=told.get("sub_status"),
        state=told.get("state"),
        message=told.get("message"),
    )
