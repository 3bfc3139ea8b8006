"""Prefect's states in the words that people see (DESIGN.md, "Job and task words")."""

from prefect.client.schemas.objects import StateType

from casemill.models import AttemptStatus, JobStatus, JobSubStatus
from casemill.models.job_dependency import WAITING_STATE

AWAITING_RETRY = "AwaitingRetry"
_BEGIN_SOON = ("Late", "AwaitingConcurrencySlot", "Resuming")

_JOB = {
    StateType.SCHEDULED: (JobStatus.SCHEDULED, None),
    StateType.PENDING: (JobStatus.PENDING, None),
    StateType.RUNNING: (JobStatus.RUNNING, None),
    StateType.CANCELLING: (JobStatus.RUNNING, JobSubStatus.CANCELLING),
    StateType.PAUSED: (JobStatus.PAUSED, None),
    StateType.COMPLETED: (JobStatus.COMPLETED, None),
    StateType.FAILED: (JobStatus.FAILED, None),
    StateType.CRASHED: (JobStatus.FAILED, JobSubStatus.CRASHED),
    StateType.CANCELLED: (JobStatus.CANCELLED, None),
}
_ATTEMPT = {
    StateType.SCHEDULED: AttemptStatus.PENDING,
    StateType.PENDING: AttemptStatus.PENDING,
    StateType.RUNNING: AttemptStatus.RUNNING,
    StateType.CANCELLING: AttemptStatus.RUNNING,
    StateType.PAUSED: AttemptStatus.PAUSED,
    StateType.COMPLETED: AttemptStatus.SUCCESS,
    StateType.FAILED: AttemptStatus.FAILED,
    StateType.CRASHED: AttemptStatus.FAILED,
    StateType.CANCELLED: AttemptStatus.CANCELLED,
}


def job_words(kind: StateType, name: str) -> tuple[JobStatus, JobSubStatus | None]:
    """What is scheduled is pending once it is due; that is no state of Prefect's but the clock's doing."""
    if name == AWAITING_RETRY:
        return JobStatus.RUNNING, JobSubStatus.RETRYING
    if kind == StateType.SCHEDULED and name in _BEGIN_SOON:
        return JobStatus.PENDING, None
    if kind == StateType.PAUSED and name == WAITING_STATE:
        return JobStatus.PENDING, None
    return _JOB[kind]


def attempt_word(kind: StateType, name: str) -> AttemptStatus:
    """An attempt that is followed by another has failed."""
    return AttemptStatus.FAILED if name == AWAITING_RETRY else _ATTEMPT[kind]
