"""What the ledger says of a batch: where it is, what failed, what came of each document."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from typing import cast
from uuid import UUID

from sqlalchemy import func
from sqlalchemy.orm import QueryableAttribute, defer
from sqlmodel import Session, col, select

from casemill.access.actor import Actor
from casemill.errors import NotFound
from casemill.extraction.contract import Reason
from casemill.models import Batch, Case, CaseDocument, CaseStep, Citation, ProcessingStatus, StepState
from casemill.operations.batch_status import BatchStatus as BatchStatus  # part of what this module gives


@dataclass(frozen=True, slots=True)
class StepProgress:
    """One step over all cases of a batch, measured in cases; a running case counts by its documents."""

    name: str
    cases: Counter[StepState]
    done: float
    total: int

    @property
    def words(self) -> str:
        """In how many cases it is in which state, such as "3 completed, 1 failed"."""
        return ", ".join(f"{self.cases[state]} {state}" for state in StepState if self.cases[state])


@dataclass(frozen=True, slots=True)
class DocumentResult:
    name: str
    status: ProcessingStatus
    reason: Reason | None
    detail: str | None
    pages: int | None
    characters: int | None
    citations: int


@dataclass(frozen=True, slots=True)
class CaseResult:
    id: UUID
    name: str
    steps: dict[str, CaseStep]
    documents: tuple[DocumentResult, ...]


def batch_status(rows: list[CaseStep], now: datetime) -> BatchStatus:
    """By the ledger alone: running while a live claim is held; failed or completed once nothing is left.

    Where its jobs stand, and with them whether it is paused or cancelled, is asked of batch_standing.
    """
    states = Counter(row.state for row in rows)
    if any(row.state == StepState.RUNNING and row.lease_until and row.lease_until > now for row in rows):
        return BatchStatus.RUNNING
    if states[StepState.PENDING] or states[StepState.RUNNING]:
        return BatchStatus.PENDING
    if states[StepState.FAILED] or states[StepState.BLOCKED]:
        return BatchStatus.FAILED
    return BatchStatus.COMPLETED


def batch_named(session: Session, batch_id: UUID) -> Batch:
    batch = session.get(Batch, batch_id)
    if batch is None:
        raise NotFound(f"No batch {batch_id}; `casemill batch list` shows what there is")
    return batch


def visible_batch(session: Session, actor: Actor, batch_id: UUID) -> Batch:
    """Raises NotFound also for one that the actor does not see."""
    batch = session.get(Batch, batch_id)
    if batch is None or not actor.sees(batch.user_id):
        raise NotFound(f"No batch {batch_id}; GET /api/v1/batches lists those you see")
    return batch


def ledger(session: Session, batch_id: UUID) -> list[CaseStep]:
    return list(
        session.exec(select(CaseStep).where(CaseStep.batch_id == batch_id).order_by(col(CaseStep.id)))
    )


def step_progress(batch: Batch, rows: list[CaseStep]) -> list[StepProgress]:
    """Each step of the batch, in order."""
    found: list[StepProgress] = []
    for name in batch.steps:
        mine = [row for row in rows if row.step == name]
        found.append(
            StepProgress(
                name, Counter(row.state for row in mine), sum(_part_done(row) for row in mine), len(mine)
            )
        )
    return found


def _part_done(row: CaseStep) -> float:
    """0 to 1."""
    if row.state == StepState.PENDING:
        return 0.0
    if row.state == StepState.RUNNING:
        return row.done / row.total if row.total else 0.0
    return 1.0


def case_results(
    session: Session, batch: Batch, limit: int | None = None, offset: int = 0
) -> list[CaseResult]:
    """The cases of the batch by name, with their steps and their documents; all, or a page of them."""
    results: dict[UUID, CaseResult] = {}
    mine = select(CaseStep.case_id).where(CaseStep.batch_id == batch.id)
    page = (
        select(Case.id)
        .where(col(Case.id).in_(mine))
        .order_by(Case.name, col(Case.id))
        .limit(limit)
        .offset(offset)
    )
    rows = session.exec(
        select(CaseStep, Case.name)
        .join(Case, col(Case.id) == CaseStep.case_id)
        .where(CaseStep.batch_id == batch.id, col(CaseStep.case_id).in_(page))
        .order_by(Case.name, col(CaseStep.case_id), col(CaseStep.id))
    ).all()
    documents = documents_of(session, {row.case_id for row, _ in rows})
    for row, name in rows:
        case = results.setdefault(
            row.case_id, CaseResult(row.case_id, name, {}, tuple(documents.get(row.case_id, ())))
        )
        case.steps[row.step] = row
    return list(results.values())


def working_rows(session: Session, batch_id: UUID, now: datetime) -> list[tuple[CaseStep, str]]:
    """What a job holds at this moment, with the case's name; what began last comes last."""
    rows = (
        select(CaseStep, Case.name)
        .join(Case, col(Case.id) == CaseStep.case_id)
        .where(
            CaseStep.batch_id == batch_id,
            CaseStep.state == StepState.RUNNING,
            col(CaseStep.lease_until) > now,
        )
        .order_by(col(CaseStep.started_at), col(CaseStep.id))
    )
    return [(row, name) for row, name in session.exec(rows)]


def failed_rows(session: Session, batch_id: UUID, limit: int) -> list[tuple[CaseStep, str]]:
    """Steps that failed, with the case's name; what failed last comes first."""
    rows = (
        select(CaseStep, Case.name)
        .join(Case, col(Case.id) == CaseStep.case_id)
        .where(CaseStep.batch_id == batch_id, CaseStep.state == StepState.FAILED)
        .order_by(col(CaseStep.finished_at).desc(), col(CaseStep.id))
        .limit(limit)
    )
    return [(row, name) for row, name in session.exec(rows)]


def documents_of(session: Session, case_ids: set[UUID]) -> dict[UUID, list[DocumentResult]]:
    """The cases' documents without their text, by case, in the order of their names."""
    found: dict[UUID, list[DocumentResult]] = {}
    cited = dict(
        session.exec(
            select(Citation.case_document_id, func.count())
            .join(CaseDocument, col(CaseDocument.id) == Citation.case_document_id)
            .where(col(CaseDocument.case_id).in_(case_ids))
            .group_by(col(Citation.case_document_id))
        ).all()
    )
    documents = session.exec(
        select(CaseDocument)
        .where(col(CaseDocument.case_id).in_(case_ids))
        .order_by(CaseDocument.name)
        .options(defer(cast(QueryableAttribute[str], CaseDocument.text), raiseload=True))
    )
    for document in documents:
        found.setdefault(document.case_id, []).append(
            DocumentResult(
                name=document.name,
                status=document.processing_status,
                reason=document.failure_reason,
                detail=document.failure_detail,
                pages=document.page_count,
                characters=document.characters,
                citations=cited.get(document.id, 0),
            )
        )
    return found
