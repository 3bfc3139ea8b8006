"""Questions about jobs, answered from our own tables; Prefect is not asked."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import ColumnElement, Text, cast, or_
from sqlmodel import Session, col, select

from casemill.errors import NotFound
from casemill.models import Job, JobEvent, JobStatus, JobType, TaskAttempt, User

_MOST_FEED = 1000


@dataclass(frozen=True, slots=True)
class JobFilter:
    """What is None is not asked for. text is found in id, name, user, arguments and error."""

    status: JobStatus | None = None
    type: JobType | None = None
    user_id: UUID | None = None
    text: str | None = None


def jobs(session: Session, wanted: JobFilter, limit: int = 50, offset: int = 0) -> Sequence[Job]:
    """The newest first."""
    query = select(Job).where(*_conditions(wanted))
    query = query.order_by(col(Job.created_at).desc(), col(Job.id).desc()).limit(limit).offset(offset)
    return session.exec(query).all()


def job_with_id(session: Session, job_id: UUID) -> Job:
    job = session.get(Job, job_id)
    if job is None:
        raise NotFound(f"No job {job_id}; `casemill job list` shows what there is")
    return job


def attempts_of(session: Session, job_id: UUID) -> Sequence[TaskAttempt]:
    """In the order in which they began."""
    order = (col(TaskAttempt.created_at), col(TaskAttempt.task_run_id), col(TaskAttempt.attempt))
    return session.exec(select(TaskAttempt).where(TaskAttempt.job_id == job_id).order_by(*order)).all()


def feed_of(session: Session, job_id: UUID, after: int = 0) -> Sequence[JobEvent]:
    """What became known of the job after that row of the feed, in order; a bounded number at once."""
    query = select(JobEvent).where(JobEvent.job_id == job_id, col(JobEvent.id) > after)
    return session.exec(query.order_by(col(JobEvent.id)).limit(_MOST_FEED)).all()


def _conditions(wanted: JobFilter) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if wanted.status:
        found.append(col(Job.status) == wanted.status)
    if wanted.type:
        found.append(col(Job.type) == wanted.type)
    if wanted.user_id:
        found.append(col(Job.user_id) == wanted.user_id)
    if wanted.text:
        found.append(_says(wanted.text))
    return found


def _says(text: str) -> ColumnElement[bool]:
    try:
        return col(Job.id) == UUID(text)
    except ValueError:
        pass
    places = (Job.name, Job.error, Job.error_type, cast(col(Job.parameters), Text))
    users = select(User.id).where(col(User.name).icontains(text, autoescape=True))
    return or_(
        *(col(place).icontains(text, autoescape=True) for place in places), col(Job.user_id).in_(users)
    )
