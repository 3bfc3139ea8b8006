"""The one place where jobs, attempts and the feed are written.

Each change may come late, twice, or in any order, and the rows end the same: a state moves a row only if it
is newer by the time and id Prefect gave it, a row that is over runs again only with a higher run count, and
what moves no row adds nothing to the feed.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from functools import singledispatch
from typing import Any
from uuid import UUID

from sqlalchemy import Table as SqlTable
from sqlalchemy import and_, case, or_, update
from sqlalchemy import select as select_columns
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlmodel import Session, SQLModel, col, select

from casemill.models import (
    ATTEMPT_NOT_OVER,
    NOT_OVER,
    OVER,
    AttemptStatus,
    FeedKind,
    Job,
    JobDependency,
    JobEvent,
    JobStatus,
    TaskAttempt,
)
from casemill.models.columns import utc_now
from casemill.monitoring.changes import (
    AttemptOutcome,
    AttemptState,
    Change,
    Heartbeat,
    JobFacts,
    JobGone,
    JobGuess,
    JobProgress,
    JobState,
    ProcessBegan,
    ProcessEnded,
    WorkerTold,
)
from casemill.monitoring.dependencies import settle
from casemill.monitoring.failure import said_failure
from casemill.monitoring.process_evidence import show_as_it_is
from casemill.monitoring.worker_health import record_health
from casemill.operations.job_dependencies import after_in

SETTLED = timedelta(seconds=5)
"""A row untouched for this long before Prefect was asked is corrected by the answer."""

_LOST = "Lost"
_NO_ERROR: dict[str, Any] = {
    "error_type": None,
    "error": None,
    "traceback": None,
    "error_fingerprint": None,
    "result": None,
}


def apply_changes(session: Session, changes: Iterable[Change]) -> None:
    """In one transaction, so that doing it again after a failure is doing it once."""
    concerned: set[UUID] = set()
    for change in changes:
        _apply(change, session)
        if isinstance(change, JobState | JobFacts | JobGone | ProcessEnded):
            concerned.add(change.job_id)
    settle(session, sorted(concerned), utc_now())


def make_due_pending(session: Session, now: datetime) -> None:
    """What is scheduled waits for its time; from then on it is pending."""
    due = select(Job).where(Job.status == JobStatus.SCHEDULED, col(Job.scheduled_at) <= now)
    for job in session.exec(due).all():
        if _moved(
            session, Job, (Job.id == job.id, Job.status == JobStatus.SCHEDULED), status=JobStatus.PENDING
        ):
            data = {"status": JobStatus.PENDING, "sub_status": None, "state": job.state_name}
            _feed(session, FeedKind.JOB, job.id, job.scheduled_at or now, data)


def close_left_attempts(session: Session, ended_before: datetime) -> None:
    """Attempts whose job was over before that and that never said how they ended: they died with it.

    Those of a cancelled job did not fail, nor did those that never began. Their own last word, should it
    still come, counts more.
    """
    left = (
        select(TaskAttempt, Job.finished_at, Job.status)
        .join(Job, col(Job.id) == TaskAttempt.job_id)
        .where(
            col(TaskAttempt.status).in_(ATTEMPT_NOT_OVER),
            col(Job.status).in_(OVER),
            col(Job.finished_at) < ended_before,
            or_(col(TaskAttempt.state_at).is_(None), col(TaskAttempt.state_at) <= Job.finished_at),
        )
    )
    for attempt, finished_at, status in session.exec(left).all():
        if finished_at is None:
            continue
        stopped = status == JobStatus.CANCELLED or attempt.started_at is None
        values = {
            "status": AttemptStatus.CANCELLED if stopped else AttemptStatus.FAILED,
            "finished_at": finished_at,
            "error_type": _LOST,
            "error": "Its job ended before it said how it ended",
        }
        if _moved(session, TaskAttempt, (TaskAttempt.id == attempt.id,), **values):
            _measure(session, (TaskAttempt.id == attempt.id,))
            _after_attempt(session, attempt.task_run_id, attempt.attempt, finished_at)


@singledispatch
def _apply(change: object, session: Session) -> None:
    raise TypeError(f"{change!r} is no change to {session}")


@_apply.register
def _(change: JobState, session: Session) -> None:
    _add(session, Job, ["id"], id=change.job_id, created_at=change.at)
    over = change.status in OVER
    failure = said_failure(change.message) if change.status == JobStatus.FAILED else None
    values: dict[str, Any] = {
        **_NO_ERROR,
        "status": change.status,
        "sub_status": change.sub_status,
        "name": change.job_name,
        "state_name": change.name,
        "state_message": change.message,
        "state_at": change.at,
        "state_id": change.id,
        "run_count": change.run_count,
        "recorded_at": utc_now(),
        "finished_at": change.at if over else None,
    }
    if change.status == JobStatus.COMPLETED:
        values |= {"result": change.message, "progress": 100.0}
    if failure:
        values |= {
            "error_type": failure.type,
            "error": failure.message,
            "error_fingerprint": failure.fingerprint,
        }
    if _moved(session, Job, (Job.id == change.job_id, _may_move_job(change)), **values):
        status, sub_status = show_as_it_is(session, change.job_id, is_new_state=True)
        data = {
            "status": status,
            "sub_status": sub_status,
            "state": change.name,
            "message": change.message,
            "attempt": change.run_count,
        }
        _feed(session, FeedKind.JOB, change.job_id, change.at, data)
    made = col(Job.created_at)
    _moved(session, Job, (Job.id == change.job_id, made > change.at), created_at=change.at)
    if change.name in ("Running", "Retrying"):
        began = col(Job.started_at)
        _moved(
            session,
            Job,
            (Job.id == change.job_id, or_(began.is_(None), began > change.at)),
            started_at=change.at,
        )


def _may_move_job(change: JobState) -> Any:
    newer = _newer(Job, change.at, change.id)
    fenced = col(Job.run_count) <= change.run_count
    rules = [newer, fenced]
    if change.status == JobStatus.RUNNING:  # what is over begins again only as another run
        rules.append(or_(col(Job.status).in_(NOT_OVER), col(Job.run_count) < change.run_count))
    allowed = and_(*rules)
    if change.asked_at is None:
        return allowed
    settled = col(Job.recorded_at) < change.asked_at - SETTLED
    return or_(allowed, and_(settled, col(Job.state_id) != change.id))


@_apply.register
def _(change: JobFacts, session: Session) -> None:
    _add(session, Job, ["id"], id=change.job_id, created_at=change.values["created_at"])
    _moved(session, Job, (Job.id == change.job_id,), **change.values)
    for after in after_in(change.values["tags"]):
        key = {"job_id": change.job_id, "on_job_id": after.job_id}
        _add(session, JobDependency, list(key), **key, condition=after.on)


@_apply.register
def _(change: JobGuess, session: Session) -> None:
    known = session.exec(select(Job.flow_name).where(Job.id == change.job_id)).first()
    if known is None:
        _add(session, Job, ["id"], id=change.job_id, created_at=change.at)
        _moved(session, Job, (Job.id == change.job_id,), **change.values)


@_apply.register
def _(change: JobProgress, session: Session) -> None:
    _add(session, Job, ["id"], id=change.job_id, created_at=change.at)
    told = col(Job.progress_at)
    values: dict[str, Any] = {
        # A job that is completed is at 100, whatever its last word was
        "progress": case((col(Job.status) == JobStatus.COMPLETED, Job.progress), else_=change.percent),
        "progress_message": change.message,
        "progress_at": change.at,
        "processed": change.processed,
    }
    mine = (Job.id == change.job_id, or_(told.is_(None), told < change.at))
    if _moved(session, Job, mine, **values):
        data = {"percent": change.percent, "message": change.message, "processed": change.processed}
        _feed(session, FeedKind.PROGRESS, change.job_id, change.at, data)


@_apply.register
def _(change: Heartbeat, session: Session) -> None:
    _add(session, Job, ["id"], id=change.job_id, created_at=change.at)
    heard = col(Job.heartbeat_at)
    _moved(
        session,
        Job,
        (Job.id == change.job_id, or_(heard.is_(None), heard < change.at)),
        heartbeat_at=change.at,
    )


@_apply.register
def _(change: ProcessBegan, session: Session) -> None:
    _add(session, Job, ["id"], id=change.job_id, created_at=change.at)
    known = col(Job.process_began_at)
    newer = (Job.id == change.job_id, or_(known.is_(None), known < change.at))
    if _moved(session, Job, newer, process_began_at=change.at):
        show_as_it_is(session, change.job_id, is_new_state=False)


@_apply.register
def _(change: ProcessEnded, session: Session) -> None:
    known = col(Job.process_ended_at)
    newer = (Job.id == change.job_id, or_(known.is_(None), known < change.at))
    if _moved(session, Job, newer, process_ended_at=change.at):
        show_as_it_is(session, change.job_id, is_new_state=False)


@_apply.register
def _(change: JobGone, session: Session) -> None:
    values: dict[str, Any] = {
        "status": JobStatus.CANCELLED,
        "sub_status": None,
        "finished_at": change.at,
        "error": "Its run was deleted in Prefect",
        "recorded_at": utc_now(),
    }
    if _moved(session, Job, (Job.id == change.job_id, col(Job.status).in_(NOT_OVER)), **values):
        data = {"status": JobStatus.CANCELLED, "sub_status": None, "message": values["error"]}
        _feed(session, FeedKind.JOB, change.job_id, change.at, data)


@_apply.register
def _(change: AttemptState, session: Session) -> None:
    key = {"task_run_id": change.task_run_id, "attempt": change.attempt}
    _add(session, TaskAttempt, list(key), **key, created_at=change.at)
    mine = (TaskAttempt.task_run_id == change.task_run_id, TaskAttempt.attempt == change.attempt)
    over = change.status not in ATTEMPT_NOT_OVER
    values: dict[str, Any] = {
        "status": change.status,
        "state_name": change.name,
        "state_at": change.at,
        "state_id": change.id,
        "finished_at": change.at if over else None,
        "function": change.function,
        "name": change.task_name,
        "job_id": change.job_id,
        "tags": list(change.tags),
    }
    if _moved(session, TaskAttempt, (*mine, _newer(TaskAttempt, change.at, change.id)), **values):
        _after_attempt(session, change.task_run_id, change.attempt, change.at)
    if over:
        _say_why(session, mine, change)
    known = col(TaskAttempt.started_at)
    began = change.at if change.status == AttemptStatus.RUNNING else change.started_at
    if began is not None:
        _moved(session, TaskAttempt, (*mine, or_(known.is_(None), known > began)), started_at=began)
    made = col(TaskAttempt.created_at)
    _moved(session, TaskAttempt, (*mine, made > change.created_at), created_at=change.created_at)
    _measure(session, mine)


@_apply.register
def _(change: AttemptOutcome, session: Session) -> None:
    key = {"task_run_id": change.task_run_id, "attempt": change.attempt}
    _add(session, TaskAttempt, list(key), **key, created_at=change.at)
    mine = (TaskAttempt.task_run_id == change.task_run_id, TaskAttempt.attempt == change.attempt)
    _moved(session, TaskAttempt, mine, **change.values)


@_apply.register
def _(change: WorkerTold, session: Session) -> None:
    record_health(session, change)


def _say_why(session: Session, mine: tuple[Any, ...], change: AttemptState) -> None:
    """The error its state names, unless the attempt itself has told it: that is better."""
    assumed = col(TaskAttempt.error_type) == _LOST
    failure = said_failure(change.message if change.status == AttemptStatus.FAILED else None)
    _moved(
        session,
        TaskAttempt,
        (
            *mine,
            or_(col(TaskAttempt.error_fingerprint).is_(None), assumed),
            TaskAttempt.state_id == change.id,
        ),
        error_type=failure.type,
        error=failure.message,
        error_fingerprint=failure.fingerprint,
    )


def _measure(session: Session, mine: tuple[Any, ...]) -> None:
    found = session.exec(select(TaskAttempt.started_at, TaskAttempt.finished_at).where(*mine)).one()
    started, finished = found
    took = max((finished - started).total_seconds(), 0.0) if started and finished else None
    _moved(session, TaskAttempt, mine, duration=took)


def _after_attempt(session: Session, task_run_id: UUID, number: int, at: datetime) -> None:
    attempt = session.exec(
        select(TaskAttempt)
        .where(TaskAttempt.task_run_id == task_run_id, TaskAttempt.attempt == number)
        .execution_options(populate_existing=True)
    ).one()
    if attempt.status == AttemptStatus.PENDING:
        return  # thousands wait at once, and nobody watches them wait
    data = {
        "task_run_id": str(task_run_id),
        "attempt": number,
        "function": attempt.function,
        "name": attempt.name,
        "status": attempt.status,
    }
    _feed(session, FeedKind.STEP, attempt.job_id, at, data)


def _feed(session: Session, kind: FeedKind, job_id: UUID | None, at: datetime, data: dict[str, Any]) -> None:
    session.add(JobEvent(kind=kind, job_id=job_id, occurred_at=at, data=data))


def _newer(model: type[Job] | type[TaskAttempt], at: datetime, state_id: UUID) -> Any:
    known = col(model.state_at)
    return or_(known.is_(None), known < at, and_(known == at, col(model.state_id) < state_id))


def _add(session: Session, model: type[SQLModel], key: list[str], **values: Any) -> None:
    """A row with its defaults, if there is none of this key.

    Looking first is what makes it quick: most rows are there, and SQLAlchemy compiles an insert that may
    conflict anew each time.
    """
    table: SqlTable = getattr(model, "__table__")  # noqa: B009  SQLModel does not declare it
    there = select_columns(1).where(*(table.c[name] == values[name] for name in key))
    if session.connection().execute(there).first():
        return
    insert = sqlite_insert if session.get_bind().dialect.name == "sqlite" else postgresql_insert
    row = model(**values).model_dump(exclude={"id"} if model is TaskAttempt else None)
    session.connection().execute(insert(table).values(row).on_conflict_do_nothing(index_elements=key))


def _moved(session: Session, model: type[SQLModel], where: tuple[Any, ...], **values: Any) -> bool:
    changed = session.exec(
        update(model).where(*where).values(**values).execution_options(synchronize_session=False)
    )
    return changed.rowcount > 0
