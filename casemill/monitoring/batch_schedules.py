"""Batches by the clock: ordered, seen, paused, resumed, started now, deleted."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import delete as sql_delete
from sqlalchemy import func, update
from sqlmodel import Session, col, select

from casemill.access.actor import Actor
from casemill.db import Database
from casemill.errors import BadInput, NotFound, Refused
from casemill.models import BatchSchedule, Case, User
from casemill.models.columns import utc_now
from casemill.monitoring.cron_times import cron_times
from casemill.monitoring.jobs import prefect, user_tag
from casemill.monitoring.planned_batches import Plans
from casemill.monitoring.record_now import record_now
from casemill.operations.wall_time import coming_moment, known_zone
from casemill.steps.all import REGISTRY
from casemill.steps.options import BatchOptions
from casemill.workspace import Workspace

_NEXT_RUNS = 3
_MOST = 100


class ScheduleStatus(StrEnum):
    ACTIVE = "active"
    PAUSED = "paused"  # left by resuming it
    OVER = "over"  # its moment has come, or its job was cancelled


@dataclass(frozen=True, slots=True)
class NewBatchSchedule:
    """Of case_ids, search and all_cases one is given, of at and cron one."""

    name: str
    case_ids: Sequence[UUID] = ()
    all_cases: bool = False
    search: str | None = None
    steps: Sequence[str] = ()
    options: BatchOptions = field(default_factory=BatchOptions)
    priority: int = 0
    at: str | None = None
    cron: str | None = None
    timezone: str | None = None


@dataclass(frozen=True, slots=True)
class ScheduledBatch:
    """A schedule and what Prefect has planned for it."""

    schedule: BatchSchedule
    status: ScheduleStatus
    next_runs: tuple[datetime, ...]


def batch_schedules(workspace: Workspace, actor: Actor) -> list[ScheduledBatch]:
    """Those the actor sees, by name."""
    wanted = [] if actor.only_of is None else [col(BatchSchedule.user_id) == actor.only_of]
    order = (col(BatchSchedule.name), col(BatchSchedule.id))
    with workspace.database.read() as session:
        rows = session.exec(select(BatchSchedule).where(*wanted).order_by(*order)).all()
    if not rows:
        return []
    with prefect() as client:
        plans = Plans(client)
        return [_standing(plans, row) for row in rows]


def batch_schedule(workspace: Workspace, actor: Actor, schedule_id: UUID) -> ScheduledBatch:
    """Raises NotFound."""
    row = _seen(workspace.database, actor, schedule_id)
    with prefect() as client:
        return _standing(Plans(client), row)


def create_batch_schedule(workspace: Workspace, actor: Actor, new: NewBatchSchedule) -> ScheduledBatch:
    """The actor's own: its batches are theirs. Raises BadInput, StepNotRegistered, and Refused for a name
    that another schedule of theirs has."""
    row = _row(workspace, actor, new)
    with workspace.database.write() as session:
        _add(session, row)
    with prefect() as client:
        plans = Plans(client)
        try:
            job_id = plans.plan(row)
        except BaseException:
            with workspace.database.write() as session:
                session.exec(sql_delete(BatchSchedule).where(col(BatchSchedule.id) == row.id))
            raise
        if job_id:
            row = _set(workspace.database, row.id, job_id=job_id)
            record_now(workspace, [job_id])
        return _standing(plans, row)


def pause_batch_schedule(workspace: Workspace, actor: Actor, schedule_id: UUID) -> ScheduledBatch:
    """It starts nothing until it is resumed. Raises NotFound, and Refused for one that is over."""
    row = _seen(workspace.database, actor, schedule_id)
    with prefect() as client:
        plans = Plans(client)
        if _standing(plans, row).status == ScheduleStatus.OVER:
            raise Refused("Its time has come already; there is nothing to pause")
        row = _set(workspace.database, row.id, paused_at=row.paused_at or utc_now())
        plans.take_back(row, f"{actor.name} paused the schedule {row.name!r}")
        _record(workspace, row)
        return _standing(plans, row)


def resume_batch_schedule(workspace: Workspace, actor: Actor, schedule_id: UUID) -> ScheduledBatch:
    """What it missed meanwhile is not made up for. Raises NotFound, and Refused where its time has passed."""
    row = _seen(workspace.database, actor, schedule_id)
    with prefect() as client:
        plans = Plans(client)
        if _standing(plans, row).status == ScheduleStatus.ACTIVE:
            return _standing(plans, row)
        if row.at is not None and row.at <= utc_now():
            raise Refused("Its time has passed; start it now, or make a new schedule")
        job_id = plans.plan(row, again=True)
        row = _set(workspace.database, row.id, paused_at=None, job_id=job_id)
        _record(workspace, row)
        return _standing(Plans(client), row)


def run_batch_schedule(workspace: Workspace, actor: Actor, schedule_id: UUID) -> UUID:
    """The job that starts its batch now, also while it is paused; what is planned stays planned."""
    row = _seen(workspace.database, actor, schedule_id)
    with prefect() as client:
        job_id = client.create_flow_run_from_deployment(
            Plans(client).deployment.id,
            parameters={"schedule_id": str(row.id), "by_hand": True},
            tags=[user_tag(row.user_id)],
        ).id
    record_now(workspace, [job_id])
    return job_id


def delete_batch_schedule(workspace: Workspace, actor: Actor, schedule_id: UUID) -> BatchSchedule:
    """It starts nothing any more; its jobs and batches stay. Raises NotFound."""
    row = _seen(workspace.database, actor, schedule_id)
    with prefect() as client:
        Plans(client).take_back(row, f"{actor.name} deleted the schedule {row.name!r}")
    _record(workspace, row)
    with workspace.database.write() as session:
        session.exec(sql_delete(BatchSchedule).where(col(BatchSchedule.id) == schedule_id))
    return row


def _standing(plans: Plans, row: BatchSchedule) -> ScheduledBatch:
    status = ScheduleStatus.ACTIVE
    if row.paused_at is not None:
        status = ScheduleStatus.PAUSED
    elif not plans.is_on(row):
        status = ScheduleStatus.OVER if row.cron is None else ScheduleStatus.PAUSED
    next_runs = plans.next_runs(row) if status == ScheduleStatus.ACTIVE else ()
    return ScheduledBatch(row, status, tuple(next_runs[:_NEXT_RUNS]))


def _row(workspace: Workspace, actor: Actor, new: NewBatchSchedule) -> BatchSchedule:
    name = new.name.strip()
    if not name:
        raise BadInput("A schedule needs a name, by which people know it")
    if (bool(new.case_ids), new.all_cases, bool(new.search)).count(True) != 1:
        raise BadInput("Say which cases: give case_ids, or a search in their names, or all_cases")
    if (new.at is None) == (new.cron is None):
        raise BadInput("Say when: give `at` for once, as in 2026-11-23T22:00, or a cron for again and again")
    zone = known_zone(new.timezone or workspace.settings.time_zone)
    now = utc_now()
    at = coming_moment(new.at, zone, now) if new.at is not None else None
    if new.cron is not None:
        cron_times(new.cron, zone, now, 1)
    plan = REGISTRY.plan(new.steps or list(REGISTRY))
    case_ids = list(dict.fromkeys(new.case_ids))
    with workspace.database.read() as session:
        known = set(session.exec(select(Case.id).where(col(Case.id).in_(case_ids))))
    if missing := [str(case) for case in case_ids if case not in known]:
        raise NotFound(f"No case with id {', '.join(missing[:20])}; GET /cases shows what there is")
    return BatchSchedule(
        user_id=actor.user_id,
        name=name,
        case_ids=[str(case) for case in case_ids],
        search=new.search or None,
        steps=[step.name for step in plan],
        options=new.options.model_dump(mode="json"),
        priority=new.priority,
        at=at,
        cron=" ".join(new.cron.split()) if new.cron is not None else None,
        timezone=zone.key,
    )


def _add(session: Session, row: BatchSchedule) -> None:
    # One at a time of each user, so that two at once do not both find the name free
    session.exec(select(User.id).where(User.id == row.user_id).with_for_update(key_share=True)).one()
    mine = BatchSchedule.user_id == row.user_id
    if session.exec(select(BatchSchedule.id).where(mine, BatchSchedule.name == row.name)).first():
        raise Refused(f"You have a schedule called {row.name!r} already; delete it, or give this one another")
    if session.exec(select(func.count()).select_from(BatchSchedule).where(mine)).one() >= _MOST:
        raise Refused(f"You have {_MOST} schedules already; delete those that are over")
    session.add(row)


def _seen(database: Database, actor: Actor, schedule_id: UUID) -> BatchSchedule:
    with database.read() as session:
        row = session.get(BatchSchedule, schedule_id)
    if row is None or not actor.sees(row.user_id):
        raise NotFound(f"No schedule {schedule_id}; GET /batch-schedules shows what there is")
    return row


def _set(database: Database, schedule_id: UUID, **values: object) -> BatchSchedule:
    """The row after the change. Raises NotFound where it was deleted meanwhile."""
    with database.write() as session:
        session.exec(update(BatchSchedule).where(col(BatchSchedule.id) == schedule_id).values(**values))
        row = session.get(BatchSchedule, schedule_id)
    if row is None:
        raise NotFound(f"No schedule {schedule_id} any more; somebody deleted it")
    return row


def _record(workspace: Workspace, row: BatchSchedule) -> None:
    if row.job_id:
        record_now(workspace, [row.job_id])
