"""What comparing the search index with the database found, kept so that it can be shown."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import Text
from sqlmodel import Field

from casemill.models.columns import Table, Utc


class IndexReport(Table, table=True):
    """One comparison; its id is the job's.

    missing, stale and orphaned count documents as they were found; different, repaired and unrepaired count
    owners. After a dry run nothing is repaired.
    """

    __tablename__ = "index_reports"

    id: UUID = Field(primary_key=True)
    finished_at: datetime = Field(sa_type=Utc, index=True)
    dry_run: bool = False
    owners: int = 0
    documents: int = 0  # that the database says are ready
    missing: int = 0
    stale: int = 0
    orphaned: int = 0
    different: int = 0
    repaired: int = 0
    unrepaired: int = 0
    error: str | None = Field(default=None, sa_type=Text)  # what kept it from being finished
