"""The last run of each deployment, from our own record of jobs."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import cast
from uuid import UUID

from sqlalchemy import or_
from sqlmodel import Session, col, select

from casemill.models import Job, JobStatus, JobSubStatus

_TO_COME = (JobStatus.SCHEDULED, JobStatus.PENDING)


@dataclass(frozen=True, slots=True)
class LastRun:
    """at is when it began; when it was to begin, if it crashed before it did."""

    job_id: UUID
    user_id: UUID | None
    status: JobStatus
    sub_status: JobSubStatus | None
    at: datetime
    finished_at: datetime | None


def last_runs(session: Session, deployment_ids: Collection[UUID]) -> dict[UUID, LastRun]:
    """By deployment, whoever started it. What is planned, waits, or was cancelled before it began (as skipped
    runs are) is no run."""
    newest = [
        select(Job.id)
        .where(
            Job.deployment_id == deployment_id,
            col(Job.scheduled_at).is_not(None),
            col(Job.status).not_in(_TO_COME),
            or_(col(Job.status) != JobStatus.CANCELLED, col(Job.run_count) > 0),
        )
        .order_by(col(Job.scheduled_at).desc(), col(Job.id).desc())
        .limit(1)
        .scalar_subquery()
        for deployment_id in deployment_ids
    ]
    found = session.exec(select(Job).where(col(Job.id).in_(newest)))
    return {cast(UUID, job.deployment_id): _last(job) for job in found}


def _last(job: Job) -> LastRun:
    began = job.started_at if job.run_count else None  # of what never began, Prefect says when it ended
    at = cast(datetime, began or job.scheduled_at)
    return LastRun(job.id, job.user_id, job.status, job.sub_status, at, job.finished_at)
