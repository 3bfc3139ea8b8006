"""The queue as Prefect serves it, from our rows: who holds a slot, and who comes next.

Follows the query with which Prefect's server answers a worker that asks for work
(prefect/server/database/sql/*/get-runs-from-worker-queues.sql.jinja): each queue that is not paused hands out
as many due runs as it has slots left, the oldest first; the pool takes them by the queue's priority, then by
time, as far as its own slots go. Runs that are RUNNING or PENDING there hold a slot. (On PostgreSQL
Prefect forgets those of a paused queue when it counts the pool's slots, on SQLite it does not; here they
count: what runs, runs.) Within a queue, jobs of batches of a higher priority come first (see
jobs.waiting_since).
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, and_, case, false, func, or_, true
from sqlalchemy import select as select_columns
from sqlmodel import Session, col, select

from casemill.models import Batch, Job, JobStatus, Worker, WorkQueue
from casemill.models.job_dependency import WAITING_STATE
from casemill.operations.limits import limits_in_force
from casemill.settings import Settings

TAKEN = ("Pending", "Submitting", "InfrastructurePending")
"""Names of Prefect's PENDING states: a worker has taken the run."""

_UNLIMITED = 1_000_000_000


def is_taken(job: Job) -> bool:
    """A worker has it and is about to start its process."""
    return job.status == JobStatus.PENDING and job.state_name in TAKEN


def holds_slot() -> ColumnElement[bool]:
    """Of jobs: Prefect counts a cancelling one and one between two tries as gone."""
    return or_(
        and_(col(Job.status) == JobStatus.RUNNING, col(Job.sub_status).is_(None)),
        and_(col(Job.status) == JobStatus.PENDING, col(Job.state_name).in_(TAKEN)),
    )


def waits_for_slot() -> ColumnElement[bool]:
    """Of jobs: due, and not taken by a worker yet. Those that wait for other jobs stand in no line."""
    return and_(col(Job.status) == JobStatus.PENDING, col(Job.state_name).not_in((*TAKEN, WAITING_STATE)))


def waits_for_jobs() -> ColumnElement[bool]:
    """Of jobs: no worker is given them before others have ended."""
    return and_(col(Job.status) == JobStatus.PENDING, col(Job.state_name) == WAITING_STATE)


def taken_before(moment: datetime) -> ColumnElement[bool]:
    """Of jobs: a worker took them before that, and has not begun them yet."""
    return and_(
        col(Job.status) == JobStatus.PENDING, col(Job.state_name).in_(TAKEN), col(Job.state_at) < moment
    )


@dataclass(frozen=True, slots=True)
class Holder:
    """A job that holds a slot."""

    id: UUID
    queue: str | None
    user_id: UUID | None


@dataclass(frozen=True, slots=True)
class Place:
    """Counted from 1: in the whole queue, and among those of its own queue."""

    overall: int
    in_queue: int


@dataclass(frozen=True, slots=True)
class Turn:
    """How many wait in queues that are not paused, and since when the oldest that its queue would let go."""

    waiting: int
    oldest_due_at: datetime | None


@dataclass(frozen=True, slots=True)
class Line:
    """Places of the jobs that come next, the first first, and how it is with all that wait."""

    places: dict[UUID, Place]
    turn: Turn


@dataclass(frozen=True)
class Serving:
    """Pool, queues and workers as Prefect last described them, and who holds a slot.

    is_known is False until the recorder has read the pool for the first time.
    """

    is_known: bool
    pool_paused: bool
    pool_limit: int | None
    queues: dict[str, WorkQueue]
    workers: tuple[Worker, ...]
    holders: tuple[Holder, ...]
    default_user_limit: int

    def queue_paused(self, name: str | None) -> bool:
        return name in self.queues and self.queues[name].paused

    def queue_limit(self, name: str | None) -> int | None:
        """What a queue has that was not read yet is what a user's queue is made with."""
        if name in self.queues:
            return self.queues[name].concurrency_limit
        return self.default_user_limit if (name or "").startswith("user-") else None

    def in_queue(self, name: str | None) -> list[Holder]:
        return [holder for holder in self.holders if holder.queue == name]

    @property
    def in_pool(self) -> list[Holder]:
        """Those in queues of our pool; where nothing is known of it yet, in any."""
        known = self.queues if self.is_known else {holder.queue for holder in self.holders if holder.queue}
        return [holder for holder in self.holders if holder.queue in known]

    @property
    def free_in_pool(self) -> int:
        return _free(self.pool_limit, len(self.in_pool))

    def free_in_queue(self, name: str | None) -> int:
        return _free(self.queue_limit(name), len(self.in_queue(name)))

    @property
    def online(self) -> list[Worker]:
        return [worker for worker in self.workers if worker.online]

    @property
    def last_heartbeat_at(self) -> datetime | None:
        return max((w.last_heartbeat_at for w in self.workers if w.last_heartbeat_at), default=None)


def serving(session: Session, settings: Settings, queues: Iterable[str | None] = ()) -> Serving:
    """As of now, with the queues named and those of jobs that hold a slot."""
    found = session.exec(
        select(Job.id, Job.queue, Job.user_id).where(holds_slot()).order_by(col(Job.started_at), col(Job.id))
    )
    holders = tuple(Holder(*row) for row in found)
    names = {name for name in queues if name} | {holder.queue for holder in holders if holder.queue}
    rows = session.exec(
        select(WorkQueue).where(or_(col(WorkQueue.is_pool), col(WorkQueue.name).in_(sorted(names))))
    ).all()
    pool = next((row for row in rows if row.is_pool), None)
    limits = limits_in_force(session, settings)
    return Serving(
        is_known=pool is not None,
        pool_paused=pool.paused if pool else False,
        pool_limit=pool.concurrency_limit if pool else limits.jobs_at_once,
        queues={row.name: row for row in rows if not row.is_pool},
        workers=tuple(session.exec(select(Worker).order_by(Worker.name))),
        holders=holders,
        default_user_limit=limits.jobs_per_user,
    )


