"""Batches and their ledger."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import JSON, Index, Text, UniqueConstraint
from sqlmodel import Field

from casemill.models.claim import Claimable
from casemill.models.columns import Table, Utc, Words, utc_now


class Batch(Table, table=True):
    """Cases x steps, started by one user. What became of it is derived from the ledger.

    The same idempotency_key from the same user means the same batch.
    """

    __tablename__ = "batches"
    __table_args__ = (Index("ix_batches_idempotency", "user_id", "idempotency_key", unique=True),)

    id: UUID = Field(default_factory=uuid4, primary_key=True)
    user_id: UUID | None = Field(default=None, foreign_key="users.id", index=True)
    steps: list[str] = Field(sa_type=JSON)
    options: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)
    priority: int = Field(
        default=0, sa_column_kwargs={"server_default": "0"}
    )  # 0 to 10: its jobs go before the user's others with less
    after: list[dict[str, str]] | None = Field(default=None, sa_type=JSON)  # what its first jobs wait for
    idempotency_key: str | None = None
    created_at: datetime = Field(default_factory=utc_now, sa_type=Utc, index=True)


class StepState(StrEnum):
    PENDING = "pending"  # left by the job that claims it
    RUNNING = "running"  # left by that job; by whoever takes back the claim if it died
    COMPLETED = "completed"  # left by restart from scratch
    FAILED = "failed"  # left by the batch's next job, which tries again
    BLOCKED = "blocked"  # a prerequisite failed; left by the batch's next job


class CaseStep(Claimable, table=True):
    """A row of the ledger: what is known of one step of one case in one batch."""

    __tablename__ = "case_steps"
    __table_args__ = (UniqueConstraint("batch_id", "case_id", "step"),)

    id: int | None = Field(default=None, primary_key=True)
    batch_id: UUID = Field(foreign_key="batches.id", ondelete="CASCADE")
    case_id: UUID = Field(foreign_key="cases.id", ondelete="CASCADE", index=True)
    step: str
    state: StepState = Field(default=StepState.PENDING, sa_type=Words(StepState), index=True)  # pyright: ignore[reportArgumentType]
    done: int = 0  # documents of the case this step is through with
    total: int | None = None
    started_at: datetime | None = Field(default=None, sa_type=Utc)
    finished_at: datetime | None = Field(default=None, sa_type=Utc)
    error_type: str | None = None
    error: str | None = Field(default=None, sa_type=Text)
    traceback: str | None = Field(default=None, sa_type=Text)
