"""How it stands with cases and experts: what they hold, what of it is read and found, what ran on them."""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import func
from sqlmodel import Session, col, select

from casemill.errors import NotFound
from casemill.models import (
    Batch,
    CaseDocument,
    CaseStep,
    Chunk,
    Citation,
    DocumentModel,
    ProcessingStatus,
    StepState,
)
from casemill.models.owner import DocumentOwner
from casemill.operations.chunk_document import chunk_column


@dataclass(frozen=True, slots=True)
class LastBatch:
    """The newest batch of a case, and in how many of its steps this case is in which state."""

    id: UUID
    created_at: datetime
    steps: dict[StepState, int] = field(default_factory=dict[StepState, int])


@dataclass(frozen=True, slots=True)
class OwnerStanding:
    """is_indexed: search holds all that is ready, and nothing that is not."""

    id: UUID
    name: str
    created_at: datetime
    documents: dict[ProcessingStatus, int]
    chunks: int
    citations: int
    is_indexed: bool
    last_batch: LastBatch | None = None


def owner_standings(
    session: Session,
    model: DocumentModel,
    text: str | None = None,
    batches_of: UUID | None = None,
    limit: int = 50,
    offset: int = 0,
) -> tuple[int, list[OwnerStanding]]:
    """How many have the text in their name, and one page of them, by name.

    batches_of: whose batches alone count as the last; None for everybody's.
    """
    owner = model.owner_model
    wanted = [col(owner.name).icontains(text, autoescape=True)] if text else []
    total = session.exec(select(func.count()).select_from(owner).where(*wanted)).one()
    page = select(owner).where(*wanted).order_by(col(owner.name), col(owner.id)).limit(limit).offset(offset)
    return total, _standings(session, model, session.exec(page).all(), batches_of)


def owner_standing(
    session: Session, model: DocumentModel, owner_id: UUID, batches_of: UUID | None = None
) -> OwnerStanding:
    found = session.get(model.owner_model, owner_id)
    if found is None:
        raise NotFound(f"No {model.owner_column.removesuffix('_id')} with id {owner_id}")
    return _standings(session, model, [found], batches_of)[0]


def _standings(
    session: Session, model: DocumentModel, owners: Sequence[DocumentOwner], batches_of: UUID | None
) -> list[OwnerStanding]:
    ids = [owner.id for owner in owners]
    owner_id = getattr(model, model.owner_column)
    documents: dict[UUID, dict[ProcessingStatus, int]] = {}
    counted = select(owner_id, model.processing_status, func.count()).where(owner_id.in_(ids))
    for of, status, count in session.exec(counted.group_by(owner_id, model.processing_status)):
        documents.setdefault(of, {})[ProcessingStatus(status)] = count
    chunks = _count(session, model, ids, getattr(Chunk, chunk_column(model)))
    is_case = model is CaseDocument
    citations = _count(session, model, ids, Citation.case_document_id) if is_case else Counter[UUID]()
    batches = _last_batches(session, ids, batches_of) if is_case else {}
    return [
        OwnerStanding(
            id=owner.id,
            name=owner.name,
            created_at=owner.created_at,
            documents=documents.get(owner.id, {}),
            chunks=chunks[owner.id],
            citations=citations[owner.id],
            is_indexed=owner.indexed_version == owner.documents_version,
            last_batch=batches.get(owner.id),
        )
        for owner in owners
    ]


def _count(session: Session, model: DocumentModel, ids: Collection[UUID], document_id: Any) -> Counter[UUID]:
    """Rows that name documents of these owners, by owner."""
    owner_id = getattr(model, model.owner_column)
    rows = session.exec(
        select(owner_id, func.count())
        .join_from(model, document_id.class_, document_id == col(model.id))
        .where(owner_id.in_(ids))
        .group_by(owner_id)
    )
    return Counter(dict(rows.all()))


def _last_batches(
    session: Session, case_ids: Collection[UUID], batches_of: UUID | None
) -> dict[UUID, LastBatch]:
    counted = (
        select(CaseStep.case_id, CaseStep.batch_id, CaseStep.state, func.count())
        .where(col(CaseStep.case_id).in_(case_ids))
        .group_by(col(CaseStep.case_id), col(CaseStep.batch_id), col(CaseStep.state))
    )
    rows = session.exec(counted).all()
    wanted = select(Batch).where(col(Batch.id).in_({batch_id for _, batch_id, _, _ in rows}))
    if batches_of is not None:
        wanted = wanted.where(Batch.user_id == batches_of)
    batches = {batch.id: batch for batch in session.exec(wanted)}
    found: dict[UUID, LastBatch] = {}
    for case_id, batch_id, state, count in rows:
        if (batch := batches.get(batch_id)) is None:
            continue
        known = found.get(case_id)
        if known is None or (known.created_at, known.id) < (batch.created_at, batch.id):
            known = found[case_id] = LastBatch(batch.id, batch.created_at)
        if known.id == batch.id:
            known.steps[StepState(state)] = count
    return found
