"""Puts all ready documents of one owner into search, as one replacement."""

from collections.abc import Iterator
from uuid import UUID

from sqlalchemy import update
from sqlmodel import col, select

from casemill.db import Database
from casemill.models import CaseDocument, Chunk, DocumentModel, ProcessingStatus
from casemill.operations.chunk_document import chunk_column, chunk_rows, store_chunks
from casemill.search.contract import IndexedDocument, Owner, OwnerKind, PageSpan, Passage
from casemill.steps.chunking import ChunkOptions
from casemill.workspace import Workspace


def index_owner(workspace: Workspace, model: DocumentModel, owner_id: UUID) -> int:
    """How many documents search holds of the owner now.

    Documents may become ready meanwhile, here or in another job, so it goes on until what was indexed is
    what there is: whoever finishes last leaves the newest state.
    """
    owner_model = model.owner_model
    owner = Owner(OwnerKind.CASE if model is CaseDocument else OwnerKind.EXPERT, owner_id)
    count = 0
    indexed = None
    while True:
        with workspace.database.read() as session:
            version, name = session.exec(
                select(owner_model.documents_version, owner_model.name).where(owner_model.id == owner_id)
            ).one()
        if version == indexed:
            return count
        documents = list(_documents(workspace.database, model, owner, name))
        workspace.index.replace_owner(owner, documents)
        count, indexed = len(documents), version
        with workspace.database.write() as session:
            session.exec(
                update(owner_model)
                .where(col(owner_model.id) == owner_id, col(owner_model.indexed_version) < version)
                .values(indexed_version=version)
            )


def version_of(sha256: str, chunked_as: str) -> str:
    """What search is told as a document's version: its bytes, and how its text was cut."""
    return f"{sha256}:{chunked_as}"


def unindexed_owners(database: Database, model: DocumentModel) -> list[UUID]:
    """Owners whose ready documents are not yet what search holds."""
    owner = model.owner_model
    with database.read() as session:
        return list(
            session.exec(select(owner.id).where(col(owner.indexed_version) < col(owner.documents_version)))
        )


def _documents(
    database: Database, model: DocumentModel, owner: Owner, owner_name: str
) -> Iterator[IndexedDocument]:
    ready = select(model.id, model.name, model.sha256, model.chunked_as).where(
        getattr(model, model.owner_column) == owner.id,
        model.processing_status == ProcessingStatus.READY,
    )
    with database.read() as session:
        rows = session.exec(ready.order_by(col(model.uploaded_at), col(model.id))).all()
    for document_id, name, sha256, chunked_as in rows:
        if chunked_as is None:
            chunked_as = _chunked_by_default(database, model, document_id)
        with database.read() as session:
            yield IndexedDocument(
                id=document_id,
                name=name,
                owner=owner,
                owner_name=owner_name,
                version=version_of(sha256, chunked_as),
                passages=tuple(
                    Passage(
                        ordinal=chunk.ordinal,
                        text=chunk.text,
                        pages=tuple(PageSpan(page, start) for page, start in chunk.pages),
                    )
                    for chunk in session.exec(
                        select(Chunk)
                        .where(getattr(Chunk, chunk_column(model)) == document_id)
                        .order_by(col(Chunk.ordinal))
                    )
                ),
            )


def _chunked_by_default(database: Database, model: DocumentModel, document_id: UUID) -> str:
    options = ChunkOptions()
    with database.read() as session:
        rows = chunk_rows(session, model, document_id, options)
    with database.write() as session:
        return store_chunks(session, model, document_id, rows, options)
