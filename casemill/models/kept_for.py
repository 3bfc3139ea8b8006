"""How long what is over is kept, where admins changed it; what has no row is as the settings say."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlmodel import Field

from casemill.models.columns import Table, Utc, Words, utc_now


class RetentionName(StrEnum):
    """The classes, named as their settings are: the last word is the unit."""

    FINISHED_RUN_HOURS = "finished_run_hours"
    AD_HOC_RUN_HOURS = "ad_hoc_run_hours"
    FAILED_RUN_DAYS = "failed_run_days"
    OFFLINE_WORKER_MINUTES = "offline_worker_minutes"
    STALE_CLAIM_MINUTES = "stale_claim_minutes"
    FEED_DAYS = "feed_days"
    CREDENTIAL_DAYS = "credential_days"
    TEMPORARY_FILE_HOURS = "temporary_file_hours"
    MAIL_DAYS = "mail_days"
    HISTORY_DAYS = "history_days"


class KeptFor(Table, table=True):
    __tablename__ = "retention"

    name: RetentionName = Field(sa_type=Words(RetentionName), primary_key=True)  # pyright: ignore[reportArgumentType]  an instance is fine
    value: float
    changed_at: datetime = Field(default_factory=utc_now, sa_type=Utc)
    changed_by: UUID | None = None
