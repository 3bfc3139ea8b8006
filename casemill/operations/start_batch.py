"""Starts a batch: its row and its ledger first, so that nothing of it can be lost."""

from collections.abc import Sequence
from uuid import UUID, uuid4

from sqlalchemy import insert, or_
from sqlmodel import Session, col, select

from casemill.errors import CasemillError, NotFound
from casemill.models import Batch, Case, CaseStep, StepState
from casemill.operations.job_dependencies import After
from casemill.steps.options import BatchOptions
from casemill.steps.registry import StepRegistry


class EmptyBatch(CasemillError):
    pass


def start_batch(
    session: Session,
    registry: StepRegistry,
    case_ids: Sequence[UUID],
    steps: Sequence[str],
    options: BatchOptions,
    *,
    user_id: UUID | None = None,
    batch_id: UUID | None = None,
    priority: int = 0,
    idempotency_key: str | None = None,
    after: Sequence[After] = (),
) -> Batch:
    """The batch with a pending ledger row for each case and step, prerequisites filled in.

    Given a batch_id that exists already, that batch as it is: a job that is run twice starts one batch.
    """
    if batch_id is not None and (existing := session.get(Batch, batch_id)):
        return existing
    wanted = list(dict.fromkeys(case_ids))
    if not wanted:
        raise EmptyBatch("A batch needs at least one case; choose cases, or import some first")
    known = set(session.exec(select(Case.id).where(col(Case.id).in_(wanted))))
    if missing := [str(case) for case in wanted if case not in known]:
        raise NotFound(f"No case with id {', '.join(missing)}; `casemill case list` shows what there is")
    plan = registry.plan(steps or list(registry))
    batch = Batch(
        id=batch_id or uuid4(),
        user_id=user_id,
        steps=[step.name for step in plan],
        options=options.model_dump(mode="json"),
        priority=priority,
        idempotency_key=idempotency_key,
        after=[one.model_dump(mode="json") for one in dict.fromkeys(after)],
    )
    session.add(batch)
    session.flush()
    session.connection().execute(
        insert(CaseStep),
        [
            {"batch_id": batch.id, "case_id": case, "step": step.name, "state": StepState.PENDING}
            for case in wanted
            for step in plan
        ],
    )
    return batch


def after_of(batch: Batch) -> list[After]:
    """The jobs that those of its first round wait for."""
    return [After.model_validate(one) for one in batch.after or ()]


def open_cases(session: Session, batch_id: UUID) -> list[UUID]:
    """Cases of the batch that are not completed, in the order they were chosen."""
    rows = session.exec(
        select(CaseStep.case_id)
        .where(CaseStep.batch_id == batch_id, CaseStep.state != StepState.COMPLETED)
        .order_by(col(CaseStep.id))
    )
    return list(dict.fromkeys(rows))


def cases_of(session: Session, batch_id: UUID) -> list[UUID]:
    """All cases of the batch, in the order they were chosen."""
    rows = select(CaseStep.case_id).where(CaseStep.batch_id == batch_id).order_by(col(CaseStep.id))
    return list(dict.fromkeys(session.exec(rows)))


def untouched_cases(session: Session, batch_id: UUID) -> set[UUID]:
    """Cases of the batch of which no job ever began a step."""
    begun = select(CaseStep.case_id).where(
        CaseStep.batch_id == batch_id,
        or_(col(CaseStep.attempts) > 0, col(CaseStep.state) != StepState.PENDING),
    )
    return set(cases_of(session, batch_id)) - set(session.exec(begun))


def sharded(case_ids: Sequence[UUID], size: int) -> list[list[UUID]]:
    """The cases in shards of at most `size`, one for each job."""
    return [list(case_ids[start : start + size]) for start in range(0, len(case_ids), size)]
