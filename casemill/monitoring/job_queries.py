"""Questions about jobs, answered from our own tables; Prefect is not asked.

Pages and totals are found in an index alone, whatever is asked for; then the rows of one page are read.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, cast
from uuid import UUID

from sqlalchemy import ColumnElement, Select, UnaryExpression, func, or_, true
from sqlalchemy import select as sql_select
from sqlalchemy.sql.operators import custom_op
from sqlmodel import Session, col, select

from casemill.models import Job, JobStatus, JobType
from casemill.monitoring.job_search import Search, search


@dataclass(frozen=True, slots=True)
class JobFilter:
    """What is empty is not asked for; jobs match all the rest.

    text is looked for as casemill.monitoring.job_search says. only_of is whose jobs alone may be seen.
    planned are those that schedules made ahead of time: scheduled, and nobody's.
    """

    statuses: Sequence[JobStatus] = ()
    types: Sequence[JobType] = ()
    user_id: UUID | None = None
    text: str | None = None
    created_from: datetime | None = None  # this moment included, both of them
    created_to: datetime | None = None
    batch_id: UUID | None = None
    error_fingerprint: str | None = None
    planned: bool = True
    only_of: UUID | None = None


class JobSort(StrEnum):
    """Among equals by the time of creation; with `-`, the same in reverse. Statuses go by the alphabet."""

    OLDEST = "created"
    NEWEST = "-created"
    STATUS = "status"
    STATUS_REVERSED = "-status"
    LEAST_PROGRESS = "progress"
    MOST_PROGRESS = "-progress"


def jobs(
    session: Session,
    wanted: JobFilter,
    sort: JobSort = JobSort.NEWEST,
    page: int = 1,
    per_page: int = 50,
) -> list[Job]:
    """A page, from 1; none beyond the last."""
    ids = session.scalars(page_of_ids(session, wanted, sort, page, per_page)).all()
    rows = {job.id: job for job in session.exec(select(Job).where(col(Job.id).in_(ids)))}
    return [rows[job_id] for job_id in ids if job_id in rows]  # one may have been deleted in between


def count_jobs(session: Session, wanted: JobFilter) -> int:
    return session.scalars(counted(session, wanted)).one()


def matching_ids(session: Session, wanted: JobFilter) -> list[UUID]:
    """All of them, the newest first."""
    return list(session.scalars(_sorted(_matching(session, wanted), JobSort.NEWEST)))


def page_of_ids(
    session: Session, wanted: JobFilter, sort: JobSort, page: int, per_page: int
) -> Select[tuple[UUID]]:
    query = _sorted(_matching(session, wanted), sort)
    return query.limit(per_page).offset((page - 1) * per_page)


def counted(session: Session, wanted: JobFilter) -> Select[tuple[int]]:
    found = _search(session, wanted)
    if found and not found.user_ids and wanted == JobFilter(text=wanted.text):
        return sql_select(func.count()).select_from(found.numbers.subquery())  # each has one job
    return sql_select(func.count()).select_from(Job).where(*_conditions(session, wanted, found))


def _matching(session: Session, wanted: JobFilter) -> Select[tuple[UUID]]:
    return sql_select(col(Job.id)).where(*_conditions(session, wanted, _search(session, wanted)))


def _sorted(query: Select[tuple[UUID]], sort: JobSort) -> Select[tuple[UUID]]:
    columns: list[Any] = [col(Job.created_at), col(Job.id)]
    if sort.value.endswith("status"):
        columns.insert(0, col(Job.status))
    elif sort.value.endswith("progress"):
        columns.insert(0, col(Job.progress))
    is_reversed = sort.value.startswith("-")
    return query.order_by(*(column.desc() if is_reversed else column.asc() for column in columns))


def _search(session: Session, wanted: JobFilter) -> Search | None:
    return search(session, wanted.text) if wanted.text and wanted.text.strip() else None


def _conditions(session: Session, wanted: JobFilter, found: Search | None) -> list[ColumnElement[bool]]:
    """SQLite keeps no figures about what is in its indexes, so that it is told here where to begin."""
    is_sqlite = session.get_bind().dialect.name == "sqlite"

    def plain(column: Any) -> Any:
        return column

    aside = _not_by_index if is_sqlite else plain
    is_few = bool(wanted.batch_id or wanted.error_fingerprint or (found and found.is_narrow))
    other = aside if is_few else plain
    conditions: list[Any] = []
    for column, words in ((col(Job.status), wanted.statuses), (col(Job.type), wanted.types)):
        if len(words) == 1:
            conditions.append(other(column) == words[0])
        elif words:
            conditions.append(aside(column).in_(words))  # looked up one by one they would have to be sorted
    users = {wanted.user_id, wanted.only_of} - {None}
    conditions.extend(other(col(Job.user_id)) == user_id for user_id in users)
    if wanted.batch_id is not None:
        conditions.append(col(Job.batch_id) == wanted.batch_id)
    if wanted.error_fingerprint is not None:
        conditions.append(col(Job.error_fingerprint) == wanted.error_fingerprint)
    if not wanted.planned:
        conditions.append(or_(col(Job.status) != JobStatus.SCHEDULED, col(Job.user_id).is_not(None)))
    if wanted.created_from is not None:
        conditions.append(other(col(Job.created_at)) >= wanted.created_from)
    if wanted.created_to is not None:
        conditions.append(other(col(Job.created_at)) <= wanted.created_to)
    if found is not None:
        number: Any = col(Job.number) if found.is_narrow else aside(col(Job.number))
        says = number.in_(found.numbers)
        if not is_sqlite:
            # Its estimate of how many have a text is a guess: so asked, it makes a table of their numbers and
            # looks into that, which is never slow, instead of looking up what it believes to be a few jobs.
            says = says.is_(true())
        conditions.append(or_(says, col(Job.user_id).in_(found.user_ids)) if found.user_ids else says)
    return conditions


def _not_by_index(column: Any) -> Any:
    """The column, which SQLite then looks at but does not look up."""
    plus = cast("custom_op[Any]", custom_op("+"))
    return UnaryExpression(column, operator=plus, type_=column.type)
