"""Attempts of tasks, and statistics about them, as the API shows them."""

from datetime import datetime
from typing import Any, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from casemill.models import AttemptStatus, TaskAttempt
from casemill.monitoring.periods import Period
from casemill.monitoring.rollups import Tally

_MOST_ERROR = 1000


class ShownTask(BaseModel):
    """An attempt of a task in a list: each try is one."""

    model_config = ConfigDict(from_attributes=True)

    id: int
    task_run_id: UUID
    attempt: int = Field(description="Which try of its task run, from 1.")
    function: str
    name: str
    job_id: UUID | None = Field(description="None for a task that ran in no job.")
    user_id: UUID | None = Field(description="Whose job it is.")
    status: AttemptStatus
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    duration: float | None = Field(description="Seconds.")
    error_type: str | None
    error: str | None = Field(description="In lists, its first 1000 characters.")

    @classmethod
    def of(cls, attempt: TaskAttempt) -> Self:
        shown = cls.model_validate(attempt)
        return shown.model_copy(update={"error": shown.error and shown.error[:_MOST_ERROR]})


class TaskDetail(ShownTask):
    """All that is known of an attempt."""

    state_name: str = Field(description="Prefect's word.")
    labels: list[str] = Field(validation_alias="tags")
    result: Any = Field(description="As JSON, cut where it is long.")
    traceback: str | None
    error_fingerprint: str | None = Field(description="The same for errors of the same kind.")

    @classmethod
    def of(cls, attempt: TaskAttempt) -> Self:
        return cls.model_validate(attempt)


class TaskList(BaseModel):
    """Pages by number reach 100,000 attempts deep; cursors lead from page to page however many there are."""

    tasks: list[ShownTask]
    has_next: bool
    has_previous: bool
    next: str | None = Field(description="Give it as `cursor` for the next page; null on the last.")
    previous: str | None = Field(description="The same for the page before; null on the first.")


class ShownTally(BaseModel):
    """Attempts that ended. One that was tried again counts as failed."""

    total: int
    success: int
    failed: int
    cancelled: int
    average_duration: float | None = Field(description="Seconds; null where none is known.")

    @classmethod
    def of(cls, tally: Tally, **more: Any) -> Self:
        return cls.model_validate(
            {
                "total": tally.total,
                "success": tally.success,
                "failed": tally.failed,
                "cancelled": tally.cancelled,
                "average_duration": tally.average,
                **more,
            }
        )


class FunctionTally(ShownTally):
    name: str


class TaskStatistics(ShownTally):
    """Of all users, what ended after `since` and up to `until`."""

    period: Period
    since: datetime
    until: datetime
    functions: list[FunctionTally] = Field(description="The most executed first.")


class Bucket(ShownTally):
    start: datetime


class Throughput(BaseModel):
    """Of all users. Buckets go by the clock (UTC): the first one counts from `since` on only."""

    period: Period
    since: datetime
    until: datetime
    bucket_seconds: int
    buckets: list[Bucket] = Field(description="The oldest first; those without anything too.")


class TaskName(BaseModel):
    name: str
    count: int


class TaskNames(BaseModel):
    """Functions of which attempts ended in the period, the most executed first."""

    period: Period
    names: list[TaskName]
