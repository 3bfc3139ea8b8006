"""The last cleanup that deleted: when it was, how it ended, and how many of what it removed."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast
from uuid import UUID

from pydantic import TypeAdapter, ValidationError
from sqlmodel import Session, col, select

from casemill.models import CleanupReport, Job, JobStatus, JobSubStatus, JobType

CLEANUP = "job-cleanup"

_LOOKED_AT = 500
"""Dry runs and cancelled ones that are passed over, at most."""

_BOOLEAN = TypeAdapter(bool)


@dataclass(frozen=True, slots=True)
class Cleanup:
    """removed has a row for each kind; none if it did not come to its end. result says why, then."""

    job_id: UUID
    finished_at: datetime
    status: JobStatus
    sub_status: JobSubStatus | None
    result: str | None
    removed: Sequence[dict[str, Any]]


def last_cleanup(session: Session) -> Cleanup | None:
    """Not a dry run, which deletes nothing, nor a cancelled one; one that failed is the last all the same."""
    ended = select(Job.id, Job.parameters).where(
        Job.type == JobType.MAINTENANCE,
        Job.flow_name == CLEANUP,
        col(Job.status).in_((JobStatus.COMPLETED, JobStatus.FAILED)),
        col(Job.finished_at).is_not(None),
    )
    newest = session.exec(ended.order_by(col(Job.created_at).desc(), col(Job.id)).limit(_LOOKED_AT))
    job_id = next((job_id for job_id, parameters in newest if _deletes(parameters)), None)
    if job_id is None:
        return None
    job, report = session.get_one(Job, job_id), session.get(CleanupReport, job_id)
    return Cleanup(
        job.id,
        cast(datetime, job.finished_at),
        job.status,
        job.sub_status,
        job.result or job.error or job.state_message,
        report.removed if report else (),
    )


def _deletes(parameters: Any) -> bool:
    """What the flow made of its parameters: without a word it is a dry run."""
    given = cast(dict[str, Any], parameters).get("dry_run", True) if isinstance(parameters, dict) else True
    try:
        return not _BOOLEAN.validate_python(given)
    except ValidationError:  # then it never began
        return False
