"""Reading the feed along as it grows, and looking back in it.

PostgreSQL gives a row its id when it is written and shows it when its transaction commits, so a lower id may
appear after a higher one was read. An id that is left out is therefore looked for until every transaction
that could still bring it has ended.
"""

import time
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, func, or_, text
from sqlmodel import Session, col, select

from casemill.db import Database
from casemill.models import Batch, FeedKind, Job, JobEvent

FOR_ALL = (FeedKind.WORKER, FeedKind.ALERT, FeedKind.DOCUMENT)
"""Kinds of rows that are nobody's in particular."""

_AT_ONCE = 1000
_LOOK_BACK = 1000  # ids before the first look in which something may still be missing
_SETTLED_SECONDS = 1.0  # between taking an id and being known as a transaction lies less than that
_MOST_GAPS = 200


@dataclass(frozen=True, slots=True)
class FeedRow:
    """A row of the feed. user_id is whose job or batch it is about.

    resume_at is the highest id up to which nothing is outstanding once this row is handed on; who comes back
    goes on there.
    """

    id: int
    resume_at: int
    kind: FeedKind
    job_id: UUID | None
    user_id: UUID | None
    occurred_at: datetime
    data: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Gap:
    """Ids left out. horizon: once all transactions below it have ended, nothing will fill it any more."""

    first: int
    last: int
    noticed: float
    horizon: int | None = None

    def without(self, ids: Iterable[int]) -> list["Gap"]:
        """What is left of it once these are there."""
        left, start = list[Gap](), self.first
        for found in sorted(ids):
            if start <= found <= self.last:
                if start < found:
                    left.append(Gap(start, found - 1, self.noticed, self.horizon))
                start = found + 1
        if start <= self.last:
            left.append(Gap(start, self.last, self.noticed, self.horizon))
        return left


@dataclass(frozen=True, slots=True)
class Position:
    """How far the feed has been read."""

    last: int = 0
    gaps: tuple[Gap, ...] = ()

    @property
    def safe(self) -> int:
        """Up to here nothing is outstanding."""
        return min((gap.first for gap in self.gaps), default=self.last + 1) - 1

    def may_bring(self, row_id: int) -> bool:
        """Whether this row may still come late."""
        return any(gap.first <= row_id <= gap.last for gap in self.gaps)


@dataclass(frozen=True, slots=True)
class Look:
    """What one look brought. is_full: there is more at once."""

    rows: list[FeedRow]
    position: Position
    is_full: bool


class FeedReader:
    """Follows the feed from the moment of `start`; one thread at a time."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._comes_late = database.engine.dialect.name != "sqlite"  # SQLite has one writer at a time
        self._position = Position()

    def start(self) -> Position:
        with self._database.read() as session:
            last, gaps = newest_id(session), list[Gap]()
            if self._comes_late:
                recent = select(JobEvent.id).where(col(JobEvent.id) > last - _LOOK_BACK)
                ids = [found for found in session.exec(recent) if found is not None]
                if ids:  # what comes before them was deleted, and is no gap
                    gaps = Gap(min(ids), last, time.monotonic()).without(ids)
        self._position = Position(last, tuple(gaps[-_MOST_GAPS:]))
        return self._position

    def look(self) -> Look:
        """What is there since the last look, in the order of ids."""
        position = self._position
        with self._database.read() as session:
            oldest, next_one = _transactions(session) if self._comes_late else (0, 0)
            found = _rows(session, [col(JobEvent.id) > position.last], _AT_ONCE)
            is_full = len(found) == _AT_ONCE
            if position.gaps:
                within = [col(JobEvent.id).between(gap.first, gap.last) for gap in position.gaps]
                found = [*_rows(session, [or_(*within)], None), *found]
            owners = _batch_owners(session, [event for event, _ in found])
        ids = [_id(event) for event, _ in found]
        self._position = after = self._advanced(position, ids, oldest, next_one)
        rows = [
            _row(event, user_id, owners, min(_id(event), after.safe)) for event, user_id in found[:-1]
        ] + [_row(event, user_id, owners, after.safe) for event, user_id in found[-1:]]
        return Look(rows, after, is_full)

    def _advanced(self, before: Position, ids: Sequence[int], oldest: int, next_one: int) -> Position:
        last = max([before.last, *ids])
        if not self._comes_late:
            return Position(last)
        now = time.monotonic()
        gaps: list[Gap] = []
        for gap in before.gaps:
            if gap.horizon is not None and oldest >= gap.horizon:
                continue
            if gap.horizon is None and now - gap.noticed >= _SETTLED_SECONDS:
                gap = Gap(gap.first, gap.last, gap.noticed, next_one)
            gaps.extend(gap.without(ids))
        if last > before.last:
            gaps.extend(Gap(before.last + 1, last, now).without(ids))
        return Position(last, tuple(gaps[-_MOST_GAPS:]))


def newest_id(session: Session, job_id: UUID | None = None) -> int:
    """Of the feed, or of what it says of one job; 0 if that is nothing."""
    newest = select(func.max(JobEvent.id))
    if job_id is not None:
        newest = newest.where(JobEvent.job_id == job_id)
    return session.exec(newest).one() or 0


def has_lost(session: Session, after: int) -> bool:
    """Whether rows that came after this one are gone, or the row is of another database's feed."""
    first = session.exec(select(func.min(JobEvent.id))).one()
    if first is None:
        return after > 0
    return after > newest_id(session) or 0 < after < first - 1


