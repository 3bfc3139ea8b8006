"""Batches for a list: a page of them, narrowed to a status if asked."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, func
from sqlmodel import Session, col, select

from casemill.models import Batch, CaseStep
from casemill.operations.batch_standing import batches_not_completed, not_completed
from casemill.operations.batch_status import BatchStatus


def list_batches(
    session: Session,
    now: datetime,
    *,
    only_of: UUID | None = None,
    statuses: Sequence[BatchStatus] = (),
    page: int = 1,
    per_page: int = 50,
) -> tuple[list[Batch], int]:
    """The newest first, and how many there are in all."""
    mine: list[ColumnElement[bool]] = [col(Batch.user_id) == only_of] if only_of is not None else []
    newest = (col(Batch.created_at).desc(), col(Batch.id).desc())
    first = (page - 1) * per_page
    unfinished = col(Batch.id).in_(select(CaseStep.batch_id).where(not_completed()))
    if set(statuses) <= {BatchStatus.COMPLETED}:
        mine += [~unfinished] if statuses else []
        total = session.exec(select(func.count()).select_from(Batch).where(*mine)).one()
        rows = select(Batch).where(*mine).order_by(*newest).limit(per_page).offset(first)
        return list(session.exec(rows)), total
    # The other statuses are derived, not stored, so they cannot be asked for in SQL
    status = batches_not_completed(session, now, statuses)
    if BatchStatus.COMPLETED not in statuses:
        mine.append(unfinished)
    ids = [
        batch_id
        for batch_id in session.exec(select(Batch.id).where(*mine).order_by(*newest))
        if status.get(batch_id, BatchStatus.COMPLETED) in statuses
    ]
    shown = ids[first : first + per_page]
    found = {batch.id: batch for batch in session.exec(select(Batch).where(col(Batch.id).in_(shown)))}
    return [found[batch_id] for batch_id in shown], len(ids)
