"""Deletes from our own database and disk what is past its time, some rows at a time.

Each transaction is small, so that others write in between, and repeats the whole condition, so that a row
which is wanted again meanwhile stays. A loop ends where nothing was left to delete, where nothing could be
deleted, and at a bound: what is left then is the next cleanup's.

The hours of deleted attempts are marked by the database itself and counted anew by the recorder: history
that is gone leaves the statistics, too. The audit stays, and so do the outbox's rows, which keep messages
from being sent twice: only what they say, and to whom, is forgotten.
"""

from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, delete, exists, func, or_
from sqlmodel import Session, SQLModel, col, select

from casemill.db import Database
from casemill.models import (
    ATTEMPT_OVER,
    OVER,
    ApiToken,
    Attempt,
    CleanupReport,
    Job,
    JobEvent,
    LoginLink,
    LoginSession,
    OutgoingMail,
    TaskAttempt,
)
from casemill.operations import claims, outbox
from casemill.operations.batch_standing import batches_not_completed
from casemill.operations.batch_status import OPEN
from casemill.operations.job_dependencies import waited_for
from casemill.operations.retention import Kind, Removed, Retention
from casemill.operations.temporary_files import remove_files
from casemill.workspace import Workspace

AT_ONCE = 500
"""Rows deleted in one transaction."""

MOST_TIMES = 100

REPORTS_KEPT = 300
"""Two days of cleanups, the newest."""


def clean_up(
    workspace: Workspace, kind: Kind, policy: Retention, now: datetime, by: UUID, *, dry_run: bool
) -> Removed:
    """Of one of the kinds that are ours, not Prefect's. `by` is the job that does it. Twice is once."""
    database = workspace.database
    if kind == Kind.CLAIMS:
        return Removed(kind, take_back_claims(database, policy, now, by, dry_run=dry_run))
    if kind == Kind.FILES:
        return remove_files(workspace.settings, policy, now, dry_run=dry_run)
    if kind == Kind.MAIL:
        return Removed(kind, forget_mail(database, policy.cutoff(kind, now), now, dry_run=dry_run))
    return Removed(kind, _delete_expired(database, kind, policy.cutoff(kind, now), now, dry_run=dry_run))


def take_back_claims(database: Database, policy: Retention, now: datetime, by: UUID, *, dry_run: bool) -> int:
    """Frees what the dead held. Not what is being mailed: mail-delivery knows whether it went out."""
    cutoff = policy.cutoff(Kind.CLAIMS, now)
    if not dry_run:
        return database.persist(partial(claims.take_back, now=cutoff, attempt=Attempt(by)))
    with database.read() as session:
        return sum(_count(session, kind.model, claims_run_out(kind, cutoff)) for kind in claims.KINDS)


def forget_mail(database: Database, cutoff: datetime, now: datetime, *, dry_run: bool) -> int:
    if dry_run:
        with database.read() as session:
            return _count(session, OutgoingMail, outbox.forgettable(cutoff, now))
    return _in_pages(database, partial(outbox.forget, written_before=cutoff, now=now, at_most=AT_ONCE))


def record_cleanup(
    session: Session, job_id: UUID, removed: Sequence[Removed], now: datetime, *, dry_run: bool
) -> None:
    """What it removed, or would have. A job that is tried again has the report of its last try."""
    rows = [one.row for one in removed]
    session.merge(CleanupReport(id=job_id, finished_at=now, dry_run=dry_run, removed=rows))
    session.flush()
    newest = select(CleanupReport.id).order_by(col(CleanupReport.finished_at).desc()).limit(REPORTS_KEPT)
    kept = session.exec(newest).all()
    session.exec(delete(CleanupReport).where(col(CleanupReport.id).not_in(kept)))


def claims_run_out(kind: claims.Kind, cutoff: datetime) -> ColumnElement[bool]:
    return (kind.column(kind.state) == kind.working) & (col(kind.model.lease_until) < cutoff)


