"""The audit log: who did what, on what, from where, with which result. Rows are added, never changed."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import JSON, Index, Text
from sqlmodel import Field

from casemill.models.columns import Table, Utc, Words, utc_now


class AuditResult(StrEnum):
    DONE = "done"
    REFUSED = "refused"  # it made no sense in the state things were in, or the input was wrong
    DENIED = "denied"  # who asked may not
    FAILED = "failed"  # an error of ours, or of what we depend on


class AuditRecord(Table, table=True):
    """One action. User and target are named without a foreign key: the log outlives both."""

    __tablename__ = "audit_log"
    __table_args__ = (
        Index("ix_audit_at", "at", "id"),
        Index("ix_audit_user_at", "user_id", "at"),
        Index("ix_audit_action_at", "action", "at"),
        Index("ix_audit_target_at", "target", "at"),
        {"sqlite_autoincrement": True},
    )

    id: int | None = Field(default=None, primary_key=True)
    at: datetime = Field(default_factory=utc_now, sa_type=Utc)
    user_id: UUID | None = None
    user_name: str | None = None  # as given at a login that failed
    via: str  # session, token, link, password, system
    address: str | None = None
    action: str  # such as job.cancel
    target: str | None = None  # such as job:<id>
    result: AuditResult = Field(sa_type=Words(AuditResult))  # pyright: ignore[reportArgumentType]  an instance is fine
    message: str | None = Field(default=None, sa_type=Text)
    detail: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)
