"""What the recorder is to do to our rows: the same words whether an event or Prefect's API said so."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from casemill.models import AttemptStatus, JobStatus, JobSubStatus


@dataclass(frozen=True, slots=True)
class JobState:
    """A state a job has reached. (at, id) orders it among the job's others; run_count fences it.

    asked_at is when Prefect's API was asked, None for an event: what the API says outranks what was
    recorded well before it was asked, whatever the clocks of workers say.
    """

    job_id: UUID
    at: datetime
    id: UUID
    run_count: int
    status: JobStatus
    sub_status: JobSubStatus | None
    name: str
    message: str | None
    job_name: str  # as of then: a run is named when it begins
    asked_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class JobFacts:
    """What Prefect's API says of a job beside its state."""

    job_id: UUID
    values: dict[str, Any]


@dataclass(frozen=True, slots=True)
class JobGuess:
    """What an event tells of a job, until the API tells it better."""

    job_id: UUID
    at: datetime
    values: dict[str, Any]


@dataclass(frozen=True, slots=True)
class JobProgress:
    job_id: UUID
    at: datetime
    percent: float
    message: str | None
    processed: int | None


@dataclass(frozen=True, slots=True)
class Heartbeat:
    job_id: UUID
    at: datetime


@dataclass(frozen=True, slots=True)
class ProcessBegan:
    """A worker is starting a process for the job."""

    job_id: UUID
    at: datetime


@dataclass(frozen=True, slots=True)
class ProcessEnded:
    """The process of the job is gone, on whatever host it was."""

    job_id: UUID
    at: datetime


@dataclass(frozen=True, slots=True)
class JobGone:
    """Prefect does not know the job any more."""

    job_id: UUID
    at: datetime


@dataclass(frozen=True, slots=True)
class AttemptState:
    """A state an attempt has reached. facts are filled in where nothing is known yet."""

    task_run_id: UUID
    attempt: int
    at: datetime
    id: UUID
    status: AttemptStatus
    name: str
    message: str | None
    function: str
    task_name: str
    job_id: UUID | None
    tags: tuple[str, ...]
    created_at: datetime
    started_at: datetime | None


@dataclass(frozen=True, slots=True)
class AttemptOutcome:
    """What an attempt said of itself: its result, or its error with the traceback."""

    task_run_id: UUID
    attempt: int
    at: datetime
    values: dict[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True, slots=True)
class WorkerTold:
    """How a worker of this pool said that it and its host are; health as of `WorkerHealth`, as JSON."""

    worker: str
    pool: str
    at: datetime
    health: dict[str, Any]


Change = (
    JobState
    | JobFacts
    | JobGuess
    | JobProgress
    | Heartbeat
    | ProcessBegan
    | ProcessEnded
    | JobGone
    | AttemptState
    | AttemptOutcome
    | WorkerTold
)
