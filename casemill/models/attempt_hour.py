"""Rollup of finished attempts, so that a month of them is counted in milliseconds."""

from datetime import datetime

from sqlalchemy import Index
from sqlmodel import Field

from casemill.models.columns import Table, Utc, Words
from casemill.models.task_attempt import AttemptStatus


class AttemptHour(Table, table=True):
    """How many attempts of a function ended so within one hour of the clock (UTC), and how long they took."""

    __tablename__ = "attempt_hours"
    __table_args__ = (
        Index("ix_attempt_hours_counts", "hour", "status", "function", "count", "measured", "seconds"),
    )

    hour: datetime = Field(sa_type=Utc, primary_key=True)
    function: str = Field(primary_key=True)
    status: AttemptStatus = Field(sa_type=Words(AttemptStatus), primary_key=True)  # pyright: ignore[reportArgumentType]
    count: int
    measured: int  # those of which the duration is known
    seconds: float  # of them together


class StaleHour(Table, table=True):
    """An hour whose rollup is to be counted anew; until then its attempts are counted one by one."""

    __tablename__ = "stale_hours"

    hour: datetime = Field(sa_type=Utc, primary_key=True)
