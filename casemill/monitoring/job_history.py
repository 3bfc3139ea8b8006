"""What became of a job over time, and what failed as it did."""

from collections.abc import Collection, Sequence
from uuid import UUID

from sqlalchemy import func
from sqlalchemy import select as sql_select
from sqlmodel import Session, col, select

from casemill.models import FeedKind, Job, JobEvent

_MOST_LOOKED_AT = 5000  # a job of three days may have told its progress 250,000 times
_MOST_SHOWN = 500


def history_of(session: Session, job_id: UUID) -> Sequence[JobEvent]:
    """Its states and its progress, in the order in which they became known; of long ones, the latest part."""
    latest = sql_select(col(JobEvent.id)).where(col(JobEvent.job_id) == job_id)
    latest = latest.order_by(col(JobEvent.id).desc()).limit(_MOST_LOOKED_AT)
    wanted = select(JobEvent).where(
        col(JobEvent.id).in_(latest), col(JobEvent.kind).in_((FeedKind.JOB, FeedKind.PROGRESS))
    )
    return session.exec(wanted.order_by(col(JobEvent.id).desc()).limit(_MOST_SHOWN)).all()[::-1]


def count_same_error(session: Session, job: Job, only_of: UUID | None) -> int:
    """How many other jobs failed in the same way, among those of `only_of` if given."""
    if job.error_fingerprint is None:
        return 0
    same = sql_select(func.count()).select_from(Job)
    same = same.where(col(Job.error_fingerprint) == job.error_fingerprint)
    if only_of is not None:
        same = same.where(col(Job.user_id) == only_of)
    is_among_them = only_of is None or job.user_id == only_of
    return session.scalars(same).one() - is_among_them


def count_by_error(session: Session, fingerprints: Collection[str], only_of: UUID | None) -> dict[str, int]:
    """How many jobs have each of these errors, among those of `only_of` if given."""
    error = col(Job.error_fingerprint)
    same = select(error, func.count()).where(error.in_(fingerprints)).group_by(error)
    if only_of is not None:
        same = same.where(col(Job.user_id) == only_of)
    return {fingerprint: count for fingerprint, count in session.exec(same) if fingerprint}
