"""Limits that admins change while everything runs; what has no row is as the settings say."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlmodel import Field

from casemill.models.columns import Table, Utc, Words, utc_now


class LimitName(StrEnum):
    JOBS_AT_ONCE = "jobs_at_once"
    JOBS_PER_USER = "jobs_per_user"
    JOB_SECONDS = "job_seconds"  # a job that runs longer is stopped
    RESULT_SECONDS = "result_seconds"  # results of tasks are kept so long, those of pinned jobs for good


class Limit(Table, table=True):
    __tablename__ = "limits"

    name: LimitName = Field(sa_type=Words(LimitName), primary_key=True)  # pyright: ignore[reportArgumentType]
    value: int
    changed_at: datetime = Field(default_factory=utc_now, sa_type=Utc)
    changed_by: UUID | None = None
