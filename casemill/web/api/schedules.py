"""Schedules: what starts by the clock; and starting it now."""

from datetime import datetime
from typing import Annotated, Any, Self
from uuid import UUID

from fastapi import APIRouter, Path
from pydantic import BaseModel, ConfigDict, Field

from casemill.access.actor import Actor
from casemill.access.audit import audited
from casemill.models import JobStatus, JobSubStatus
from casemill.monitoring.schedules import (
    Schedule,
    schedules,
    set_schedule,
    start_run,
    start_scheduled_run,
)
from casemill.operations.job_dependencies import MOST_AFTER, After
from casemill.web.deps import Admin, GivenWorkspace, Operator, Viewer

router = APIRouter(tags=["schedules"])

ScheduleId = Annotated[UUID, Path(alias="id")]


class ShownLastRun(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    job_id: UUID | None = Field(description="Null for those who do not see the job.")
    status: JobStatus
    sub_status: JobSubStatus | None
    at: datetime = Field(description="When it began, or was to begin if it crashed before it did.")
    finished_at: datetime | None


class ShownSchedule(BaseModel):
    """Of cron, every_seconds and rrule one is set."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    name: str = Field(description="Of the deployment it starts.", examples=["document-pipeline/default"])
    description: str | None
    cron: str | None
    every_seconds: float | None
    rrule: str | None
    timezone: str
    active: bool
    next_runs: list[datetime] = Field(description="Those that are planned already.")
    last_run: ShownLastRun | None = Field(
        description="The last job of the deployment, by the clock or by hand, without skipped ones."
    )
    parameters: dict[str, Any] = Field(description="What it starts its deployment with.")
    for_admins: bool = Field(description="Only admins start it by hand: it touches everybody.")

    @classmethod
    def of(cls, schedule: Schedule, actor: Actor) -> Self:
        shown = cls.model_validate(schedule)
        if schedule.last_run and shown.last_run and not actor.sees(schedule.last_run.user_id):
            shown.last_run.job_id = None
        return shown


class ScheduleList(BaseModel):
    schedules: list[ShownSchedule]


class NewRun(BaseModel):
    parameters: dict[str, Any] = Field(
        default={}, description="Those of the flow; what is left out is as the deployment says."
    )
    after: list[After] = Field(
        default=[], max_length=MOST_AFTER, description="Jobs that have to end before it begins."
    )


class StartedRun(BaseModel):
    job_id: UUID


@router.get("/schedules")
def list_schedules(actor: Viewer, workspace: GivenWorkspace) -> ScheduleList:
    """By name."""
    return ScheduleList(schedules=[ShownSchedule.of(schedule, actor) for schedule in schedules(workspace)])


@router.post("/schedules/{id}/pause")
def pause_schedule(schedule_id: ScheduleId, actor: Admin, workspace: GivenWorkspace) -> ShownSchedule:
    """Starts nothing any more until it is resumed. What it has started goes on."""
    with audited(workspace.database, actor, "schedule.pause", f"schedule:{schedule_id}") as detail:
        schedule = set_schedule(workspace, schedule_id, active=False)
        detail["name"] = schedule.name
    return ShownSchedule.of(schedule, actor)


@router.post("/schedules/{id}/resumption")
def resume_schedule(schedule_id: ScheduleId, actor: Admin, workspace: GivenWorkspace) -> ShownSchedule:
    with audited(workspace.database, actor, "schedule.resume", f"schedule:{schedule_id}") as detail:
        schedule = set_schedule(workspace, schedule_id, active=True)
        detail["name"] = schedule.name
    return ShownSchedule.of(schedule, actor)


@router.post("/schedules/{id}/runs", status_code=202)
def run_schedule(schedule_id: ScheduleId, actor: Operator, workspace: GivenWorkspace) -> StartedRun:
    """What it starts, now, in one's own queue. What cleans up, or writes to people, only admins start."""
    with audited(workspace.database, actor, "schedule.run", f"schedule:{schedule_id}") as detail:
        job_id = start_scheduled_run(workspace, actor, schedule_id)
        detail["job_id"] = str(job_id)
    return StartedRun(job_id=job_id)


@router.post("/deployments/{name:path}/runs", status_code=202)
def run_deployment(
    name: Annotated[
        str,
        Path(
            max_length=200,
            pattern=r"^[^\x00-\x1f]+$",
            description="Flow and deployment; the flow alone means its default deployment.",
        ),
    ],
    given: NewRun,
    actor: Operator,
    workspace: GivenWorkspace,
) -> StartedRun:
    """A job of it in one's own queue, now or once other jobs have ended.

    What cleans up, or writes to people, only admins start.
    """
    with audited(workspace.database, actor, "deployment.run", f"deployment:{name}") as detail:
        if given.after:
            detail["after"] = [str(one) for one in given.after]
        job_id = start_run(workspace, actor, name, given.parameters, given.after)
        detail["job_id"] = str(job_id)
    return StartedRun(job_id=job_id)
