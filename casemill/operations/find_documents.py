"""Finding documents, without their text, which may be millions of characters."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, cast
from uuid import UUID

from sqlalchemy import ColumnElement, Select, func, literal, union_all
from sqlalchemy import select as sql_select
from sqlalchemy.orm import QueryableAttribute, defer
from sqlalchemy.sql.base import ExecutableOption
from sqlmodel import Session, col, select

from casemill.errors import NotFound, Refused
from casemill.extraction.contract import PAGE_BREAK
from casemill.models import CaseDocument, DocumentModel, ExpertDocument, ProcessingStatus
from casemill.operations.document_pipeline import MODELS
from casemill.search.contract import OwnerKind

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


@dataclass(frozen=True, slots=True)
class DocumentFilter:
    """What is not given is not asked for; documents match all the rest. name is a part of it."""

    kind: OwnerKind | None = None
    owner_id: UUID | None = None
    status: ProcessingStatus | None = None
    name: str | None = None

    @property
    def models(self) -> list[DocumentModel]:
        return [MODELS[self.kind]] if self.kind else list(MODELS.values())


def count_documents(session: Session, wanted: DocumentFilter) -> dict[ProcessingStatus, int]:
    """How many have which status, of those that match but for their status."""
    found: Counter[ProcessingStatus] = Counter()
    any_status = replace(wanted, status=None)
    for model in wanted.models:
        counted = select(model.processing_status, func.count()).where(*_conditions(model, any_status))
        for status, count in session.exec(counted.group_by(col(model.processing_status))):
            found[ProcessingStatus(status)] += count
    return dict(found)


def documents_page(
    session: Session, wanted: DocumentFilter, limit: int = 50, offset: int = 0
) -> list[AnyDocument]:
    """Some of those that match, the newest first. They are found in indexes; only then are they read."""
    newest = [
        _newest_first(
            sql_select(literal(kind.value).label("kind"), col(model.id), col(model.uploaded_at)).where(
                *_conditions(model, wanted)
            ),
            col(model.uploaded_at),
            col(model.id),
        )
        .limit(offset + limit)
        .subquery()
        for kind, model in MODELS.items()
        if model in wanted.models
    ]
    every = union_all(*(sql_select(each) for each in newest)).subquery()
    page = _newest_first(sql_select(every.c.kind, every.c.id), every.c.uploaded_at, every.c.id)
    keys = session.connection().execute(page.limit(limit).offset(offset)).all()
    rows: dict[UUID, AnyDocument] = {}
    for kind, model in MODELS.items():
        ids = [document_id for of, document_id in keys if of == kind]
        if ids:
            found = select(model).where(col(model.id).in_(ids)).options(_without_text(model))
            rows |= {document.id: document for document in session.exec(found)}
    return [rows[document_id] for _, document_id in keys if document_id in rows]  # or deleted in between


def owner_names(session: Session, documents: Iterable[AnyDocument]) -> dict[UUID, str]:
    """The names of their cases and experts, by id of these."""
    names: dict[UUID, str] = {}
    documents = list(documents)
    for model in MODELS.values():
        owner = model.owner_model
        ids = {document.owner_id for document in documents if isinstance(document, model)}
        if ids:
            names |= dict(session.exec(select(owner.id, owner.name).where(col(owner.id).in_(ids))).all())
    return names


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


def _conditions(model: DocumentModel, wanted: DocumentFilter) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    status = col(model.processing_status) == wanted.status
    if wanted.owner_id is not None:
        conditions.append(getattr(model, model.owner_column) == wanted.owner_id)
        status = status.is_(True)  # so asked, an index finds the owner's documents, not all of a status
    if wanted.status is not None:
        conditions.append(status)
    if wanted.name:
        conditions.append(col(model.name).icontains(wanted.name, autoescape=True))
    return conditions


def _newest_first(query: Select[Any], uploaded_at: Any, document_id: Any) -> Select[Any]:
    return query.order_by(uploaded_at.desc(), document_id.desc())


def _without_text(model: DocumentModel) -> ExecutableOption:
    return defer(cast(QueryableAttribute[str], model.text), raiseload=True)
