"""Jobs that wait for others."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import Index
from sqlmodel import Field

from casemill.models.columns import Table, Utc, Words

WAITING_STATE = "Waiting"
"""Prefect's name of the state of a job that waits for others: no worker takes it."""

NOT_READY_STATE = "NotReady"
"""Prefect's name of the state of a job that was cancelled because what it waited for cannot come any more."""


class Condition(StrEnum):
    """How the job that is waited for has to end."""

    COMPLETION = "completion"  # whatever how: completed, failed or cancelled
    SUCCESS = "success"
    FAILURE = "failure"  # crashes and timeouts too; not a cancellation


class DependencyState(StrEnum):
    WAITING = "waiting"  # left when the job that is waited for is over
    MET = "met"  # for good, whatever becomes of that job afterwards
    BROKEN = "broken"  # left when that job begins again


class JobDependency(Table, table=True):
    """A job and one that it waits for, which may be deleted before it.

    acting_since is set while somebody releases or cancels the waiting job in Prefect.
    """

    __tablename__ = "job_dependencies"
    __table_args__ = (
        Index("ix_job_dependencies_on", "on_job_id"),
        Index("ix_job_dependencies_state", "state"),
    )

    job_id: UUID = Field(primary_key=True, foreign_key="jobs.id", ondelete="CASCADE")
    on_job_id: UUID = Field(primary_key=True)
    condition: Condition = Field(sa_type=Words(Condition))  # pyright: ignore[reportArgumentType]  an instance is fine
    state: DependencyState = Field(default=DependencyState.WAITING, sa_type=Words(DependencyState))  # pyright: ignore[reportArgumentType]
    settled_at: datetime | None = Field(default=None, sa_type=Utc)
    acting_since: datetime | None = Field(default=None, sa_type=Utc)
