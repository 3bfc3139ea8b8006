"""A batch, or one job's share of it: cases x steps, each a task run of its own."""

import time
from functools import partial
from queue import SimpleQueue
from uuid import UUID

from prefect import State, flow, runtime, task
from prefect.artifacts import create_progress_artifact, create_table_artifact, update_progress_artifact
from prefect.cache_policies import NO_CACHE
from prefect.futures import PrefectFuture
from prefect.states import Cancelled, Completed, Failed

from blocks.open_workspace import open_workspace
from casemill.extraction.sandbox import SandboxClosed
from casemill.models import Attempt
from casemill.monitoring.interruption import ending_in_order
from casemill.monitoring.jobs import batch_tag, dead_jobs, label_job, submit_batch_job, user_queue
from casemill.monitoring.telling import ProgressTeller, tell_result, telling_failures
from casemill.operations import claims
from casemill.operations.extraction_batch import Share, all_cases, failures, share
from casemill.operations.frontier import Place
from casemill.operations.run_step import StepOutcome, run_step
from casemill.operations.start_batch import start_batch
from casemill.steps.all import REGISTRY
from casemill.steps.options import BatchOptions

PROGRESS_SECONDS = 2


@task(cache_policy=NO_CACHE, on_completion=[tell_result])
def run_ledger_row(row_id: int, step: str, attempt: Attempt) -> StepOutcome | State:
    """The step of one case: its row of the ledger says what became of it."""
    tries_left = REGISTRY[step].retry.retries + 1 - (runtime.task_run.run_count or 1)
    try:
        return run_step(open_workspace(), REGISTRY, row_id, attempt, tries_left)
    except SandboxClosed as interrupted:
        return Cancelled(message=f"Interrupted, and not done: {interrupted}")


def start_step(mine: Share, place: Place, attempt: Attempt) -> PrefectFuture[StepOutcome | State]:
    step, case = REGISTRY[place[1]], mine.case_names[place[0]]
    named = run_ledger_row.with_options(
        name=step.name,
        task_run_name=f"{case} · {step.name}",
        tags=[f"step:{step.name}"],
        **telling_failures(step.retry.task_options),
    )
    return named.submit(mine.rows[place], step.name, attempt)


def run_steps(mine: Share, attempt: Attempt, at_once: int) -> None:
    """Hands out steps until none is left that can run; what fails is in the ledger, not raised."""
    frontier, total = mine.frontier, len(mine.rows)
    settled: SimpleQueue[PrefectFuture[StepOutcome | State]] = SimpleQueue()
    running: dict[UUID, Place] = {}
    progress = create_progress_artifact(0.0, description=f"Steps of batch {mine.batch.id}")
    told = ProgressTeller(attempt.run_id)
    shown_at, done = time.monotonic(), total - frontier.waiting
    while True:
        while len(running) < at_once and (place := frontier.next()):
            future = start_step(mine, place, attempt)
            running[future.task_run_id] = place
            future.add_done_callback(settled.put)
        if not running:
            break
        future = settled.get()
        place, done = running.pop(future.task_run_id), done + 1
        outcome = future.result(raise_on_failure=False)
        frontier.settle(place, completed=outcome in (StepOutcome.COMPLETED, StepOutcome.ALREADY_DONE))
        told.tell(100 * done / total, f"{done} of {total} steps", done)
        if time.monotonic() - shown_at > PROGRESS_SECONDS:
            update_progress_artifact(progress, 100 * done / total)
            shown_at = time.monotonic()
    percent = 100 * done / total if total else 100.0
    update_progress_artifact(progress, percent)
    told.tell(percent, f"{done} of {total} steps", done, last=True)


def run_name() -> str:
    given = runtime.flow_run.parameters
    cases = len(given.get("case_ids") or ())
    batch = str(given.get("batch_id") or runtime.flow_run.id)[:8]
    return f"batch {batch} · {f'{cases} case' + 's' * (cases != 1) if cases else 'open cases'}"


@flow(name="extraction-batch", flow_run_name=run_name)
def extraction_batch(
    batch_id: UUID | None = None,
    case_ids: list[UUID] = [],  # noqa: B006  shown in the form, never changed
    steps: list[str] = [],  # noqa: B006
    options: BatchOptions = BatchOptions(),  # noqa: B008  frozen
) -> State:
    """Runs what the ledger says is not done. Running it again is how a batch is resumed and retried.

    Args:
        batch_id: The batch to go on with. Empty: a new batch.
        case_ids: Ids of the cases to work on. Empty: all that are open of the batch; of a new one, all cases.
        steps: Names of the steps of a new batch; what they require is added. Empty: all steps.
        options: How the steps of a new batch work.
    """
    workspace = open_workspace()
    run_id = UUID(str(runtime.flow_run.id))
    attempt = Attempt(run_id, runtime.flow_run.run_count or 1)
    with workspace.database.write() as session:
        holders = claims.owners(session) - {run_id}
        if batch_id is None:
            cases = case_ids or all_cases(session)
            batch_id, case_ids = start_batch(session, REGISTRY, cases, steps, options, batch_id=run_id).id, []
    dead = dead_jobs(holders)
    mine = workspace.database.persist(
        partial(
            share,
            registry=REGISTRY,
            batch_id=batch_id,
            case_ids=case_ids,
            cases_per_job=workspace.settings.cases_per_job,
            attempt=attempt,
            dead_jobs=dead,
        )
    )
    label_job(run_id, ["type:extraction", batch_tag(batch_id)])
    user = mine.batch.user_id
    queue = user_queue(workspace.settings, user, workspace.database) if user and mine.other_shards else None
    for shard in mine.other_shards:
        submit_batch_job(
            batch_id,
            shard,
            user_id=user,
            queue=queue,
            round_id=str(run_id),
            priority=mine.batch.priority,
        )
    with ending_in_order(workspace, attempt):
        run_steps(mine, attempt, workspace.settings.processes)
    with workspace.database.read() as session:
        failed, unreadable = failures(session, batch_id, mine.case_ids)
    create_table_artifact(
        [*failed, *unreadable], key=f"batch-{batch_id}", description="What failed, and what could not be read"
    )
    said = f"{len(mine.case_ids)} cases, {len(failed)} failed steps, {len(unreadable)} unreadable documents"
    return Failed(message=said) if failed else Completed(message=said)
