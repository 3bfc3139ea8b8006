"""Jobs that wait for others: how that works, and the rows that it rests on.

A job that waits is a real run in Prefect, in a state of the type PAUSED that is named Waiting: no worker
takes such a run, it holds no slot, it is cancelled at once, and Prefect's own pages show it with what it
waits for. (A run SCHEDULED far ahead would keep that date for good as the one Prefect finds and sorts it
by.) What it waits for stands in its tags: run and intent are made by one request, and no crash parts them.

1. Known: wherever a run is recorded (recorder, API), its tags become rows of `job_dependencies`.
2. Settled: what records that a job is over settles the rows that wait for it, in the same transaction.
3. Done: the recorder, woken by Prefect's event of that end, releases a job all of whose rows are met, and
   cancels one of which a row is broken (see dependents.py); the end of that one settles further rows.

Nothing rests on an event that was heard: rows that are settled and not acted upon are found until they are
acted upon, whoever settled them, and what nobody recorded is settled after each comparison with Prefect, at
the recorder's start and every minute. Nothing is done twice: only a run that Prefect calls Waiting at that
moment is released, after which it is not, and one at a time acts on a job.

Why not Prefect's automations: those that resume or change a run act on the run of the event, never on
another; they could only start new runs, one automation for each dependency, to be deleted when it has
fired or never will. They look at events as these pass by and never back: the embedded server keeps what its
triggers have not seen yet in memory, and drops it when it ends. A job that ended as the server died, or
before its automation was made, would be waited for forever. The events are the same ones here; what they
mean is kept in a table.

What begins again: a dependency that was met stays met, and a job that was released stays so. A broken one
waits again when the job that broke it begins again (retry, restart), and so does the job which that had
cancelled, and those that its cancellation had. Jobs cancelled by somebody stay cancelled. Who retries or
resumes a job that still waits for others has it wait; while one of its dependencies is broken, that is
refused. A crash counts after half a minute: until then the job may be begun again.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, and_, or_, true, update
from sqlalchemy import select as select_columns
from sqlmodel import Session, col, select

from casemill.errors import Refused
from casemill.models import (
    NOT_OVER,
    OVER,
    Condition,
    DependencyState,
    FeedKind,
    Job,
    JobDependency,
    JobEvent,
    JobStatus,
)
from casemill.models.job_dependency import NOT_READY_STATE, WAITING_STATE
from casemill.operations.job_dependencies import After, state_of

_PORTION = 400  # ids in one question: databases take a bounded number


@dataclass(frozen=True, slots=True)
class Dependency:
    """A row as people see it, with the job at the other end; None where that is not there any more."""

    job_id: UUID
    on: Condition
    state: DependencyState
    settled_at: datetime | None
    job: Job | None

    @property
    def after(self) -> After:
        return After(job_id=self.job_id, on=self.on)


def settle(session: Session, job_ids: Iterable[UUID], now: datetime) -> None:
    """All that waits for these jobs, and all that they wait for."""
    ids = list(job_ids)
    for start in range(0, len(ids), _PORTION):
        part = ids[start : start + _PORTION]
        ends = or_(col(JobDependency.on_job_id).in_(part), col(JobDependency.job_id).in_(part))
        _settle(session, ends, now, knows_all=False)


def settle_missed(session: Session, now: datetime) -> None:
    """All there is. To be called when every job of Prefect's is recorded: one that is not there is gone."""
    _settle(session, true(), now, knows_all=True)


def _settle(session: Session, which: ColumnElement[bool], now: datetime, *, knows_all: bool) -> None:
    rows = (
        select_columns(
            col(JobDependency.job_id),
            col(JobDependency.on_job_id),
            col(JobDependency.condition),
            col(JobDependency.state),
            col(Job.status),
            col(Job.sub_status),
            col(Job.finished_at),
        )
        .outerjoin(Job, col(Job.id) == JobDependency.on_job_id)
        .where(
            which,
            or_(
                and_(
                    col(JobDependency.state) == DependencyState.WAITING,
                    or_(col(Job.id).is_(None), col(Job.status).in_(OVER)),
                ),
                and_(
                    col(JobDependency.state) == DependencyState.BROKEN,
                    col(Job.status).in_(NOT_OVER),
                ),
            ),
        )
        .order_by(col(JobDependency.job_id), col(JobDependency.on_job_id))
    )
    for job_id, on_job_id, condition, state, *standing in session.connection().execute(rows).all():
        if standing[0] is None and not knows_all:
            continue
        settled = state_of(condition, *standing, now=now)
        if settled != state and _move(session, job_id, on_job_id, state, settled, now):
            data = {"on_job_id": str(on_job_id), "on": condition, "state": settled, "status": standing[0]}
            session.add(JobEvent(kind=FeedKind.DEPENDENCY, job_id=job_id, occurred_at=now, data=data))


