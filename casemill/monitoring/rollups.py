"""Counting finished attempts, a million of them in milliseconds, and always exactly.

Whole hours come from a rollup, the edges of the asked span from the attempts themselves. In the transaction
that changes what an hour adds up to, triggers of the database mark that hour stale (see
casemill.migrations.sqlite_triggers); as long as it is, its attempts are counted one by one. Whoever adds,
changes or deletes attempts has nothing to do here.
"""

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

from sqlalchemy import ColumnElement, Integer, delete, extract, func, insert, literal
from sqlalchemy import cast as sql_cast
from sqlalchemy import select as sql_select
from sqlmodel import Session, col

from casemill.db import Database
from casemill.models import AttemptHour, AttemptStatus, StaleHour, TaskAttempt
from casemill.models.columns import Utc

_HOUR = timedelta(hours=1)
_WEEK = timedelta(days=7)
_TICK = timedelta(microseconds=1)  # the finest that either database keeps: (a, b] is [a + tick, b + tick)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ENDINGS = (AttemptStatus.SUCCESS, AttemptStatus.FAILED, AttemptStatus.CANCELLED)  # as a Tally has them
_HOURS_AT_ONCE = 200
_SECONDS_AT_ONCE = 0.5


@dataclass(frozen=True, slots=True)
class Tally:
    """Attempts that ended, by how; of those measured, the duration is known: seconds together."""

    success: int = 0
    failed: int = 0
    cancelled: int = 0
    measured: int = 0
    seconds: float = 0.0

    def __add__(self, other: "Tally") -> "Tally":
        return Tally(
            self.success + other.success,
            self.failed + other.failed,
            self.cancelled + other.cancelled,
            self.measured + other.measured,
            self.seconds + other.seconds,
        )

    @property
    def total(self) -> int:
        return self.success + self.failed + self.cancelled

    @property
    def average(self) -> float | None:
        """Seconds; None where no duration is known."""
        return self.seconds / self.measured if self.measured else None


@dataclass(frozen=True, slots=True)
class Span:
    """From start on, before end."""

    start: datetime
    end: datetime

    def holds(self, column: Any) -> ColumnElement[bool]:
        return (column >= self.start) & (column < self.end)


def tally_by_function(session: Session, after: datetime, until: datetime) -> dict[str, Tally]:
    """What ended in (after, until]."""
    whole, single = _parts(session, Span(after + _TICK, until + _TICK))
    found: dict[str, Tally] = {}
    rows = [*_rolled_up(session, whole, col(AttemptHour.function))]
    rows += [row for span in single for row in _one_by_one(session, span, col(TaskAttempt.function))]
    for function, tally in rows:
        found[function] = found.get(function, Tally()) + tally
    return found