def places(session: Session, ids: Collection[UUID]) -> dict[UUID, Place]:
    """Of those of the jobs that wait in a queue which is not paused."""
    if not ids:
        return {}
    turns = _turns()
    query = select_columns(turns.c.id, turns.c.place, turns.c.in_queue).where(turns.c.id.in_(ids))
    return {row[0]: Place(row[1], row[2]) for row in session.connection().execute(query)}


def line_up(session: Session, at_most: int, only_of: UUID | None = None) -> Line:
    """The jobs that come next, of everybody or one user, and how it is with all that wait."""
    turns = _turns()
    has_slot = turns.c.in_queue <= turns.c.free
    oldest: Any = func.min(case((has_slot, turns.c.due_at))).over()
    every: Any = func.count().over()
    line = select_columns(turns, every.label("waiting"), oldest.label("oldest")).subquery("line")
    query = select_columns(line).order_by(line.c.place).limit(max(at_most, 1))
    rows = session.connection().execute(query if only_of is None else query.where(line.c.user_id == only_of))
    found = rows.all()
    if not found and only_of is not None:
        return Line({}, line_up(session, 0).turn)  # others may wait
    turn = Turn(found[0].waiting, found[0].oldest) if found else Turn(0, None)
    return Line({row.id: Place(row.place, row.in_queue) for row in found[:at_most]}, turn)


def jobs_in(session: Session, line: Line) -> list[Job]:
    found = {job.id: job for job in session.exec(select(Job).where(col(Job.id).in_(line.places)))}
    return [found[job_id] for job_id in line.places if job_id in found]


def jobs_held(session: Session, at_most: int, only_of: UUID | None = None) -> Sequence[Job]:
    """Those that wait and are in no line: their queue is paused, or they are in none. The oldest first."""
    paused = select(WorkQueue.name).where(col(WorkQueue.paused), ~col(WorkQueue.is_pool))
    query = select(Job).where(waits_for_slot(), or_(col(Job.queue).is_(None), col(Job.queue).in_(paused)))
    if only_of is not None:
        query = query.where(Job.user_id == only_of)
    return session.exec(query.order_by(col(Job.scheduled_at), col(Job.id)).limit(at_most)).all()


def overdue_jobs(session: Session, scene: Serving, before: datetime) -> int:
    """How many were due before that and wait though neither a pause nor a limit holds them."""
    if scene.pool_paused:
        return 0
    turns = _turns()
    held_by_nothing = (turns.c.in_queue <= turns.c.free, turns.c.place <= scene.free_in_pool)
    wanted = select_columns(func.count(turns.c.id)).where(*held_by_nothing, turns.c.due_at < before)
    return session.connection().execute(wanted).scalar_one()


def _turns() -> Any:
    """All that waits, with its place: those first that have a free slot in their queue."""
    queue: Any = col(Job.queue)
    held = (
        select_columns(queue.label("queue"), func.count().label("held"))
        .where(holds_slot())
        .group_by(queue)
        .subquery("held")
    )
    urgency: Any = func.coalesce(col(Batch.priority), 0)  # their jobs are dated back in Prefect by far
    in_queue: Any = func.row_number().over(
        partition_by=queue, order_by=(urgency.desc(), _due_at(), col(Job.id))
    )
    limit = func.coalesce(col(WorkQueue.concurrency_limit), _UNLIMITED)
    columns: list[Any] = [
        col(Job.id).label("id"),
        col(Job.user_id).label("user_id"),
        in_queue.label("in_queue"),
        _due_at().label("due_at"),
        urgency.label("urgency"),
        func.coalesce(col(WorkQueue.priority), _UNLIMITED).label("priority"),
        (limit - func.coalesce(held.c.held, 0)).label("free"),
    ]
    waiting = (
        select_columns(*columns)
        .select_from(Job)
        .outerjoin(WorkQueue, and_(col(WorkQueue.name) == queue, col(WorkQueue.is_pool) == false()))
        .outerjoin(Batch, col(Batch.id) == col(Job.batch_id))
        .outerjoin(held, held.c.queue == queue)
        .where(
            waits_for_slot(),
            queue.is_not(None),
            func.coalesce(col(WorkQueue.paused), false()) != true(),
        )
    )
    ranked = waiting.subquery("waiting")
    has_slot = ranked.c.in_queue <= ranked.c.free
    place: Any = func.row_number().over(
        order_by=(has_slot.desc(), ranked.c.priority, ranked.c.urgency.desc(), ranked.c.due_at, ranked.c.id)
    )
    kept = (ranked.c.id, ranked.c.user_id, ranked.c.in_queue, ranked.c.free, ranked.c.due_at)
    return select_columns(*kept, place.label("place")).subquery("turns")


def _due_at() -> ColumnElement[datetime]:
    return func.coalesce(col(Job.scheduled_at), col(Job.created_at))


def _free(limit: int | None, held: int) -> int:
    return _UNLIMITED if limit is None else max(limit - held, 0)
