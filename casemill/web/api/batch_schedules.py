"""Batches by the clock: once, or again and again."""

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Self
from uuid import UUID

from fastapi import APIRouter, Path
from pydantic import BaseModel, ConfigDict, Field

from casemill.access.actor import Actor
from casemill.access.audit import audited
from casemill.monitoring import batch_schedules
from casemill.monitoring.batch_schedules import NewBatchSchedule, ScheduledBatch, ScheduleStatus
from casemill.steps.options import BatchOptions
from casemill.web.deps import GivenWorkspace, Operator, Viewer
from casemill.web.text import Word
from casemill.workspace import Workspace

router = APIRouter(tags=["schedules"])

ScheduleId = Annotated[UUID, Path(alias="id")]
_MOST_CASES = 10_000


class NewSchedule(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: Word = Field(min_length=1, description="No two schedules of a user have the same.")
    case_ids: list[UUID] = Field(default=[], max_length=_MOST_CASES)
    all_cases: bool = Field(default=False, description="All cases that there are when it runs.")
    search: Word | None = Field(default=None, description="Cases with this in their name when it runs.")
    steps: list[Word] = Field(
        default=[], max_length=100, description="What they require is added. Empty: all steps."
    )
    options: BatchOptions = Field(default_factory=BatchOptions)
    priority: int = Field(default=0, ge=0, le=10, description="As of a batch.")
    at: Word | None = Field(
        default=None,
        description="Once, at this time by the clocks of the time zone, or with an offset of its own.",
        examples=["2026-11-23T22:00"],
    )
    cron: Word | None = Field(
        default=None,
        description="Again and again: minute, hour, day, month, day of the week.",
        examples=["0 22 * * 1-5"],
    )
    timezone: Word | None = Field(default=None, description="Empty: Casemill's.", examples=["Europe/Berlin"])


class ShownBatchSchedule(BaseModel):
    """Of at and cron one is set. What came of the last run is in the fields last_..."""

    id: UUID
    name: str
    user_id: UUID = Field(description="Who made it, and owns the batches that it starts.")
    status: ScheduleStatus
    at: datetime | None
    cron: str | None
    timezone: str
    next_runs: list[datetime] = Field(description="Those that are planned already.")
    case_count: int | None = Field(
        description="Of cases that were named; null: they are chosen when it runs."
    )
    search: str | None
    steps: list[str]
    options: BatchOptions
    priority: int
    created_at: datetime
    last_run_at: datetime | None
    last_job_id: UUID | None = Field(description="The job that started the batch, or said why it did not.")
    last_batch_id: UUID | None = Field(description="The last batch that was started.")
    last_words: str | None = Field(description="What came of the last run, in a sentence.")

    @classmethod
    def of(cls, found: ScheduledBatch) -> Self:
        row = found.schedule
        shown = {name: getattr(row, name) for name in cls.model_fields if hasattr(row, name)}
        own = {
            "status": found.status,
            "next_runs": found.next_runs,
            "case_count": len(row.case_ids) or None,
        }
        return cls.model_validate(shown | own)


class BatchScheduleList(BaseModel):
    schedules: list[ShownBatchSchedule]


class StartedSchedule(BaseModel):
    job_id: UUID


@router.post("/batch-schedules", status_code=201)
def create_batch_schedule(new: NewSchedule, actor: Operator, workspace: GivenWorkspace) -> ShownBatchSchedule:
    """A batch at a time to come, or again and again. Which cases fit is decided when it runs.

    While a batch that it started is not over, it starts no other; of times that were missed because Casemill
    was off, one is made up for.
    """
    with audited(workspace.database, actor, "batch-schedule.create") as detail:
        detail |= {"name": new.name, "at": new.at, "cron": new.cron, "timezone": new.timezone}
        given = NewBatchSchedule(**{name: getattr(new, name) for name in NewSchedule.model_fields})
        found = batch_schedules.create_batch_schedule(workspace, actor, given)
        detail["schedule_id"] = str(found.schedule.id)
    return ShownBatchSchedule.of(found)


@router.get("/batch-schedules")
def list_batch_schedules(actor: Viewer, workspace: GivenWorkspace) -> BatchScheduleList:
    """By name."""
    found = batch_schedules.batch_schedules(workspace, actor)
    return BatchScheduleList(schedules=[ShownBatchSchedule.of(each) for each in found])


@router.get("/batch-schedules/{id}")
def get_batch_schedule(
    schedule_id: ScheduleId, actor: Viewer, workspace: GivenWorkspace
) -> ShownBatchSchedule:
    return ShownBatchSchedule.of(batch_schedules.batch_schedule(workspace, actor, schedule_id))


@router.post("/batch-schedules/{id}/pause")
def pause_batch_schedule(
    schedule_id: ScheduleId, actor: Operator, workspace: GivenWorkspace
) -> ShownBatchSchedule:
    """Starts nothing until it is resumed. Batches that it has started go on."""
    return _steered(workspace, actor, schedule_id, "pause", batch_schedules.pause_batch_schedule)


@router.post("/batch-schedules/{id}/resumption")
def resume_batch_schedule(
    schedule_id: ScheduleId, actor: Operator, workspace: GivenWorkspace
) -> ShownBatchSchedule:
    """What it missed while it was paused is not made up for."""
    return _steered(workspace, actor, schedule_id, "resume", batch_schedules.resume_batch_schedule)


@router.post("/batch-schedules/{id}/runs", status_code=202)
def run_batch_schedule(
    schedule_id: ScheduleId, actor: Operator, workspace: GivenWorkspace
) -> StartedSchedule:
    """Its batch now, owned by who made the schedule. What is planned stays planned."""
    with audited(workspace.database, actor, "batch-schedule.run", f"batch-schedule:{schedule_id}") as detail:
        job_id = batch_schedules.run_batch_schedule(workspace, actor, schedule_id)
        detail["job_id"] = str(job_id)
    return StartedSchedule(job_id=job_id)


@router.delete("/batch-schedules/{id}", status_code=204)
def delete_batch_schedule(schedule_id: ScheduleId, actor: Operator, workspace: GivenWorkspace) -> None:
    """Starts nothing any more. Its jobs and batches stay."""
    with audited(
        workspace.database, actor, "batch-schedule.delete", f"batch-schedule:{schedule_id}"
    ) as detail:
        detail["name"] = batch_schedules.delete_batch_schedule(workspace, actor, schedule_id).name


def _steered(
    workspace: Workspace,
    actor: Actor,
    schedule_id: UUID,
    action: str,
    steer: Callable[[Workspace, Actor, UUID], ScheduledBatch],
) -> ShownBatchSchedule:
    target = f"batch-schedule:{schedule_id}"
    with audited(workspace.database, actor, f"batch-schedule.{action}", target) as detail:
        found = steer(workspace, actor, schedule_id)
        detail["name"] = found.schedule.name
    return ShownBatchSchedule.of(found)
