"""What one job of a batch has to do: its share of the cases, and what is still open of them."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlmodel import Session, col, select

from casemill.models import (
    Attempt,
    Batch,
    Case,
    CaseDocument,
    CaseStep,
    ProcessingStatus,
    StepState,
)
from casemill.models.columns import utc_now
from casemill.operations import claims
from casemill.operations.batch_progress import batch_named
from casemill.operations.frontier import Frontier, Place
from casemill.operations.run_step import reopen
from casemill.operations.start_batch import open_cases, sharded
from casemill.steps.registry import StepRegistry


@dataclass(frozen=True)
class Share:
    """The cases this job works on, those it leaves to other jobs, and its way through the ledger."""

    batch: Batch
    case_ids: list[UUID]
    other_shards: list[list[UUID]]
    frontier: Frontier
    rows: dict[Place, int]
    case_names: dict[UUID, str]


def share(
    session: Session,
    registry: StepRegistry,
    batch_id: UUID,
    case_ids: Sequence[UUID],
    cases_per_job: int,
    attempt: Attempt,
    dead_jobs: Collection[UUID],
) -> Share:
    """Takes back what dead jobs held, opens what failed for another try, and divides the work.

    case_ids names this job's own cases; without any it takes the first shard of all that is open, and the
    other shards are for other jobs.
    """
    batch = batch_named(session, batch_id)
    claims.take_back(session, utc_now(), attempt, dead_jobs)
    shards = [list(case_ids)] if case_ids else sharded(open_cases(session, batch_id), cases_per_job)
    mine = shards[0] if shards else []
    reopen(session, batch_id, mine)
    rows = session.exec(
        select(CaseStep, Case.name)
        .join(Case, col(Case.id) == CaseStep.case_id)
        .where(CaseStep.batch_id == batch_id, col(CaseStep.case_id).in_(mine))
    ).all()
    return Share(
        batch=batch,
        case_ids=mine,
        other_shards=shards[1:],
        frontier=Frontier(
            [registry[name] for name in batch.steps],
            mine,
            {(row.case_id, row.step): row.state for row, _ in rows},
        ),
        rows={(row.case_id, row.step): row.id for row, _ in rows if row.id is not None},
        case_names={row.case_id: name for row, name in rows},
    )


def failures(
    session: Session, batch_id: UUID, case_ids: Collection[UUID]
) -> tuple[list[dict[str, str]], list[dict[str, str]]]:
    """Rows for people: the steps that failed, and the documents that could not be read."""
    steps = session.exec(
        select(CaseStep, Case.name)
        .join(Case, col(Case.id) == CaseStep.case_id)
        .where(
            CaseStep.batch_id == batch_id,
            col(CaseStep.case_id).in_(case_ids),
            CaseStep.state == StepState.FAILED,
        )
        .order_by(Case.name)
    )
    documents = session.exec(
        select(Case.name, CaseDocument.name, CaseDocument.failure_reason, CaseDocument.failure_detail)
        .join(Case, col(Case.id) == CaseDocument.case_id)
        .where(
            col(CaseDocument.case_id).in_(case_ids),
            CaseDocument.processing_status == ProcessingStatus.FAILED,
        )
        .order_by(Case.name, CaseDocument.name)
    )
    return (
        [
            {"case": name, "what": f"step {row.step}", "why": f"{row.error_type}: {row.error}"}
            for row, name in steps
        ],
        [
            {"case": case, "what": document, "why": f"{reason}: {detail}"}
            for case, document, reason, detail in documents
        ],
    )


def all_cases(session: Session) -> list[UUID]:
    return list(session.exec(select(Case.id).order_by(Case.name)))
