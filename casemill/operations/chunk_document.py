"""Cuts one document's text into chunks and stores them."""

from uuid import UUID

from sqlalchemy import delete, insert, update
from sqlmodel import Session, col, select

from casemill.models import CaseDocument, Chunk, DocumentModel
from casemill.steps.chunking import ChunkOptions, chunked, fingerprint


def chunk_column(model: DocumentModel) -> str:
    return "case_document_id" if model is CaseDocument else "expert_document_id"


def chunk_rows(
    session: Session, model: DocumentModel, document_id: UUID, options: ChunkOptions
) -> list[dict[str, object]]:
    """The rows for table chunks; reads only, so that cutting holds no lock."""
    text, page_count = session.exec(select(model.text, model.page_count).where(model.id == document_id)).one()
    return [
        {
            chunk_column(model): document_id,
            "ordinal": chunk.ordinal,
            "start": chunk.start,
            "end": chunk.end,
            "first_page": chunk.first_page,
            "last_page": chunk.last_page,
            "pages": [list(place) for place in chunk.pages],
            "text": chunk.text,
        }
        for chunk in chunked(text or "", options, paged=page_count is not None)
    ]


def store_chunks(
    session: Session,
    model: DocumentModel,
    document_id: UUID,
    rows: list[dict[str, object]],
    options: ChunkOptions,
) -> str:
    """Replaces the document's chunks; the fingerprint they were made with.

    The document's row goes first: it makes another job that is replacing them too wait, and then see ours.
    """
    made_with = fingerprint(options)
    session.exec(update(model).where(col(model.id) == document_id).values(chunked_as=made_with))
    session.exec(delete(Chunk).where(getattr(Chunk, chunk_column(model)) == document_id))
    if rows:
        session.connection().execute(insert(Chunk), rows)
    return made_with