def rows_between(
    session: Session,
    after: int,
    position: Position,
    *,
    job_id: UUID | None = None,
    kinds: Collection[FeedKind] | None = None,
    only_of: UUID | None = None,
    at_most: int = _AT_ONCE,
) -> list[FeedRow]:
    """Rows after that id, up to the position, in the order of ids. only_of leaves out others' jobs."""
    wanted: list[ColumnElement[bool]] = [col(JobEvent.id) > after, col(JobEvent.id) <= position.last]
    if job_id is not None:
        wanted.append(col(JobEvent.job_id) == job_id)
    if kinds is not None:
        wanted.append(col(JobEvent.kind).in_(kinds))
    if only_of is not None:
        for_all = col(JobEvent.kind).in_([*FOR_ALL, FeedKind.BATCH])
        wanted.append(or_(col(Job.user_id) == only_of, for_all))
    found = _rows(session, wanted, at_most)
    owners = _batch_owners(session, [event for event, _ in found])
    return [_row(event, user_id, owners, min(_id(event), position.safe)) for event, user_id in found]


def _rows(
    session: Session, wanted: Iterable[ColumnElement[bool]], at_most: int | None
) -> list[tuple[JobEvent, UUID | None]]:
    query = (
        select(JobEvent, Job.user_id)
        .outerjoin(Job, col(Job.id) == JobEvent.job_id)
        .where(*wanted)
        .order_by(col(JobEvent.id))
        .limit(at_most)
    )
    return [(event, user_id) for event, user_id in session.exec(query)]


def _batch_owners(session: Session, events: Iterable[JobEvent]) -> dict[UUID, UUID | None]:
    ids = {batch for event in events if event.kind == FeedKind.BATCH if (batch := _batch_id(event))}
    if not ids:
        return {}
    return dict(session.exec(select(Batch.id, Batch.user_id).where(col(Batch.id).in_(ids))).all())


def _row(event: JobEvent, user_id: UUID | None, owners: dict[UUID, UUID | None], resume_at: int) -> FeedRow:
    batch_id = _batch_id(event) if event.kind == FeedKind.BATCH else None
    return FeedRow(
        id=_id(event),
        resume_at=resume_at,
        kind=event.kind,
        job_id=event.job_id,
        user_id=owners.get(batch_id, user_id) if batch_id else user_id,
        occurred_at=event.occurred_at,
        data=event.data,
    )


def _batch_id(event: JobEvent) -> UUID | None:
    try:
        return UUID(str(event.data.get("batch_id")))
    except ValueError:
        return None


def _id(event: JobEvent) -> int:
    return event.id or 0


def _transactions(session: Session) -> tuple[int, int]:
    """PostgreSQL's oldest transaction that has not ended, and the number of the next that begins."""
    snapshot = text(
        "SELECT CAST(CAST(pg_snapshot_xmin(now) AS text) AS bigint), "
        "CAST(CAST(pg_snapshot_xmax(now) AS text) AS bigint) FROM pg_current_snapshot() AS now"
    )
    oldest, next_one = session.connection().execute(snapshot).one()
    return int(oldest), int(next_one)
