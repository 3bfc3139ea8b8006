"""What a cleanup removed, kept so that it can be shown."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import JSON
from sqlmodel import Field

from casemill.models.columns import Table, Utc


class CleanupReport(Table, table=True):
    """One cleanup that came to its end; its id is the job's. removed has a row for each kind."""

    __tablename__ = "cleanup_reports"

    id: UUID = Field(primary_key=True)
    finished_at: datetime = Field(sa_type=Utc, index=True)
    dry_run: bool = False
    removed: list[dict[str, Any]] = Field(default_factory=list[dict[str, Any]], sa_type=JSON)