def _move(
    session: Session,
    job_id: UUID,
    on_job_id: UUID,
    state: DependencyState,
    to: DependencyState,
    now: datetime,
) -> bool:
    moved = session.exec(
        update(JobDependency)
        .where(
            col(JobDependency.job_id) == job_id,
            col(JobDependency.on_job_id) == on_job_id,
            col(JobDependency.state) == state,
        )
        .values(state=to, settled_at=None if to == DependencyState.WAITING else now)
        .execution_options(synchronize_session=False)
    )
    return moved.rowcount == 1


def undone(session: Session, *, everything: bool = False) -> list[UUID]:
    """Jobs of which all is settled, or enough, and that are not where this should have brought them.

    Without everything, cancelled jobs that should wait again are found by rows that do wait: else all that
    were ever cancelled like this would be looked at.
    """
    waiting = (col(Job.status) == JobStatus.PENDING, col(Job.state_name) == WAITING_STATE)
    cancelled = (col(Job.status) == JobStatus.CANCELLED, col(Job.state_name) == NOT_READY_STATE)
    states: Any = select_columns(col(JobDependency.job_id), col(JobDependency.state)).join(
        Job, col(Job.id) == JobDependency.job_id
    )
    again = states.where(*cancelled)
    if not everything:
        live = select(JobDependency.job_id).where(JobDependency.state == DependencyState.WAITING)
        again = again.where(col(JobDependency.job_id).in_(live))
    held, ended = _by_job(session, states.where(*waiting)), _by_job(session, again)
    return [
        *(job_id for job_id, states in held.items() if standing(states) != DependencyState.WAITING),
        *(job_id for job_id, states in ended.items() if standing(states) != DependencyState.BROKEN),
    ]


def standing(states: Collection[DependencyState]) -> DependencyState:
    """Of a job by all that it waits for: one that is broken breaks it, whatever becomes of the others."""
    for state in (DependencyState.BROKEN, DependencyState.WAITING):
        if state in states:
            return state
    return DependencyState.MET


def _by_job(session: Session, query: Any) -> dict[UUID, list[DependencyState]]:
    found: dict[UUID, list[DependencyState]] = {}
    for job_id, state in session.connection().execute(query):
        found.setdefault(job_id, []).append(state)
    return found


def still_waits_for(session: Session, job_id: UUID) -> list[After]:
    """What has not come yet. Raises Refused where it cannot come: whoever wants the job to go on has to
    see to the other one first."""
    found = dependencies_of(session, [job_id]).get(job_id, [])
    for row in found:
        if row.state != DependencyState.BROKEN:
            continue
        if row.job is None:
            raise Refused(f"It was to wait for {row.after}, and that is not there any more; start a new job")
        raise Refused(
            f"It was to wait for {row.after}, and that is {row.job.status}. Retry that job, and this one "
            "waits for it again; or start a new job that does not wait"
        )
    return [row.after for row in found if row.state == DependencyState.WAITING]


def dependencies_of(session: Session, job_ids: Collection[UUID]) -> dict[UUID, list[Dependency]]:
    """What these jobs wait or waited for; those that never did are left out."""
    found: dict[UUID, list[Dependency]] = {}
    query = (
        select(JobDependency, Job)
        .outerjoin(Job, col(Job.id) == JobDependency.on_job_id)
        .where(col(JobDependency.job_id).in_(job_ids))
        .order_by(col(JobDependency.on_job_id))
    )
    for row, job in session.exec(query):
        shown = Dependency(row.on_job_id, row.condition, row.state, row.settled_at, job)
        found.setdefault(row.job_id, []).append(shown)
    return found


def dependents_of(session: Session, job_id: UUID, only_of: UUID | None, at_most: int) -> list[Dependency]:
    """Who waits or waited for the job; of the jobs of `only_of` alone, if given."""
    query = (
        select(JobDependency, Job)
        .join(Job, col(Job.id) == JobDependency.job_id)
        .where(JobDependency.on_job_id == job_id)
        .order_by(col(Job.created_at), col(Job.id))
        .limit(at_most)
    )
    if only_of is not None:
        query = query.where(Job.user_id == only_of)
    return [
        Dependency(row.job_id, row.condition, row.state, row.settled_at, job)
        for row, job in session.exec(query)
    ]
