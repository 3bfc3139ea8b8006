"""Finding documents, without their text, which may be millions of characters."""

from collections.abc import Sequence
from typing import cast
from uuid import UUID

from sqlalchemy import func
from sqlalchemy.orm import QueryableAttribute, defer
from sqlalchemy.sql.base import ExecutableOption
from sqlmodel import Session, col, select

from casemill.errors import NotFound, Refused
from casemill.extraction.contract import PAGE_BREAK
from casemill.models import CaseDocument, DocumentModel, ExpertDocument, ProcessingStatus
from casemill.operations.document_pipeline import MODELS

AnyDocument = CaseDocument | ExpertDocument


def document_with_id(session: Session, document_id: UUID) -> AnyDocument:
    """Of a case or an expert. Raises NotFound. Its text is not loaded."""
    for model in MODELS.values():
        found = session.exec(
            select(model).where(model.id == document_id).options(_without_text(model))
        ).first()
        if found is not None:
            return found
    raise NotFound(f"No document {document_id}; the documents of its case or expert show what there is")


def documents_of(
    session: Session,
    model: DocumentModel,
    owner_id: UUID,
    status: ProcessingStatus | None = None,
    limit: int = 50,
    offset: int = 0,
) -> tuple[int, Sequence[AnyDocument]]:
    """How many there are, and one page of them, the newest first."""
    wanted = [getattr(model, model.owner_column) == owner_id]
    if status is not None:
        wanted.append(model.processing_status == status)
    total = session.exec(select(func.count()).select_from(model).where(*wanted)).one()
    page = (
        select(model)
        .where(*wanted)
        .options(_without_text(model))
        .order_by(col(model.uploaded_at).desc(), col(model.id))
    )
    return total, session.exec(page.limit(limit).offset(offset)).all()


def text_of_page(session: Session, document_id: UUID, page: int) -> tuple[str, int]:
    """The text of a page, counted from 1, and how many there are; one for a document without pages.

    Raises NotFound, and Refused for a document that has no text.
    """
    document = document_with_id(session, document_id)
    model = type(document)
    text = session.exec(select(model.text).where(model.id == document_id)).one()
    if document.processing_status == ProcessingStatus.FAILED:
        raise Refused(f"The document has no text: {document.failure_reason}. {document.failure_detail}")
    if text is None:
        raise Refused("The document is not read yet; its text is there once its status is ready")
    pages = text.split(PAGE_BREAK)
    if page > len(pages):
        raise NotFound(f"The document has {len(pages)} pages; there is no page {page}")
    return pages[page - 1], len(pages)


def _without_text(model: DocumentModel) -> ExecutableOption:
    return defer(cast(QueryableAttribute[str], model.text), raiseload=True)
