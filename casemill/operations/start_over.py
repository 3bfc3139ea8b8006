"""The ledger's side of starting a job again, and of its end: what it held is free, what it redoes is open."""

from collections.abc import Collection, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import update
from sqlmodel import Session, col, select

from casemill.models import CaseDocument, CaseStep, ExpertDocument, ProcessingStatus, StepState
from casemill.operations import claims
from casemill.operations.run_step import reopen

_MODELS = (CaseDocument, ExpertDocument)
_AT_ONCE = 500


def free_claims(session: Session, job_id: UUID) -> int:
    """What a job held whose process is gone waits again; how many rows."""
    freed = 0
    for kind in claims.KINDS:
        freed += session.exec(
            update(kind.model)
            .where(kind.column(kind.state) == kind.working, col(kind.model.claimed_by) == job_id)
            .values({kind.state: kind.waiting})
            .execution_options(synchronize_session=False)
        ).rowcount
    return freed


def cases_of_job(session: Session, batch_id: UUID, job_id: UUID, case_ids: Sequence[UUID]) -> list[UUID]:
    """The cases of the batch that the job was given; without any, those it has worked on."""
    if case_ids:
        return list(case_ids)
    held = select(CaseStep.case_id).where(CaseStep.batch_id == batch_id, CaseStep.claimed_by == job_id)
    return list(session.exec(held.distinct()))


def reopen_failed(session: Session, batch_id: UUID, job_id: UUID, case_ids: Sequence[UUID]) -> int:
    """The steps that failed in the job's cases, and those they blocked, wait again; how many."""
    free_claims(session, job_id)
    return reopen(session, batch_id, cases_of_job(session, batch_id, job_id, case_ids))


def clear_ledger(session: Session, batch_id: UUID, job_id: UUID, case_ids: Sequence[UUID]) -> int:
    """All steps of the job's cases wait again, and their documents are read again; how many steps.

    What another job is working on right now stays as it is. How often a row was tried is kept.
    """
    free_claims(session, job_id)
    cases = cases_of_job(session, batch_id, job_id, case_ids)
    cleared = 0
    for some in _portions(cases):
        cleared += session.exec(
            update(CaseStep)
            .where(
                col(CaseStep.batch_id) == batch_id,
                col(CaseStep.case_id).in_(some),
                col(CaseStep.state) != StepState.RUNNING,
            )
            .values(
                state=StepState.PENDING,
                done=0,
                total=None,
                started_at=None,
                finished_at=None,
                error_type=None,
                error=None,
                traceback=None,
            )
            .execution_options(synchronize_session=False)
        ).rowcount
        _read_again(session, CaseDocument, col(CaseDocument.case_id).in_(some))
    return cleared


def read_documents_again(session: Session, job_id: UUID, document_ids: Sequence[UUID]) -> int:
    """The documents wait to be read, but for those that another job is reading; how many."""
    free_claims(session, job_id)
    return sum(
        _read_again(session, model, col(model.id).in_(some))
        for model in _MODELS
        for some in _portions(document_ids)
    )


def _read_again(session: Session, model: type[CaseDocument] | type[ExpertDocument], which: Any) -> int:
    """Their text stays, and is found, until the new one is there."""
    settled = (ProcessingStatus.READY, ProcessingStatus.FAILED)
    return session.exec(
        update(model)
        .where(which, col(model.processing_status).in_(settled))
        .values(processing_status=ProcessingStatus.PENDING, chunked_as=None)
        .execution_options(synchronize_session=False)
    ).rowcount


def _portions(ids: Collection[UUID]) -> list[list[UUID]]:
    """SQLite takes a bounded number of values in one statement."""
    listed = list(ids)
    return [listed[start : start + _AT_ONCE] for start in range(0, len(listed), _AT_ONCE)]
