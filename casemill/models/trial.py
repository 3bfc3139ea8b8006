"""Trials: a plan that a user may try until a moment, and what they were told about its end."""

from datetime import date, datetime
from enum import StrEnum
from uuid import UUID, uuid4

from sqlalchemy import Index
from sqlmodel import Field

from casemill.models.columns import Table, Utc, Words, utc_now


class TrialState(StrEnum):
    ACTIVE = "active"  # left by process_trial_expirations at its end, or by conversion
    EXPIRED = "expired"  # left by a later end, or by conversion
    CONVERTED = "converted"  # the user took the plan; stays so


class Trial(Table, table=True):
    """A user has one at most. Its end is a moment; reminders count calendar days in a time zone to it."""

    __tablename__ = "trials"
    __table_args__ = (Index("ix_trials_state_ends", "state", "ends_at", "id"),)

    id: UUID = Field(default_factory=uuid4, primary_key=True)
    user_id: UUID = Field(foreign_key="users.id", ondelete="CASCADE", unique=True)
    plan: str
    starts_at: datetime = Field(sa_type=Utc)
    ends_at: datetime = Field(sa_type=Utc)
    state: TrialState = Field(default=TrialState.ACTIVE, sa_type=Words(TrialState))  # pyright: ignore[reportArgumentType]  an instance is fine
    state_at: datetime = Field(default_factory=utc_now, sa_type=Utc)
    created_at: datetime = Field(default_factory=utc_now, sa_type=Utc)


class ReminderOutcome(StrEnum):
    QUEUED = "queued"  # its message is in the outbox
    SKIPPED = "skipped"  # its day had passed; a more pressing one went instead


class TrialReminder(Table, table=True):
    """A reminder that is settled and never comes again: `days` before the day on which the trial ends.

    A trial that is given a later end has its reminders before that day too.
    """

    __tablename__ = "trial_reminders"

    trial_id: UUID = Field(foreign_key="trials.id", ondelete="CASCADE", primary_key=True)
    ends_on: date = Field(primary_key=True)
    days: int = Field(primary_key=True)
    outcome: ReminderOutcome = Field(sa_type=Words(ReminderOutcome))  # pyright: ignore[reportArgumentType]
    settled_at: datetime = Field(sa_type=Utc)
