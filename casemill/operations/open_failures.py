"""Steps that failed and that nothing has mended since, over all batches."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import ColumnElement, func
from sqlalchemy.orm import aliased
from sqlmodel import Session, col, select

from casemill.models import Batch, Case, CaseStep, StepState


def open_failures(
    session: Session, only_of: UUID | None, limit: int, offset: int = 0
) -> tuple[int, Sequence[tuple[CaseStep, str]]]:
    """How many, and a page of them with their cases' names; what failed last comes first.

    What another batch completed later is nobody's worry any more. only_of: in whose batches alone.
    """
    later = aliased(CaseStep)
    mended = select(later.id).where(
        later.case_id == CaseStep.case_id,
        later.step == CaseStep.step,
        later.state == StepState.COMPLETED,
        col(later.finished_at) > col(CaseStep.finished_at),
    )
    wanted: list[ColumnElement[bool]] = [col(CaseStep.state) == StepState.FAILED, ~mended.exists()]
    if only_of is not None:
        wanted.append(col(CaseStep.batch_id).in_(select(Batch.id).where(Batch.user_id == only_of)))
    total = session.exec(select(func.count()).select_from(CaseStep).where(*wanted)).one()
    rows = (
        select(CaseStep, Case.name)
        .join(Case, col(Case.id) == CaseStep.case_id)
        .where(*wanted)
        .order_by(col(CaseStep.finished_at).desc(), col(CaseStep.id))
        .limit(limit)
        .offset(offset)
    )
    return total, session.exec(rows).all()
