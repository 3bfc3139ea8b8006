"""Where the recorder is."""

from datetime import datetime

from sqlmodel import Field

from casemill.models.columns import Table, Utc

THE_RECORDER = 1


class RecorderMark(Table, table=True):
    """One row. seen_at moves every few seconds while a recorder works; all that ended before reconciled_at
    is recorded for good."""

    __tablename__ = "recorder_mark"

    id: int = Field(default=THE_RECORDER, primary_key=True)
    seen_at: datetime | None = Field(default=None, sa_type=Utc)
    listening_since: datetime | None = Field(default=None, sa_type=Utc)
    reconciled_at: datetime | None = Field(default=None, sa_type=Utc)
