"""Attempts: each try of a Prefect task run."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import JSON, Index, Text, UniqueConstraint
from sqlmodel import Field

from casemill.models.columns import Table, Utc, Words


class AttemptStatus(StrEnum):
    """As with jobs, the recorder alone moves an attempt. What is over stays so: a new try is a new row."""

    PENDING = "pending"  # left when it starts
    RUNNING = "running"  # left when it ends, or when its job has ended without it
    PAUSED = "paused"  # left when its job goes on
    SUCCESS = "success"
    FAILED = "failed"  # crashed ones and those that are tried again included
    CANCELLED = "cancelled"


ATTEMPT_OVER = (AttemptStatus.SUCCESS, AttemptStatus.FAILED, AttemptStatus.CANCELLED)
ATTEMPT_NOT_OVER = tuple(status for status in AttemptStatus if status not in ATTEMPT_OVER)


class TaskAttempt(Table, table=True):
    """One try of a task, in a job or by itself. state_at and state_id order what is heard of it."""

    __tablename__ = "task_attempts"
    __table_args__ = (
        UniqueConstraint("task_run_id", "attempt"),
        Index("ix_attempts_job_created", "job_id", "created_at"),
        Index("ix_attempts_created", "created_at", "id"),
        Index("ix_attempts_function_created", "function", "created_at", "id"),
        Index("ix_attempts_status_created", "status", "created_at", "id"),
        Index("ix_attempts_function_status_created", "function", "status", "created_at", "id"),
        Index("ix_attempts_user_created", "user_id", "created_at", "id", "function"),
        Index("ix_attempts_user_status_created", "user_id", "status", "created_at", "id", "function"),
        Index("ix_attempts_finished", "finished_at", "function", "status", "duration"),
    )

    id: int | None = Field(default=None, primary_key=True)
    task_run_id: UUID
    attempt: int  # from 1
    function: str = ""
    name: str = ""
    job_id: UUID | None = None
    user_id: UUID | None = None  # its job's, kept so by triggers of the database: lists ask for it
    status: AttemptStatus = Field(default=AttemptStatus.PENDING, sa_type=Words(AttemptStatus))  # pyright: ignore[reportArgumentType]  an instance is fine
    state_name: str = ""  # Prefect's word
    state_at: datetime | None = Field(default=None, sa_type=Utc)
    state_id: UUID | None = None
    created_at: datetime = Field(sa_type=Utc)
    started_at: datetime | None = Field(default=None, sa_type=Utc)
    finished_at: datetime | None = Field(default=None, sa_type=Utc)
    duration: float | None = None  # seconds
    tags: list[str] = Field(default_factory=list, sa_type=JSON)
    result: Any = Field(default=None, nullable=True, sa_type=JSON(none_as_null=True))  # pyright: ignore[reportArgumentType]
    error_type: str | None = None
    error: str | None = Field(default=None, sa_type=Text)
    traceback: str | None = Field(default=None, sa_type=Text)
    error_fingerprint: str | None = Field(default=None, max_length=32, index=True)
