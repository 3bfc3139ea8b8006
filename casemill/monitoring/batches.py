"""Batches handed to Prefect: the ledger first, then a job for each shard of cases."""

from collections.abc import Sequence
from uuid import UUID, uuid4

from casemill.monitoring.jobs import submit_batch_job, user_queue
from casemill.operations.batch_progress import batch_named
from casemill.operations.start_batch import open_cases, sharded, start_batch
from casemill.steps.all import REGISTRY
from casemill.steps.options import BatchOptions
from casemill.workspace import Workspace


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


def submit_open_cases(workspace: Workspace, batch_id: UUID) -> list[UUID]:
    """The ids of the jobs that work on all of the batch that is not completed; none if nothing is left."""
    settings = workspace.settings
    with workspace.database.read() as session:
        user_id = batch_named(session, batch_id).user_id
        cases = open_cases(session, batch_id)
    queue = user_queue(settings, user_id) if user_id else None
    round_id = str(uuid4())
    return [
        submit_batch_job(batch_id, shard, user_id=user_id, queue=queue, round_id=round_id)
        for shard in sharded(cases, settings.cases_per_job)
    ]