def tally_by_time(
    session: Session, after: datetime, until: datetime, size: timedelta
) -> list[tuple[datetime, Tally]]:
    """What ended in (after, until], by stretches of the clock (UTC), those without anything included.

    The first and the last stretch may reach out of the span; only what lies in it is counted. size is whole
    hours, or goes into one.
    """
    asked = Span(after + _TICK, until + _TICK)
    start, last = _floor(asked.start, size), _floor(until, size)
    found = {start + number * size: Tally() for number in range((last - start) // size + 1)}
    whole, single = _parts(session, asked) if size >= _HOUR else ([], [asked])
    for hour, tally in _rolled_up(session, whole, col(AttemptHour.hour)):
        found[_floor(hour, size)] += tally
    for span in single:
        for number, tally in _one_by_one(session, span, _stretch(session, size)):
            found[_EPOCH + number * size] += tally
    return list(found.items())


def recount_stale_hours(database: Database, now: datetime) -> int:
    """Counts hours that are over anew, the latest first, for half a second at most; how many it did.

    Each in a transaction of its own, so that whoever writes attempts does not wait.
    """
    deadline = time.monotonic() + _SECONDS_AT_ONCE
    with database.read() as session:
        over = sql_select(col(StaleHour.hour)).where(col(StaleHour.hour) <= now - _HOUR)
        hours = session.scalars(over.order_by(col(StaleHour.hour).desc()).limit(_HOURS_AT_ONCE)).all()
    done = 0
    for hour in hours:
        if done and time.monotonic() > deadline:
            break
        with database.write() as session:
            done += _recount(session, hour)
    return done


def _recount(session: Session, hour: datetime) -> bool:
    """Not if somebody is writing in that hour just now: they hold its mark."""
    mark = sql_select(col(StaleHour.hour)).where(col(StaleHour.hour) == hour)
    if session.scalars(mark.with_for_update(skip_locked=True)).first() is None:
        return False
    connection = session.connection()
    connection.execute(delete(StaleHour).where(col(StaleHour.hour) == hour))
    connection.execute(delete(AttemptHour).where(col(AttemptHour.hour) == hour))
    counted = _counts(Span(hour, hour + _HOUR), col(TaskAttempt.function), col(TaskAttempt.status))
    names = ["hour", "function", "status", "count", "measured", "seconds"]
    rows = counted.with_only_columns(literal(hour, Utc()), *counted.selected_columns)
    connection.execute(insert(AttemptHour).from_select(names, rows))
    return True


def _parts(session: Session, asked: Span) -> tuple[list[Span], list[Span]]:
    """The whole hours of which the rollup is right, and the rest."""
    first = _floor(asked.start + _HOUR - _TICK, _HOUR)
    last = _floor(asked.end, _HOUR)
    if first >= last:
        return [], [asked]
    inside = sql_select(col(StaleHour.hour)).where(Span(first, last).holds(col(StaleHour.hour)))
    stale = session.scalars(inside.order_by(col(StaleHour.hour))).all()
    hours = [Span(hour, hour + _HOUR) for hour in stale]
    single = list(_joined([Span(asked.start, first), *hours, Span(last, asked.end)]))
    whole = [Span(one.end, other.start) for one, other in pairwise(single)]
    return whole, [span for span in single if span.start < span.end]


def _joined(spans: Iterable[Span]) -> Iterator[Span]:
    """Those that touch as one. They come in order."""
    current: Span | None = None
    for span in spans:
        if current is not None and current.end == span.start:
            current = Span(current.start, span.end)
            continue
        if current is not None:
            yield current
        current = span
    if current is not None:
        yield current


def _rolled_up(session: Session, spans: Sequence[Span], by: Any) -> Iterator[tuple[Any, Tally]]:
    if not spans:
        return
    query = sql_select(
        by,
        col(AttemptHour.status),
        func.sum(AttemptHour.count),
        func.sum(AttemptHour.measured),
        func.sum(AttemptHour.seconds),
    ).group_by(by, col(AttemptHour.status))
    for reach in _weeks(Span(spans[0].start, spans[-1].end)):
        stale = sql_select(col(StaleHour.hour)).where(reach.holds(col(StaleHour.hour)))
        fresh = col(AttemptHour.hour).not_in(stale)
        yield from _tallies(session, query.where(reach.holds(col(AttemptHour.hour)), fresh))


def _weeks(span: Span) -> Iterator[Span]:
    """PostgreSQL takes the index for a small part of the rollup, and would read all of it for a month."""
    start = span.start
    while start < span.end:
        yield Span(start, min(start + _WEEK, span.end))
        start += _WEEK


def _one_by_one(session: Session, span: Span, by: Any) -> Iterator[tuple[Any, Tally]]:
    yield from _tallies(session, _counts(span, by, col(TaskAttempt.status)))


def _counts(span: Span, *by: Any) -> Any:
    finished, duration = col(TaskAttempt.finished_at), col(TaskAttempt.duration)
    query = sql_select(*by, func.count(), func.count(duration), func.coalesce(func.sum(duration), 0.0))
    return query.where(span.holds(finished)).group_by(*by)


def _tallies(session: Session, query: Any) -> Iterator[tuple[Any, Tally]]:
    for by, status, count, measured, seconds in session.connection().execute(query):
        success, failed, cancelled = (int(count) * (status == one) for one in _ENDINGS)
        yield by, Tally(success, failed, cancelled, int(measured), float(seconds))


def _floor(at: datetime, size: timedelta) -> datetime:
    return _EPOCH + (at - _EPOCH) // size * size


def _stretch(session: Session, size: timedelta) -> Any:
    """The number of the stretch in which an attempt finished, counted from 1970."""
    seconds = int(size.total_seconds())
    if session.get_bind().dialect.name == "sqlite":
        whole = func.substr(col(TaskAttempt.finished_at), 1, 19)  # strftime may round parts of a second up
        return sql_cast(func.strftime("%s", whole), Integer).op("/")(seconds)
    return sql_cast(func.floor(extract("epoch", col(TaskAttempt.finished_at)) / seconds), Integer)
