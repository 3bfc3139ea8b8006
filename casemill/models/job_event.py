"""The feed: what changed, in the order in which it became known. Rows are added, never changed."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import JSON, Index
from sqlmodel import Field

from casemill.models.columns import Table, Utc, Words, utc_now


class FeedKind(StrEnum):
    JOB = "job"
    PROGRESS = "progress"
    STEP = "step"  # an attempt of a task
    BATCH = "batch"
    WORKER = "worker"
    ALERT = "alert"
    DOCUMENT = "document"  # its status; documents are seen by all
    DEPENDENCY = "dependency"  # what a job waits for came to be, or cannot any more


class JobEvent(Table, table=True):
    """One change. Its id only grows, so a reader goes on after the last one it saw.

    occurred_at is when it happened, recorded_at when it was written here.
    """

    __tablename__ = "job_events"
    __table_args__ = (
        Index("ix_job_events_job", "job_id", "id"),
        Index("ix_job_events_recorded", "recorded_at"),
        {"sqlite_autoincrement": True},  # SQLite would give the id of a deleted last row again
    )

    id: int | None = Field(default=None, primary_key=True)
    kind: FeedKind = Field(sa_type=Words(FeedKind))  # pyright: ignore[reportArgumentType]  an instance is fine
    job_id: UUID | None = None
    occurred_at: datetime = Field(sa_type=Utc)
    recorded_at: datetime = Field(default_factory=utc_now, sa_type=Utc)
    data: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)
