"""What a batch's status is, given what its ledger and its jobs are at."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from casemill.models import JobStatus, JobSubStatus, StepState


class BatchStatus(StrEnum):
    PENDING = "pending"  # a job of it will begin without anybody's help
    RUNNING = "running"
    PAUSING = "pausing"  # the steps at hand go on until they end
    PAUSED = "paused"  # left by resume or cancel; by starting the queue if that is what is paused
    CANCELLING = "cancelling"  # its jobs were asked to stop, their processes are not gone yet
    CANCELLED = "cancelled"  # something is left to do; resume goes on with it
    COMPLETED = "completed"  # left by restart
    FAILED = "failed"  # left by retry and restart; by resume if it stopped before it was through


OPEN = (
    BatchStatus.PENDING,
    BatchStatus.RUNNING,
    BatchStatus.PAUSING,
    BatchStatus.PAUSED,
    BatchStatus.CANCELLING,
)
"""Somebody or something will still work on it."""

_UNSETTLED = (StepState.PENDING, StepState.RUNNING)


@dataclass(slots=True)
class LedgerCounts:
    """Of one batch, in rows. `working` are those under a live claim; `done` counts running ones by parts."""

    states: Counter[StepState] = field(default_factory=Counter[StepState])
    working: int = 0
    done: float = 0.0

    @property
    def left(self) -> int:
        return sum(self.states[state] for state in _UNSETTLED)

    @property
    def broken(self) -> int:
        return self.states[StepState.FAILED] + self.states[StepState.BLOCKED]

    @property
    def percent(self) -> float:
        total = self.states.total()
        return 100 * self.done / total if total else 100.0


@dataclass(slots=True)
class JobCounts:
    """Of one batch. `held` are those that wait in a paused queue."""

    running: int = 0
    waiting: int = 0
    held: int = 0
    cancelling: int = 0
    pausing: int = 0
    paused: int = 0
    over: int = 0
    cancelled_at: datetime | None = None
    failed_at: datetime | None = None

    @property
    def active(self) -> int:
        return self.running + self.waiting + self.held + self.cancelling + self.pausing + self.paused


def derive(ledger: LedgerCounts, jobs: JobCounts, *, is_new: bool) -> tuple[BatchStatus, str | None]:
    """The status, and why. A batch is through when its rows are; until then its jobs say where it is."""
    if not ledger.left and not ledger.broken:
        return BatchStatus.COMPLETED, None
    if jobs.running:
        return BatchStatus.RUNNING, None
    if jobs.waiting:
        return BatchStatus.PENDING, None
    if jobs.cancelling:
        return BatchStatus.CANCELLING, None
    if jobs.pausing:
        return BatchStatus.PAUSING, None
    if jobs.paused:
        return BatchStatus.PAUSED, None
    if jobs.held:
        return BatchStatus.PAUSED, "Its jobs wait in a queue that is paused; start the queue"
    if not ledger.left:
        return BatchStatus.FAILED, None
    if not jobs.over:
        return _without_jobs(ledger, is_new=is_new)
    if jobs.cancelled_at and (jobs.failed_at is None or jobs.cancelled_at >= jobs.failed_at):
        return BatchStatus.CANCELLED, None
    said = f"Its jobs are over, and {ledger.left} steps are not done; resume it to go on with them"
    return BatchStatus.FAILED, said


def _without_jobs(ledger: LedgerCounts, *, is_new: bool) -> tuple[BatchStatus, str | None]:
    if ledger.working:
        return BatchStatus.RUNNING, None
    if is_new:
        return BatchStatus.PENDING, None
    return BatchStatus.FAILED, "No job was ever started for it; resume it to start some"


def place_of(status: JobStatus, sub_status: JobSubStatus | None, *, is_held: bool) -> str:
    """The field of JobCounts that a job counts for."""
    if status in (JobStatus.SCHEDULED, JobStatus.PENDING):
        return "held" if is_held else "waiting"
    if status == JobStatus.RUNNING:
        return "cancelling" if sub_status == JobSubStatus.CANCELLING else "running"
    if status == JobStatus.PAUSED:
        return "pausing" if sub_status == JobSubStatus.PAUSING else "paused"
    return "over"
