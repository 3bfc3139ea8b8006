"""Workers and queues as Prefect last described them, and what is wrong at the moment."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import JSON, BigInteger, Text
from sqlmodel import Field

from casemill.models.columns import Table, Utc, Words, utc_now


class Worker(Table, table=True):
    """cpu_percent and memory_bytes are of it and all its jobs; None where it runs on a host we cannot see.

    health is what it said last of itself and its host, if it is of our type, and health_at when.
    """

    __tablename__ = "workers"

    name: str = Field(primary_key=True)
    online: bool = False
    last_heartbeat_at: datetime | None = Field(default=None, sa_type=Utc)
    cpu_percent: float | None = None  # 100 is one core
    memory_bytes: int | None = Field(default=None, sa_type=BigInteger)
    health: dict[str, Any] | None = Field(default=None, sa_type=JSON)
    health_at: datetime | None = Field(default=None, sa_type=Utc)
    recorded_at: datetime = Field(default_factory=utc_now, sa_type=Utc)


class WorkQueue(Table, table=True):
    """A user's queue, Prefect's default one, or (is_pool) the work pool that all of them feed."""

    __tablename__ = "work_queues"

    name: str = Field(primary_key=True)
    is_pool: bool = False
    user_id: UUID | None = None
    paused: bool = False
    concurrency_limit: int | None = None
    priority: int = 1  # 1 is served first
    recorded_at: datetime = Field(default_factory=utc_now, sa_type=Utc)


class Severity(StrEnum):
    WARNING = "warning"
    CRITICAL = "critical"


class Alert(Table, table=True):
    """Something that a person should look at; the row goes when it is over."""

    __tablename__ = "alerts"

    key: str = Field(primary_key=True)  # such as no-worker, or still-there:<job id>
    severity: Severity = Field(sa_type=Words(Severity))  # pyright: ignore[reportArgumentType]  an instance is fine
    message: str = Field(sa_type=Text)
    since: datetime = Field(default_factory=utc_now, sa_type=Utc)
