"""Reads one document: fetch from storage, extract, store the text on the record."""

import logging
from contextlib import suppress
from typing import Any
from uuid import UUID

from sqlalchemy import delete, update
from sqlmodel import Session, col

from casemill.errors import LostClaim
from casemill.extraction.contract import Extracted, Reason, Unreadable, clean_text
from casemill.models import (
    Attempt,
    CaseDocument,
    Chunk,
    Citation,
    DocumentModel,
    ProcessingStatus,
)
from casemill.models.columns import utc_now
from casemill.operations import claims
from casemill.operations.document_feed import tell_document
from casemill.storage.contract import DocumentMissing
from casemill.workspace import Workspace

logger = logging.getLogger(__name__)


def process_document(
    workspace: Workspace, model: DocumentModel, document_id: UUID, attempt: Attempt
) -> ProcessingStatus | None:
    """The status the document came to, or None if it was not waiting (another job has it, or it is done).

    Raises StorageUnavailable, after which the document waits again, and LostClaim.
    """
    kind = claims.CASE_DOCUMENT if model is CaseDocument else claims.EXPERT_DOCUMENT
    with workspace.database.write() as session:
        if not claims.claim(session, kind, document_id, attempt, workspace.lease):
            return None
        document = session.get_one(model, document_id)
        key, name, owner_id = document.storage_key, document.name, document.owner_id
        tell_document(session, document_id, ProcessingStatus.PROCESSING)
    try:
        content_type, outcome = _read(workspace, key, name)
        values = _ready(outcome) if isinstance(outcome, Extracted) else _failed(outcome)
        if content_type is not None:
            values["content_type"] = content_type
        with workspace.database.write() as session:
            claims.change(
                session, kind, document_id, attempt, processed_at=utc_now(), chunked_as=None, **values
            )
            _forget_what_older_text_gave(session, model, document_id)
            documents_changed(session, model, owner_id)
            tell_document(
                session,
                document_id,
                values["processing_status"],
                values["failure_reason"],
                values["failure_detail"],
            )
    except LostClaim:
        raise
    except BaseException:
        with suppress(LostClaim), workspace.database.write() as session:
            claims.change(session, kind, document_id, attempt, processing_status=ProcessingStatus.PENDING)
            tell_document(session, document_id, ProcessingStatus.PENDING)
        raise
    if isinstance(outcome, Unreadable):
        logger.warning("Document %s skipped, %s", document_id, outcome.reason)
    return values["processing_status"]


def documents_changed(session: Session, model: DocumentModel, owner_id: UUID) -> None:
    """Marks what search holds of the owner as out of date."""
    owner = model.owner_model
    session.exec(
        update(owner)
        .where(col(owner.id) == owner_id)
        .values(documents_version=col(owner.documents_version) + 1)
    )


def _read(workspace: Workspace, key: str, name: str) -> tuple[str | None, Extracted | Unreadable]:
    try:
        with workspace.documents.fetch(key) as path:
            extraction = workspace.sandbox.extract(path, name)
            return extraction.content_type, extraction.outcome
    except DocumentMissing as missing:
        return None, Unreadable(Reason.FILE_MISSING, str(missing))


def _ready(outcome: Extracted) -> dict[str, Any]:
    return {
        "processing_status": ProcessingStatus.READY,
        "text": outcome.text,
        "characters": len(outcome.text),
        "page_count": outcome.page_count,
        "language": outcome.language,
        "failure_reason": None,
        "failure_detail": None,
    }


def _failed(outcome: Unreadable) -> dict[str, Any]:
    return {
        "processing_status": ProcessingStatus.FAILED,
        "text": None,
        "characters": None,
        "page_count": None,
        "language": None,
        "failure_reason": outcome.reason,
        "failure_detail": clean_text(outcome.detail),
    }


def _forget_what_older_text_gave(session: Session, model: DocumentModel, document_id: UUID) -> None:
    if model is CaseDocument:
        session.exec(delete(Chunk).where(col(Chunk.case_document_id) == document_id))
        session.exec(delete(Citation).where(col(Citation.case_document_id) == document_id))
    else:
        session.exec(delete(Chunk).where(col(Chunk.expert_document_id) == document_id))
