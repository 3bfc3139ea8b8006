"""Jobs: Prefect's flow runs, as users see them."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import JSON, Index, Text, false
from sqlmodel import Field

from casemill.models.columns import Table, Utc, Words
from casemill.models.job_text import NUMBER


class JobType(StrEnum):
    EXTRACTION = "extraction"
    DOCUMENT_PROCESSING = "document_processing"
    TAXONOMY_PROCESSING = "taxonomy_processing"
    DATASET_GENERATION = "dataset_generation"
    NOTIFICATION = "notification"
    TRIAL = "trial"
    SYNC = "sync"
    MAINTENANCE = "maintenance"  # also what nobody has given a type


class JobStatus(StrEnum):
    """Only the recorder moves a job from one to another, after Prefect did."""

    SCHEDULED = "scheduled"  # left when its time has come
    PENDING = "pending"  # left when a worker starts it, or when it is cancelled
    RUNNING = "running"  # left when it ends; by liveness if it died
    PAUSED = "paused"  # left by resume or cancel
    COMPLETED = "completed"  # left by restart
    FAILED = "failed"  # left by retry and restart
    CANCELLED = "cancelled"  # left by restart


class JobSubStatus(StrEnum):
    PAUSING = "pausing"  # of paused: the step at hand goes on until it ends, then the process does
    CANCELLING = "cancelling"  # of running: asked to stop, the process is not gone yet
    RETRYING = "retrying"  # of running: waits for its next try
    CRASHED = "crashed"  # of failed: it did not end by itself


class JobAsk(StrEnum):
    """What somebody last asked of a job that takes its time; evidence of the process answers it."""

    CANCEL = "cancel"
    PAUSE = "pause"


OVER = (JobStatus.COMPLETED, JobStatus.FAILED, JobStatus.CANCELLED)
NOT_OVER = tuple(status for status in JobStatus if status not in OVER)


class Job(Table, table=True):
    """What is known of a flow run; its id is Prefect's.

    state_at, state_id and run_count order and fence what is heard of it; recorded_at is when the recorder
    last took over a state. Users and batches are named without a foreign key: a job is recorded whoever
    started it, and outlives what it worked on.
    """

    __tablename__ = "jobs"
    __table_args__ = (
        # Each begins with what a list is sorted or narrowed by, and holds all that lists filter by, so that
        # pages and totals are found in the index alone.
        Index("ix_jobs_created", "created_at", "id", "status", "type", "user_id", "number"),
        Index("ix_jobs_status_created", "status", "created_at", "id", "type", "user_id", "number"),
        Index("ix_jobs_type_created", "type", "created_at", "id", "status", "user_id", "number"),
        Index("ix_jobs_user_created", "user_id", "created_at", "id", "status", "type", "number"),
        Index(
            "ix_jobs_progress_created", "progress", "created_at", "id", "status", "type", "user_id", "number"
        ),
        Index("ix_jobs_user_status", "user_id", "status", "created_at", "id", "type", "number"),
        Index("ix_jobs_user_progress", "user_id", "progress", "created_at", "id", "status", "type", "number"),
        Index("ix_jobs_number", "number", "created_at", "id", "status", "type", "user_id"),
        Index("ix_jobs_error_fingerprint", "error_fingerprint", "user_id"),
        Index("ix_jobs_status_scheduled", "status", "scheduled_at"),
        Index("ix_jobs_status_finished", "status", "finished_at"),
        Index("ix_jobs_deployment_scheduled", "deployment_id", "scheduled_at"),
    )

    id: UUID = Field(primary_key=True)
    number: int | None = Field(default=None, sa_type=NUMBER, exclude=True)  # pyright: ignore[reportArgumentType]  given by a trigger; under it job_texts has what the job is found by
    type: JobType = Field(default=JobType.MAINTENANCE, sa_type=Words(JobType))  # pyright: ignore[reportArgumentType]  an instance is fine
    name: str = ""
    status: JobStatus = Field(default=JobStatus.PENDING, sa_type=Words(JobStatus))  # pyright: ignore[reportArgumentType]
    sub_status: JobSubStatus | None = Field(default=None, sa_type=Words(JobSubStatus))  # pyright: ignore[reportArgumentType]
    state_name: str = ""  # Prefect's word
    state_message: str | None = Field(default=None, sa_type=Text)
    state_at: datetime | None = Field(default=None, sa_type=Utc)
    state_id: UUID | None = None
    run_count: int = 0  # how often it was begun
    recorded_at: datetime | None = Field(default=None, sa_type=Utc)
    heartbeat_at: datetime | None = Field(default=None, sa_type=Utc)

    progress: float = 0.0  # percent
    progress_message: str | None = Field(default=None, sa_type=Text)
    progress_at: datetime | None = Field(default=None, sa_type=Utc)
    processed: int | None = None  # cases or documents it is through with

    process_began_at: datetime | None = Field(default=None, sa_type=Utc)  # a worker said it started one
    process_ended_at: datetime | None = Field(default=None, sa_type=Utc)  # and that it is gone
    asked: JobAsk | None = Field(default=None, sa_type=Words(JobAsk))  # pyright: ignore[reportArgumentType]
    asked_at: datetime | None = Field(default=None, sa_type=Utc)
    asked_why: str | None = Field(default=None, sa_type=Text)  # a sentence for people
    pinned: bool = Field(
        default=False, sa_column_kwargs={"server_default": false()}
    )  # its tasks' results are kept

    user_id: UUID | None = None
    batch_id: UUID | None = Field(default=None, index=True)
    flow_name: str | None = None
    deployment_id: UUID | None = None
    parameters: Any = Field(default=None, nullable=True, sa_type=JSON(none_as_null=True))  # pyright: ignore[reportArgumentType]
    tags: list[str] = Field(default_factory=list, sa_type=JSON)
    labels: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)
    queue: str | None = None
    worker: str | None = None

    created_at: datetime = Field(sa_type=Utc)
    scheduled_at: datetime | None = Field(default=None, sa_type=Utc)
    started_at: datetime | None = Field(default=None, sa_type=Utc)
    finished_at: datetime | None = Field(default=None, sa_type=Utc)
    execution_seconds: float = 0.0

    result: str | None = Field(default=None, sa_type=Text)
    error_type: str | None = None
    error: str | None = Field(default=None, sa_type=Text)
    traceback: str | None = Field(default=None, sa_type=Text)
    error_fingerprint: str | None = Field(default=None, max_length=32)
