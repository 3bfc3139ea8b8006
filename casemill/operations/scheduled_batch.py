"""What a batch schedule orders when its time has come, or why it orders nothing."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import update
from sqlmodel import Session, col, select

from casemill.access.actor import Actor
from casemill.errors import Denied
from casemill.models import Batch, BatchSchedule, Case, Role, User
from casemill.operations.batch_standing import standings
from casemill.operations.batch_status import OPEN
from casemill.operations.order_batch import BatchOrder
from casemill.steps.options import BatchOptions


@dataclass(frozen=True, slots=True)
class Due:
    """An order to give in the name of the schedule's user."""

    order: BatchOrder
    actor: Actor


@dataclass(frozen=True, slots=True)
class AlreadyStarted:
    """The batch that an earlier try of the same job started."""

    batch_id: UUID


@dataclass(frozen=True, slots=True)
class NotStarted:
    """words is a sentence for people."""

    words: str


def what_is_due(
    session: Session, schedule_id: UUID, job_id: UUID, now: datetime, *, by_hand: bool
) -> Due | AlreadyStarted | NotStarted:
    """Which cases are taken is decided now. A batch of the schedule that is not over keeps it from another.

    Raises Denied for a user who may start no batches any more.
    """
    schedule = session.get(BatchSchedule, schedule_id)
    if schedule is None:
        return NotStarted("Nothing was started: the schedule was deleted")
    key = _key(schedule_id, job_id)
    mine = select(Batch).where(Batch.user_id == schedule.user_id)
    if before := session.exec(mine.where(Batch.idempotency_key == key)).first():
        return AlreadyStarted(before.id)
    if not by_hand:
        if schedule.paused_at is not None:
            return NotStarted(f"Nothing was started: the schedule {schedule.name!r} is paused")
        if schedule.cron is None and schedule.job_id not in (None, job_id):
            return NotStarted(f"Nothing was started: another job was planned for {schedule.name!r} since")
    actor = _owner(session, schedule)
    lately = schedule.last_batch_id
    standing = standings(session, [lately], now).get(lately) if lately else None
    if standing is not None and standing.status in OPEN:
        return NotStarted(
            f"Nothing was started: batch {lately}, which the schedule started before, is {standing.status}"
        )
    case_ids = [UUID(case) for case in schedule.case_ids] or cases_now(session, schedule.search)
    if not case_ids:
        return NotStarted("Nothing was started: there is no such case")
    options = BatchOptions.model_validate(schedule.options)
    return Due(BatchOrder(case_ids, schedule.steps, options, schedule.priority, key), actor)


def cases_now(session: Session, search: str | None) -> list[UUID]:
    """By name: all, or those with the text in their name, as people see them in the list of cases."""
    wanted = [col(Case.name).icontains(search, autoescape=True)] if search else []
    return list(session.exec(select(Case.id).where(*wanted).order_by(col(Case.name), col(Case.id))))


def note_outcome(
    session: Session, schedule_id: UUID, job_id: UUID, now: datetime, words: str, batch_id: UUID | None
) -> None:
    """The last batch stays the last where nothing was started."""
    started = {} if batch_id is None else {"last_batch_id": batch_id}
    values = {"last_run_at": now, "last_job_id": job_id, "last_words": words, **started}
    session.exec(update(BatchSchedule).where(col(BatchSchedule.id) == schedule_id).values(**values))


def _key(schedule_id: UUID, job_id: UUID) -> str:
    """A job starts one batch, however often it is tried."""
    return f"schedule:{schedule_id}:{job_id}"


def _owner(session: Session, schedule: BatchSchedule) -> Actor:
    user = session.get_one(User, schedule.user_id)
    if user.disabled_at is not None:
        raise Denied(
            f"Nothing was started: {user.name}, whose schedule {schedule.name!r} this is, is disabled. "
            "Enable the user again, or delete the schedule"
        )
    actor = Actor.of(user, "schedule")
    actor.require(Role.OPERATOR)
    return actor
