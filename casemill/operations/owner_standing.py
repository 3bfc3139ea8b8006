"""How it stands with cases and experts: what they hold, what of it is read and found, what ran on them."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, case, func
from sqlalchemy import select as select_columns
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
class StepStanding:
    """How it stands with one step of a case, whoever's batch it was.

    state is in the newest batch that has the step; done_at when it was last completed in any. is_behind:
    documents came to the case since.
    """

    state: StepState
    done_at: datetime | None
    is_behind: bool


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
    steps: dict[str, StepStanding] = field(default_factory=dict[str, StepStanding])
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
    wanted = _called(model, text)
    total = session.exec(select(func.count()).select_from(owner).where(*wanted)).one()
    page = select(owner).where(*wanted).order_by(col(owner.name), col(owner.id)).limit(limit).offset(offset)
    return total, _standings(session, model, session.exec(page).all(), batches_of)


def owner_names(
    session: Session, model: DocumentModel, text: str | None, limit: int
) -> tuple[int, Sequence[tuple[UUID, str]]]:
    """How many have the text in their name, and the id and name of each of the first of them, by name."""
    owner = model.owner_model
    wanted = _called(model, text)
    total = session.exec(select(func.count()).select_from(owner).where(*wanted)).one()
    found = select(owner.id, owner.name).where(*wanted).order_by(col(owner.name), col(owner.id))
    return total, session.exec(found.limit(limit)).all()


def owner_standing(
    session: Session, model: DocumentModel, owner_id: UUID, batches_of: UUID | None = None
) -> OwnerStanding:
    found = session.get(model.owner_model, owner_id)
    if found is None:
        raise NotFound(f"No {model.owner_column.removesuffix('_id')} with id {owner_id}")
    return _standings(session, model, [found], batches_of)[0]


def _called(model: DocumentModel, text: str | None) -> list[ColumnElement[bool]]:
    return [col(model.owner_model.name).icontains(text, autoescape=True)] if text else []


def _standings(
    session: Session, model: DocumentModel, owners: Sequence[DocumentOwner], batches_of: UUID | None
) -> list[OwnerStanding]:
    ids = [owner.id for owner in owners]
    owner_id = getattr(model, model.owner_column)
    documents: dict[UUID, dict[ProcessingStatus, int]] = {}
    newest: dict[UUID, datetime] = {}
    counted = select(owner_id, model.processing_status, func.count(), func.max(model.uploaded_at)).where(
        owner_id.in_(ids)
    )
    for of, status, count, uploaded_at in session.exec(counted.group_by(owner_id, model.processing_status)):
        documents.setdefault(of, {})[ProcessingStatus(status)] = count
        newest[of] = max(newest.get(of, uploaded_at), uploaded_at)
    chunks = _count(session, model, ids, getattr(Chunk, chunk_column(model)))
    is_case = model is CaseDocument
    citations = _count(session, model, ids, Citation.case_document_id) if is_case else Counter[UUID]()
    steps = _steps(session, ids, newest) if is_case else {}
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
            steps=steps.get(owner.id, {}),
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


def _steps(
    session: Session, case_ids: Collection[UUID], newest: Mapping[UUID, datetime]
) -> dict[UUID, dict[str, StepStanding]]:
    """newest: when each case got its last document."""
    completed = case((col(CaseStep.state) == StepState.COMPLETED, col(CaseStep.finished_at)))
    last = (
        select_columns(func.max(col(CaseStep.id)).label("id"), func.max(completed).label("done_at"))
        .where(col(CaseStep.case_id).in_(case_ids))
        .group_by(col(CaseStep.case_id), col(CaseStep.step))
        .subquery()
    )
    rows = session.exec(
        select(CaseStep.case_id, CaseStep.step, CaseStep.state, last.c.done_at).join(
            last, last.c.id == col(CaseStep.id)
        )
    )
    found: dict[UUID, dict[str, StepStanding]] = {}
    for case_id, step, state, done_at in rows:
        is_behind = done_at is not None and case_id in newest and newest[case_id] > done_at
        found.setdefault(case_id, {})[step] = StepStanding(StepState(state), done_at, is_behind)
    return found


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
