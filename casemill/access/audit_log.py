"""Reading the audit log."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, func
from sqlmodel import Session, col, select

from casemill.models import AuditRecord, AuditResult


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """What is None filters nothing. user is an id, or a name as it was given."""

    user: UUID | str | None = None
    action: str | None = None
    target: str | None = None
    result: AuditResult | None = None
    since: datetime | None = None
    until: datetime | None = None


def audit_records(
    session: Session, wanted: AuditFilter, page: int, per_page: int
) -> tuple[Sequence[AuditRecord], int]:
    """A page of them, newest first, and how many there are."""
    where = _conditions(wanted)
    newest = col(AuditRecord.at).desc(), col(AuditRecord.id).desc()
    shown = select(AuditRecord).where(*where).order_by(*newest).offset((page - 1) * per_page).limit(per_page)
    total = session.exec(select(func.count()).select_from(AuditRecord).where(*where)).one()
    return session.exec(shown).all(), total


def actions_on_record(session: Session) -> list[str]:
    """Each action once, by name. One step of the index for each, however long the log is."""
    found: list[str] = []
    first = select(AuditRecord.action).order_by(col(AuditRecord.action)).limit(1)
    action = session.exec(first).first()
    while action is not None:
        found.append(action)
        action = session.exec(first.where(col(AuditRecord.action) > action)).first()
    return found


def _conditions(wanted: AuditFilter) -> list[ColumnElement[bool]]:
    by_id = isinstance(wanted.user, UUID)
    given = {
        col(AuditRecord.user_id if by_id else AuditRecord.user_name): wanted.user,
        col(AuditRecord.action): wanted.action,
        col(AuditRecord.target): wanted.target,
        col(AuditRecord.result): wanted.result,
    }
    where = [column == value for column, value in given.items() if value is not None]
    if wanted.since is not None:
        where.append(col(AuditRecord.at) >= wanted.since)
    if wanted.until is not None:
        where.append(col(AuditRecord.at) < wanted.until)
    return where
