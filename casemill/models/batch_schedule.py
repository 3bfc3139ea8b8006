"""Batches that the clock starts."""

from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import JSON, Text, UniqueConstraint
from sqlmodel import Field

from casemill.models.columns import Table, Utc, utc_now


class BatchSchedule(Table, table=True):
    """An order for batches of its user: once, `at` a moment, or again and again by `cron`.

    Which cases: case_ids if there are any; otherwise those there are when it runs, all or, given `search`,
    those with it in their name. What came of its last run stands in the columns last_...
    """

    __tablename__ = "batch_schedules"
    __table_args__ = (UniqueConstraint("user_id", "name"),)

    id: UUID = Field(default_factory=uuid4, primary_key=True)
    user_id: UUID = Field(foreign_key="users.id", index=True)
    name: str = Field(max_length=200)
    case_ids: list[str] = Field(default_factory=list, sa_type=JSON)
    search: str | None = None
    steps: list[str] = Field(sa_type=JSON)
    options: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)
    priority: int = 0
    at: datetime | None = Field(default=None, sa_type=Utc)
    cron: str | None = None
    timezone: str
    paused_at: datetime | None = Field(default=None, sa_type=Utc)
    job_id: UUID | None = None  # of one with `at`: the job that waits for it
    created_at: datetime = Field(default_factory=utc_now, sa_type=Utc)

    last_run_at: datetime | None = Field(default=None, sa_type=Utc)
    last_job_id: UUID | None = None
    last_batch_id: UUID | None = None
    last_words: str | None = Field(default=None, sa_type=Text)  # a sentence for people
