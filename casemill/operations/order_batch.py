"""Batches that people order: what is ordered twice is one batch, what cannot be done is said, not raised."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from sqlmodel import Session, col, select

from casemill.access.actor import Actor
from casemill.errors import Refused
from casemill.models import Batch, CaseStep, User
from casemill.operations.batch_standing import standings
from casemill.operations.batch_status import OPEN
from casemill.operations.choose_cases import Choice, Skipped, choose_cases
from casemill.operations.job_dependencies import After, require_possible
from casemill.operations.start_batch import EmptyBatch, after_of, start_batch
from casemill.steps.options import BatchOptions
from casemill.steps.registry import StepRegistry

DOUBLE_CLICK = timedelta(seconds=5)
"""The same order again within this time is a finger that twitched."""

_MOST_NAMED = 20


@dataclass(frozen=True, slots=True)
class BatchOrder:
    case_ids: Sequence[UUID]
    steps: Sequence[str] = ()
    options: BatchOptions = field(default_factory=BatchOptions)
    priority: int = 0
    key: str | None = None
    after: Sequence[After] = ()


@dataclass(frozen=True, slots=True)
class Ordered:
    """is_new is False where the same order had started this batch before."""

    batch: Batch
    choice: Choice
    is_new: bool


class NothingToDo(EmptyBatch):
    """Every case that was chosen is skipped."""

    def __init__(self, skipped: list[Skipped]) -> None:
        self.skipped = skipped
        named = "; ".join(f"{case.case_id}: {case.reason}" for case in skipped[:_MOST_NAMED])
        more = f"; and {len(skipped) - _MOST_NAMED} more" if len(skipped) > _MOST_NAMED else ""
        super().__init__(f"No case is left to run a batch over. {named}{more}")


def order_batch(
    session: Session, registry: StepRegistry, order: BatchOrder, actor: Actor, now: datetime
) -> Ordered:
    """The batch with its ledger; one that the same user ordered before, if this is that order again.

    Raises NothingToDo, StepNotRegistered, Refused for a key that was given to another order, and what
    require_possible raises for the jobs it is to come after.
    """
    # One order of a user at a time: the second of two at once sees what the first one started.
    session.exec(select(User.id).where(User.id == actor.user_id).with_for_update(key_share=True)).one()
    steps = [step.name for step in registry.plan(order.steps or list(registry))]
    if before := _ordered_before(session, order, actor, steps, now):
        return before
    require_possible(session, actor, order.after, now)
    choice = choose_cases(session, order.case_ids, steps, now, actor.only_of)
    if not choice.added:
        raise NothingToDo(choice.skipped)
    batch = start_batch(
        session,
        registry,
        choice.added,
        steps,
        order.options,
        user_id=actor.user_id,
        priority=order.priority,
        idempotency_key=order.key,
        after=order.after,
    )
    return Ordered(batch, choice, is_new=True)


def _ordered_before(
    session: Session, order: BatchOrder, actor: Actor, steps: list[str], now: datetime
) -> Ordered | None:
    mine = select(Batch).where(Batch.user_id == actor.user_id)
    if order.key is not None:
        known = session.exec(mine.where(Batch.idempotency_key == order.key)).first()
        if known is None:
            return None
        if again := _same(session, known, order, actor, steps, now):
            return again
        raise Refused(
            f"The key {order.key!r} was given to batch {known.id}, which has other cases, steps, options, "
            "priority or jobs to come after; use a new key for a new batch"
        )
    lately = mine.where(col(Batch.created_at) > now - DOUBLE_CLICK).order_by(col(Batch.created_at).desc())
    for batch in session.exec(lately).all():
        again = _same(session, batch, order, actor, steps, now)
        if again and standings(session, [batch.id], now)[batch.id].status in OPEN:
            return again
    return None


def _same(
    session: Session, batch: Batch, order: BatchOrder, actor: Actor, steps: list[str], now: datetime
) -> Ordered | None:
    """The batch, if this order is the one that it came of: what it has not is what had to be skipped."""
    if (batch.steps, batch.options, batch.priority, after_of(batch)) != (
        steps,
        order.options.model_dump(mode="json"),
        order.priority,
        list(dict.fromkeys(order.after)),
    ):
        return None
    query = select(CaseStep.case_id).where(CaseStep.batch_id == batch.id).order_by(col(CaseStep.id))
    added = list(dict.fromkeys(session.exec(query)))
    spare = Counter(order.case_ids)
    spare.subtract(added)
    if any(spare[case_id] < 0 for case_id in added):
        return None
    mine = set(added)
    twice = [Skipped(case_id, "It was given twice") for case_id in spare.elements() if case_id in mine]
    others = [case_id for case_id in order.case_ids if case_id not in mine]
    choice = choose_cases(session, others, steps, now, actor.only_of)
    if order.key is None and choice.added:
        return None
    late = [Skipped(case_id, "The batch was started without it") for case_id in choice.added]
    return Ordered(batch, Choice(added, [*twice, *choice.skipped, *late]), is_new=False)
