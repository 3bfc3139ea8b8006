"""Questions about attempts of tasks, answered from our own tables."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, exists, literal, tuple_
from sqlalchemy import select as sql_select
from sqlalchemy.orm import defer
from sqlmodel import Session, col, select

from casemill.errors import BadInput
from casemill.models import AttemptStatus, Job, TaskAttempt
from casemill.models.columns import Utc

DEEPEST = 100_000
"""Attempts that may come before a page asked for by its number; a cursor goes anywhere at no cost."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_CURSOR = re.compile(r"(before|after)-(\d{1,18})-(\d{1,10})", re.ASCII)
_MICROSECOND = timedelta(microseconds=1)
_NEWEST = (col(TaskAttempt.created_at).desc(), col(TaskAttempt.id).desc())
_OLDEST = (col(TaskAttempt.created_at).asc(), col(TaskAttempt.id).asc())


@dataclass(frozen=True, slots=True)
class TaskFilter:
    """What is None is not asked for. only_of is whose jobs' attempts alone may be seen."""

    function: str | None = None
    status: AttemptStatus | None = None
    created_from: datetime | None = None  # this moment included, both of them
    created_to: datetime | None = None
    job_id: UUID | None = None
    only_of: UUID | None = None


@dataclass(frozen=True, slots=True)
class Cursor:
    """A place in the list: right before (older than) or after (newer than) an attempt."""

    is_before: bool
    created_at: datetime
    id: int

    @classmethod
    def read(cls, said: str) -> "Cursor":
        """Raises BadInput."""
        found = _CURSOR.fullmatch(said)
        try:
            if found:
                at = _EPOCH + int(found[2]) * _MICROSECOND
                return cls(found[1] == "before", at, min(int(found[3]), 2**31 - 1))
        except OverflowError:
            pass
        raise BadInput("This is no cursor of ours; take it as the page before gave it, or leave it out")

    def __str__(self) -> str:
        microseconds = (self.created_at - _EPOCH) // _MICROSECOND
        return f"{'before' if self.is_before else 'after'}-{microseconds}-{self.id}"


@dataclass(frozen=True, slots=True)
class TaskPage:
    """Cursors lead on from here; None where there is nothing more."""

    attempts: Sequence[TaskAttempt]
    next: Cursor | None
    previous: Cursor | None


def tasks(session: Session, wanted: TaskFilter, page: int = 1, per_page: int = 50) -> TaskPage:
    """A page of attempts, from 1, the newest first; without results and tracebacks. Raises BadInput."""
    offset = (page - 1) * per_page
    if offset > DEEPEST:
        raise BadInput(
            f"Pages by number reach {DEEPEST:,} attempts deep; go on by the cursor that each page names as "
            "next, or narrow the list by from and to"
        )
    query = _ids(wanted).order_by(*_NEWEST).limit(per_page + 1).offset(offset)
    return _page(session, session.scalars(query).all(), per_page, is_first=page == 1)


def tasks_from(session: Session, wanted: TaskFilter, cursor: Cursor, per_page: int = 50) -> TaskPage:
    """The page beside that place, however deep it lies."""
    place = tuple_(col(TaskAttempt.created_at), col(TaskAttempt.id))
    here = tuple_(literal(cursor.created_at, Utc()), literal(cursor.id))
    if cursor.is_before:
        query = _ids(wanted).where(place < here).order_by(*_NEWEST).limit(per_page + 1)
        return _page(session, session.scalars(query).all(), per_page, is_first=False)
    query = _ids(wanted).where(place > here).order_by(*_OLDEST).limit(per_page + 1)
    ids = session.scalars(query).all()
    newest_first = ids[:per_page][::-1]
    return _page(session, newest_first, per_page, is_first=len(ids) <= per_page, is_last=False)


def newest_attempts(session: Session, job_id: UUID, at_most: int) -> Sequence[TaskAttempt]:
    """Of a job, in the order in which they began; without results and tracebacks."""
    mine = select(TaskAttempt).where(TaskAttempt.job_id == job_id).options(*_without_texts())
    return session.exec(mine.order_by(*_NEWEST).limit(at_most)).all()[::-1]


def _ids(wanted: TaskFilter) -> Select[tuple[int]]:
    query: Select[Any] = sql_select(col(TaskAttempt.id)).where(*_conditions(wanted))
    return query


def _page(
    session: Session, ids: Sequence[int], per_page: int, *, is_first: bool, is_last: bool | None = None
) -> TaskPage:
    """ids has one more than the page if there is a next one, unless is_last says it."""
    wanted = select(TaskAttempt).where(col(TaskAttempt.id).in_(ids[:per_page])).options(*_without_texts())
    rows = {attempt.id: attempt for attempt in session.exec(wanted)}
    attempts = [rows[number] for number in ids[:per_page] if number in rows]  # or deleted in between
    ends_here = len(ids) <= per_page if is_last is None else is_last
    if not attempts:
        return TaskPage([], None, None)
    return TaskPage(
        attempts,
        next=None if ends_here else _beside(attempts[-1], is_before=True),
        previous=None if is_first else _beside(attempts[0], is_before=False),
    )


def _beside(attempt: TaskAttempt, *, is_before: bool) -> Cursor:
    return Cursor(is_before, attempt.created_at, attempt.id or 0)


def _without_texts() -> tuple[Any, Any]:
    """A page of tracebacks may be megabytes, and a list shows none."""
    traceback: Any = TaskAttempt.traceback
    return defer(traceback), defer(TaskAttempt.result)


def _conditions(wanted: TaskFilter) -> list[ColumnElement[bool]]:
    found: list[Any] = []
    if wanted.function is not None:
        found.append(col(TaskAttempt.function) == wanted.function)
    if wanted.status is not None:
        found.append(col(TaskAttempt.status) == wanted.status)
    if wanted.created_from is not None:
        found.append(col(TaskAttempt.created_at) >= wanted.created_from)
    if wanted.created_to is not None:
        found.append(col(TaskAttempt.created_at) <= wanted.created_to)
    if wanted.job_id is not None:
        found.append(col(TaskAttempt.job_id) == wanted.job_id)
        if wanted.only_of is not None:  # asked of the job: SQLite would go through all that is theirs
            theirs = (col(Job.id) == wanted.job_id) & (col(Job.user_id) == wanted.only_of)
            found.append(exists().where(theirs))
    elif wanted.only_of is not None:
        found.append(col(TaskAttempt.user_id) == wanted.only_of)
    return found
