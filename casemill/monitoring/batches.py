"""Batches handed to Prefect: the ledger first, then a job for each shard of cases."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from uuid import UUID, uuid4

from casemill.access.actor import Actor
from casemill.models import Batch
from casemill.models.columns import utc_now
from casemill.monitoring.jobs import PrefectUnreachable, jobs_of_batch, submit_batch_jobs, user_queue
from casemill.monitoring.record_now import record_now
from casemill.operations.batch_progress import batch_named
from casemill.operations.job_dependencies import After
from casemill.operations.order_batch import BatchOrder, Ordered, order_batch
from casemill.operations.start_batch import (
    after_of,
    cases_of,
    open_cases,
    sharded,
    start_batch,
    untouched_cases,
)
from casemill.steps.all import REGISTRY
from casemill.steps.options import BatchOptions
from casemill.workspace import Workspace

_FIRST_ROUND = "first"


@dataclass(frozen=True, slots=True)
class Begun:
    """jobs are all of the batch that Prefect knows."""

    ordered: Ordered
    jobs: list[UUID]


def begin_batch(
    workspace: Workspace,
    case_ids: Sequence[UUID],
    steps: Sequence[str],
    options: BatchOptions,
    user_id: UUID,
    batch_id: UUID | None = None,
) -> UUID:
    """The new batch's id; given the id of one that exists, what is open of that one is handed out again."""
    with workspace.database.write() as session:
        batch_id = start_batch(
            session, REGISTRY, case_ids, steps, options, user_id=user_id, batch_id=batch_id
        ).id
    submit_open_cases(workspace, batch_id)
    return batch_id


def begin_ordered_batch(workspace: Workspace, order: BatchOrder, actor: Actor) -> Begun:
    """The batch is kept before anything is handed to Prefect; the same order again hands out what is missing.

    Raises what order_batch raises, and PrefectUnreachable.
    """
    ordered = workspace.database.persist(
        partial(order_batch, registry=REGISTRY, order=order, actor=actor, now=utc_now())
    )
    batch_id = ordered.batch.id
    try:
        return Begun(ordered, submit_missing(workspace, batch_id))
    except PrefectUnreachable as unreachable:
        again = "send the same request again with the same key" if order.key else "resume it"
        raise PrefectUnreachable(
            f"Batch {batch_id} is kept, but not all of its jobs could be started; {again} once Prefect "
            f"answers. {unreachable}"
        ) from unreachable


def submit_missing(workspace: Workspace, batch_id: UUID) -> list[UUID]:
    """Jobs for the cases that never had one. All jobs of the batch that Prefect knows, those included.

    They wait for the jobs that the batch is to come after; jobs of later rounds are somebody's wish to go on.
    However often and by however many at once this is called, a shard is handed out once.
    """
    with workspace.database.read() as session:
        batch = batch_named(session, batch_id)
        shards = sharded(cases_of(session, batch_id), workspace.settings.cases_per_job)
        untouched = untouched_cases(session, batch_id)
    known = jobs_of_batch(batch_id)
    given = [job.parameters.get("case_ids") or () for job in known]
    if not all(given):  # one that takes all that is open
        untouched = set[UUID]()
    missing = untouched - {UUID(str(case)) for cases in given for case in cases}
    unserved = [shard for shard in shards if not missing.isdisjoint(shard)]
    added = _submit(workspace, batch, unserved, _FIRST_ROUND, after_of(batch))
    return list(dict.fromkeys([*(job.id for job in known), *added]))


def submit_open_cases(
    workspace: Workspace,
    batch_id: UUID,
    case_ids: Sequence[UUID] | None = None,
    round_id: str | None = None,
) -> list[UUID]:
    """The ids of the jobs that work on all of the batch that is not completed, or on these cases of it.

    None if nothing is left. Within a round, which is a new one unless it is named, a shard is submitted once.
    """
    with workspace.database.read() as session:
        batch = batch_named(session, batch_id)
        cases = open_cases(session, batch_id) if case_ids is None else case_ids
    shards = sharded(cases, workspace.settings.cases_per_job)
    return _submit(workspace, batch, shards, round_id or str(uuid4()))


def _submit(
    workspace: Workspace,
    batch: Batch,
    shards: list[list[UUID]],
    round_id: str,
    after: Sequence[After] = (),
) -> list[UUID]:
    if not shards:
        return []
    user_id = batch.user_id
    queue = user_queue(workspace.settings, user_id, workspace.database) if user_id else None
    jobs = submit_batch_jobs(
        batch.id,
        shards,
        user_id=user_id,
        queue=queue,
        round_id=round_id,
        priority=batch.priority,
        after=after,
    )
    record_now(workspace, jobs)
    return jobs