def open_batches(session: Session, now: datetime) -> set[UUID]:
    """Those that are not over: all of their jobs are kept."""
    standing = batches_not_completed(session, now, OPEN)
    return {batch_id for batch_id, status in standing.items() if status in OPEN}


def old_jobs(cutoff: datetime, open_batches: Collection[UUID]) -> ColumnElement[bool]:
    """Jobs that ended before that, and that nothing keeps."""
    of_none_open = or_(col(Job.batch_id).is_(None), col(Job.batch_id).not_in(open_batches))
    is_kept = col(Job.pinned) | col(Job.id).in_(waited_for())
    return col(Job.status).in_(OVER) & (col(Job.finished_at) < cutoff) & ~is_kept & of_none_open


def old_attempts(cutoff: datetime, open_batches: Collection[UUID]) -> ColumnElement[bool]:
    """Those of old jobs; and those of no job, by their own age."""
    attempt_job = col(TaskAttempt.job_id)
    of_old_jobs = attempt_job.in_(select(Job.id).where(old_jobs(cutoff, open_batches)))
    alone = ~exists().where(col(Job.id) == attempt_job)
    is_over = col(TaskAttempt.status).in_(ATTEMPT_OVER)
    return of_old_jobs | (is_over & (col(TaskAttempt.finished_at) < cutoff) & alone)


def _expired(
    session: Session, kind: Kind, cutoff: datetime, now: datetime
) -> tuple[Any, ColumnElement[bool]]:
    """The table of a kind, and which of its rows are past their time."""
    match kind:
        case Kind.FEED:  # its newest row stays: readers go on after it
            newest = select(func.max(JobEvent.id)).scalar_subquery()
            return JobEvent, (col(JobEvent.recorded_at) < cutoff) & (col(JobEvent.id) < newest)
        case Kind.SESSIONS:
            return LoginSession, col(LoginSession.expires_at) < cutoff
        case Kind.LINKS:
            return LoginLink, or_(col(LoginLink.expires_at) < cutoff, col(LoginLink.used_at) < cutoff)
        case Kind.TOKENS:
            return ApiToken, or_(col(ApiToken.expires_at) < cutoff, col(ApiToken.revoked_at) < cutoff)
        case Kind.ATTEMPTS:
            return TaskAttempt, old_attempts(cutoff, open_batches(session, now))
        case Kind.JOBS:  # its attempts go before it
            has_attempts = exists().where(col(TaskAttempt.job_id) == col(Job.id))
            return Job, old_jobs(cutoff, open_batches(session, now)) & ~has_attempts
        case _:
            raise ValueError(f"{kind} are not rows of our database")


def _delete_expired(database: Database, kind: Kind, cutoff: datetime, now: datetime, *, dry_run: bool) -> int:
    if dry_run:
        with database.read() as session:
            if kind == Kind.JOBS:  # by then their attempts would be gone
                return _count(session, Job, old_jobs(cutoff, open_batches(session, now)))
            return _count(session, *_expired(session, kind, cutoff, now))

    def delete_some(session: Session) -> tuple[int, int]:
        model, where = _expired(session, kind, cutoff, now)
        ids = session.exec(select(model.id).where(where).limit(AT_ONCE)).all()
        gone = session.exec(
            delete(model).where(model.id.in_(ids), where).execution_options(synchronize_session=False)
        )
        return len(ids), gone.rowcount

    return _in_pages(database, delete_some)


def _in_pages(database: Database, do_some: Callable[[Session], tuple[int, int]]) -> int:
    """do_some tells how many it found, and of how many it was right."""
    removed = 0
    for _ in range(MOST_TIMES):
        found, gone = database.persist(do_some)
        removed += gone
        if found < AT_ONCE or not gone:
            break
    return removed


def _count(session: Session, model: type[SQLModel], where: ColumnElement[bool]) -> int:
    return session.exec(select(func.count()).select_from(model).where(where)).one()
