"""Where batches stand: derived from their ledgers and the jobs that work on them, never stored."""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast
from uuid import UUID

from sqlalchemy import ColumnElement, case, func, union
from sqlalchemy import select as select_columns
from sqlmodel import Session, col, select

from casemill.models import NOT_OVER, Batch, CaseStep, Job, JobStatus, JobSubStatus, StepState, WorkQueue
from casemill.operations.batch_progress import StepProgress
from casemill.operations.batch_status import OPEN, BatchStatus, JobCounts, LedgerCounts, derive, place_of

SUBMITTING = timedelta(seconds=90)
"""For so long a batch may be without a job: it is being handed out, or its first job is not recorded yet."""

_NOT_COMPLETED = tuple(state for state in StepState if state != StepState.COMPLETED)


@dataclass(frozen=True, slots=True)
class Standing:
    """why is a sentence where the status alone would leave people wondering."""

    status: BatchStatus
    why: str | None
    ledger: LedgerCounts
    jobs: JobCounts


def standings(session: Session, batch_ids: Collection[UUID], now: datetime) -> dict[UUID, Standing]:
    """Of each of these batches that exists."""
    made = session.exec(select(Batch.id, Batch.created_at).where(col(Batch.id).in_(batch_ids))).all()
    ledgers = _ledgers(session, now, col(CaseStep.batch_id).in_(batch_ids))
    jobs = _jobs(session, col(Job.batch_id).in_(batch_ids))
    return {
        batch_id: _standing(ledgers.get(batch_id), jobs.get(batch_id), is_new=now - at < SUBMITTING)
        for batch_id, at in made
    }


def batches_not_completed(
    session: Session, now: datetime, wanted: Collection[BatchStatus] = tuple(BatchStatus)
) -> dict[UUID, BatchStatus]:
    """Batches with something that is not completed, all that have one of these statuses among them.

    Only what may have them is looked at: few are open among the many that were ever started.
    """
    if set(wanted) <= set(OPEN):
        which = _open(now)
        ledgers = _ledgers(session, now, col(CaseStep.batch_id).in_(which))
    else:
        which = select(CaseStep.batch_id).where(not_completed()).distinct()
        ledgers = _ledgers(session, now, not_completed())
    jobs = _jobs(session, col(Job.batch_id).in_(which))
    new = set(session.exec(select(Batch.id).where(col(Batch.created_at) > now - SUBMITTING)))
    return {
        batch_id: _standing(counts, jobs.get(batch_id), is_new=batch_id in new).status
        for batch_id, counts in ledgers.items()
        if counts.left or counts.broken
    }


def not_completed() -> ColumnElement[bool]:
    """Of rows of a ledger."""
    return col(CaseStep.state).in_(_NOT_COMPLETED)


def _open(now: datetime) -> Any:
    """Batches that may be open: new, with a job that is not over, or with a row under a claim."""
    new = select(Batch.id).where(col(Batch.created_at) > now - SUBMITTING)
    with_jobs = select(Job.batch_id).where(col(Job.status).in_(NOT_OVER), col(Job.batch_id).is_not(None))
    at_work = select(CaseStep.batch_id).where(CaseStep.state == StepState.RUNNING)
    return union(new, with_jobs, at_work)  # pyright: ignore[reportUnknownVariableType]  it forgets of what


def step_standings(session: Session, batch: Batch) -> list[StepProgress]:
    """As step_progress, of a ledger too long to be read."""
    columns: list[Any] = [CaseStep.step, CaseStep.state, func.count(), func.sum(part_done())]
    query = select_columns(*columns).where(col(CaseStep.batch_id) == batch.id).group_by(*columns[:2])
    cases: dict[str, Counter[StepState]] = {name: Counter() for name in batch.steps}
    done = dict.fromkeys(batch.steps, 0.0)
    for step, state, rows, parts in cast(
        Sequence[tuple[str, StepState, int, float]], session.connection().execute(query).all()
    ):
        if step in cases:
            cases[step][state] += rows
            done[step] += float(parts)
    return [StepProgress(name, cases[name], done[name], cases[name].total()) for name in batch.steps]


def part_done() -> ColumnElement[Any]:
    """Of a row, 0 to 1: what runs counts by its documents, what failed is through."""
    running = col(CaseStep.state) == StepState.RUNNING
    part: ColumnElement[Any] = col(CaseStep.done) * 1.0 / col(CaseStep.total)
    return case(
        (col(CaseStep.state) == StepState.PENDING, 0.0),
        (running & (col(CaseStep.total) > 0), part),
        (running, 0.0),
        else_=1.0,
    )


def _standing(ledger: LedgerCounts | None, jobs: JobCounts | None, *, is_new: bool) -> Standing:
    rows, mine = ledger or LedgerCounts(), jobs or JobCounts()
    return Standing(*derive(rows, mine, is_new=is_new), rows, mine)


def _ledgers(session: Session, now: datetime, where: ColumnElement[bool]) -> dict[UUID, LedgerCounts]:
    running = col(CaseStep.state) == StepState.RUNNING
    live = func.sum(case((running & (col(CaseStep.lease_until) > now), 1), else_=0))
    columns: list[Any] = [CaseStep.batch_id, CaseStep.state, func.count(), live, func.sum(part_done())]
    query = select_columns(*columns).where(where).group_by(*columns[:2])
    counted = session.connection().execute(query).all()
    found: dict[UUID, LedgerCounts] = {}
    for batch_id, state, rows, working, parts in cast(
        Sequence[tuple[UUID, StepState, int, int, float]], counted
    ):
        counts = found.setdefault(batch_id, LedgerCounts())
        counts.states[state] += rows
        counts.working += working
        counts.done += float(parts)
    return found


def _jobs(session: Session, where: ColumnElement[bool]) -> dict[UUID, JobCounts]:
    paused = session.exec(select(WorkQueue).where(col(WorkQueue.paused))).all()
    all_held = any(queue.is_pool for queue in paused)
    held = {queue.name for queue in paused}
    parts: list[Any] = [Job.batch_id, Job.status, Job.sub_status, Job.queue]
    query = select_columns(*parts, func.count(), func.max(Job.finished_at)).where(where).group_by(*parts)
    counted = session.connection().execute(query).all()
    found: dict[UUID, JobCounts] = {}
    for batch_id, status, sub_status, queue, jobs, ended in cast(
        Sequence[tuple[UUID, JobStatus, JobSubStatus | None, str | None, int, datetime | None]], counted
    ):
        counts = found.setdefault(batch_id, JobCounts())
        place = place_of(status, sub_status, is_held=all_held or queue in held)
        setattr(counts, place, getattr(counts, place) + jobs)
        if status == JobStatus.CANCELLED:
            counts.cancelled_at = _later(counts.cancelled_at, ended)
        if status == JobStatus.FAILED:
            counts.failed_at = _later(counts.failed_at, ended)
    return found


def _later(one: datetime | None, other: datetime | None) -> datetime | None:
    return max((moment for moment in (one, other) if moment), default=None)
