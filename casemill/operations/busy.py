"""What is being worked on, and therefore stays as it is for the moment."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import and_, exists, func, or_
from sqlmodel import Session, col, select

from casemill.models import (
    NOT_OVER,
    CaseDocument,
    CaseStep,
    DocumentModel,
    Job,
    JobStatus,
    JobType,
    ProcessingStatus,
    StepState,
)


def why_busy(session: Session, model: DocumentModel, owner_id: UUID, now: datetime) -> str | None:
    """A sentence that says what runs on the case or expert; None if nothing does."""
    reading = session.exec(
        select(func.count())
        .select_from(model)
        .where(
            getattr(model, model.owner_column) == owner_id,
            model.processing_status == ProcessingStatus.PROCESSING,
            col(model.lease_until) > now,
        )
    ).one()
    if reading:
        return f"{reading} of its documents {'is' if reading == 1 else 'are'} being read"
    if model is CaseDocument and _is_in_a_batch(session, owner_id, now):
        return "A batch is working on it"
    owner = model.owner_model
    behind = select(owner.id).where(
        owner.id == owner_id, col(owner.indexed_version) < col(owner.documents_version)
    )
    if session.exec(behind).first() and _documents_are_processed(session):
        return "Its documents are being made searchable"
    return None


def _is_in_a_batch(session: Session, case_id: UUID, now: datetime) -> bool:
    """A step of it runs, or waits for a job that is not over."""
    has_job = exists().where(col(Job.batch_id) == CaseStep.batch_id, col(Job.status).in_(NOT_OVER))
    runs = and_(col(CaseStep.state) == StepState.RUNNING, col(CaseStep.lease_until) > now)
    waits = and_(col(CaseStep.state).in_((StepState.PENDING, StepState.RUNNING)), has_job)
    return (
        session.exec(
            select(CaseStep.id).where(CaseStep.case_id == case_id, or_(runs, waits)).limit(1)
        ).first()
        is not None
    )


def _documents_are_processed(session: Session) -> bool:
    running = select(Job.id).where(Job.type == JobType.DOCUMENT_PROCESSING, Job.status == JobStatus.RUNNING)
    return session.exec(running.limit(1)).first() is not None
