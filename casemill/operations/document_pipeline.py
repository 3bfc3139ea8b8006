"""What one job of the document pipeline has to do."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlmodel import col, select

from casemill.db import Database
from casemill.models import CaseDocument, DocumentModel, ExpertDocument, ProcessingStatus
from casemill.search.contract import OwnerKind

_AT_ONCE = 200


MODELS: dict[OwnerKind, DocumentModel] = {OwnerKind.CASE: CaseDocument, OwnerKind.EXPERT: ExpertDocument}


@dataclass(frozen=True, slots=True)
class WaitingDocument:
    kind: OwnerKind
    id: UUID
    name: str


def waiting_documents(
    database: Database, only: Sequence[UUID], tried: Collection[UUID]
) -> list[WaitingDocument]:
    """Pending documents, the oldest first: of the ids given or, without any, a bounded number of all.

    Those this job has tried already are left out: a document whose reading keeps failing does not hold it.
    """
    found: list[WaitingDocument] = []
    for kind, model in MODELS.items():
        query = select(model.id, model.name).where(model.processing_status == ProcessingStatus.PENDING)
        if only:
            query = query.where(col(model.id).in_(only))
        query = query.order_by(col(model.uploaded_at), col(model.id)).limit(_AT_ONCE + len(tried))
        with database.read() as session:
            rows = [row for row in session.exec(query) if row[0] not in tried]
        found.extend(WaitingDocument(kind, document_id, name) for document_id, name in rows[:_AT_ONCE])
    return found


def unreadable_documents(database: Database, ids: Collection[UUID]) -> list[dict[str, str]]:
    """Rows for people: which of these documents could not be read, and why."""
    rows: list[dict[str, str]] = []
    for model in MODELS.values():
        query = select(model.id, model.name, model.failure_reason, model.failure_detail).where(
            model.processing_status == ProcessingStatus.FAILED
        )
        with database.read() as session:
            rows.extend(
                {"document": name, "why": f"{reason}: {detail}"}
                for document_id, name, reason, detail in session.exec(query)
                if document_id in ids
            )
    return rows
