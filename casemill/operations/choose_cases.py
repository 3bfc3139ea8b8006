"""Which of the cases somebody chose a new batch takes, and why it leaves the others."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import case, func
from sqlmodel import Session, col, select

from casemill.models import Batch, Case, CaseDocument, CaseStep, StepState
from casemill.operations.batch_standing import standings
from casemill.operations.batch_status import OPEN

_LEFT = (StepState.PENDING, StepState.RUNNING)


@dataclass(frozen=True, slots=True)
class Skipped:
    """reason is a sentence for people."""

    case_id: UUID
    reason: str


@dataclass(frozen=True, slots=True)
class Choice:
    added: list[UUID]
    skipped: list[Skipped]


def choose_cases(
    session: Session,
    case_ids: Sequence[UUID],
    steps: Collection[str],
    now: datetime,
    seen_by: UUID | None = None,
) -> Choice:
    """steps are those of the batch, prerequisites included. Batches of others than `seen_by` go unnamed.

    The cases are locked until the transaction ends, so that of two batches started at once one has them.
    """
    wanted = list(dict.fromkeys(case_ids))
    # In the same order everywhere, so that nobody waits for each other
    locked = select(Case.id).where(col(Case.id).in_(wanted)).order_by(col(Case.id))
    known = set(session.exec(locked.with_for_update(key_share=True)))
    documented = set(
        session.exec(select(CaseDocument.case_id).where(col(CaseDocument.case_id).in_(known)).distinct())
    )
    busy = _busy(session, documented, steps, now, seen_by)
    choice, seen = Choice([], []), set[UUID]()
    for case_id in case_ids:
        reason = busy.get(case_id)
        if case_id in seen:
            reason = "It was given twice"
        elif case_id not in known:
            reason = "There is no such case"
        elif case_id not in documented:
            reason = "It has no documents; upload some first"
        seen.add(case_id)
        if reason is None:
            choice.added.append(case_id)
        else:
            choice.skipped.append(Skipped(case_id, reason))
    return choice


def _busy(
    session: Session, case_ids: set[UUID], steps: Collection[str], now: datetime, seen_by: UUID | None
) -> dict[UUID, str]:
    """Cases for which another batch has all these steps, and is not through with them."""
    unsettled = select(CaseStep.batch_id).where(
        col(CaseStep.case_id).in_(case_ids), col(CaseStep.state).in_(_LEFT)
    )
    batches = set(session.exec(unsettled.distinct()))
    status = {
        batch_id: standing.status
        for batch_id, standing in standings(session, batches, now).items()
        if standing.status in OPEN
    }
    left = func.sum(case((col(CaseStep.state).in_(_LEFT), 1), else_=0))
    rows = session.exec(
        select(CaseStep.case_id, CaseStep.batch_id, Batch.user_id)
        .join(Batch, col(Batch.id) == CaseStep.batch_id)
        .where(
            col(CaseStep.batch_id).in_(status),
            col(CaseStep.case_id).in_(case_ids),
            col(CaseStep.step).in_(steps),
        )
        .group_by(col(CaseStep.case_id), col(CaseStep.batch_id), col(Batch.user_id))
        .having(func.count() == len(steps), left > 0)
    ).all()
    return {
        case_id: f"It is part of {_called(batch_id, user_id, seen_by)} already, which is {status[batch_id]}"
        for case_id, batch_id, user_id in rows
    }


def _called(batch_id: UUID, user_id: UUID | None, seen_by: UUID | None) -> str:
    return f"batch {batch_id}" if seen_by is None or seen_by == user_id else "another user's batch"
