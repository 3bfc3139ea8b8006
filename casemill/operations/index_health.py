"""Whether search holds what is ready, by what the last comparisons found."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import delete, func
from sqlmodel import Session, col, select

from casemill.models import IndexReport
from casemill.operations.document_pipeline import MODELS

OVERDUE = timedelta(hours=3)
"""The index is compared every hour: this long without an answer, nobody knows how it is."""

KEPT = 100
"""Reports that are kept, the newest."""


class IndexState(StrEnum):
    WELL = "well"  # it held what is ready, or was made to
    DIFFERS = "differs"  # something is known to be wrong and was not repaired
    FAILED = "failed"  # the last comparison was not finished
    OVERDUE = "overdue"  # the last comparison is too long ago
    UNKNOWN = "unknown"  # it was never compared


@dataclass(frozen=True, slots=True)
class SearchHealth:
    """waiting: owners with documents that became ready and are not indexed yet, as of now."""

    state: IndexState
    detail: str
    waiting: int
    report: IndexReport | None

    @property
    def is_well(self) -> bool:
        return self.state == IndexState.WELL


def record_report(session: Session, report: IndexReport) -> None:
    """Keeps the report; a job that is tried again has the report of its last try."""
    session.merge(report)
    session.flush()
    newest = select(IndexReport.id).order_by(col(IndexReport.finished_at).desc()).limit(KEPT)
    kept = session.exec(newest).all()
    session.exec(delete(IndexReport).where(col(IndexReport.id).not_in(kept)))


def index_health(session: Session, now: datetime) -> SearchHealth:
    """How the search index is, as far as is known."""
    newest = select(IndexReport).order_by(col(IndexReport.finished_at).desc()).limit(1)
    report = session.exec(newest).first()
    state, detail = _judged(report, now)
    return SearchHealth(state, detail, _waiting(session), report)


def in_words(report: IndexReport) -> str:
    """What a comparison found, in one line."""
    if not report.different:
        return f"{report.documents} documents of {report.owners} owners are as they should be"
    found = f"{report.missing} missing, {report.stale} stale, {report.orphaned} orphaned documents"
    if report.dry_run:
        return f"{found} of {report.different} owners, nothing repaired in a dry run"
    said = f"{found}, {report.repaired} of {report.different} owners repaired"
    return f"{said}, {report.unrepaired} not" if report.unrepaired else said


def _judged(report: IndexReport | None, now: datetime) -> tuple[IndexState, str]:
    if report is None:
        return IndexState.UNKNOWN, "Never compared with the database; run search-sync"
    if report.finished_at < now - OVERDUE:
        last = f"{report.finished_at:%Y-%m-%d %H:%M} UTC"
        return IndexState.OVERDUE, f"Last compared on {last}; look whether search-sync still runs"
    if report.error is not None:
        return IndexState.FAILED, f"The last comparison was not finished: {report.error}"
    if report.unrepaired or (report.dry_run and report.different):
        return IndexState.DIFFERS, f"{in_words(report)}; run search-sync to repair it"
    return IndexState.WELL, in_words(report)


def _waiting(session: Session) -> int:
    waiting = 0
    for model in MODELS.values():
        owner = model.owner_model
        behind = col(owner.indexed_version) < col(owner.documents_version)
        waiting += session.exec(select(func.count()).select_from(owner).where(behind)).one()
    return waiting
