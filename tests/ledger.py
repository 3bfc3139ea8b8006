"""Working on a batch in a test: what flows/extraction_batch.py does, in this thread and without Prefect."""

from collections.abc import Callable, Sequence
from uuid import UUID, uuid4

from sqlmodel import select

from casemill.db import Database
from casemill.models import Attempt, CaseStep, StepState
from casemill.operations.extraction_batch import Share, share
from casemill.operations.run_step import StepOutcome, run_step
from casemill.operations.start_batch import start_batch
from casemill.steps.context import StepContext
from casemill.steps.options import BatchOptions
from casemill.steps.registry import StepRegistry
from casemill.workspace import Workspace


def begin(
    database: Database,
    registry: StepRegistry,
    case_ids: Sequence[UUID],
    steps: Sequence[str] = (),
    options: BatchOptions | None = None,
) -> UUID:
    """The id of a new batch."""
    with database.write() as session:
        return start_batch(session, registry, case_ids, steps, options or BatchOptions()).id


def take_share(
    workspace: Workspace,
    registry: StepRegistry,
    batch_id: UUID,
    attempt: Attempt,
    case_ids: Sequence[UUID] = (),
    dead_jobs: Sequence[UUID] = (),
) -> Share:
    at_most = workspace.settings.cases_per_job
    with workspace.database.write() as session:
        return share(session, registry, batch_id, case_ids, at_most, attempt, dead_jobs)


def work(workspace: Workspace, registry: StepRegistry, batch_id: UUID, case_ids: Sequence[UUID] = ()) -> None:
    """One job of the batch, to its end. What fails is in the ledger."""
    attempt = Attempt(uuid4())
    mine = take_share(workspace, registry, batch_id, attempt, case_ids)
    while place := mine.frontier.next():
        try:
            outcome = run_step(workspace, registry, mine.rows[place], attempt, tries_left=0)
        except Exception:
            outcome = None
        done = outcome in (StepOutcome.COMPLETED, StepOutcome.ALREADY_DONE)
        mine.frontier.settle(place, completed=done)


def row_of(database: Database, case_id: UUID, step: str) -> CaseStep:
    """Of the only batch there is."""
    with database.read() as session:
        return session.exec(select(CaseStep).where(CaseStep.case_id == case_id, CaseStep.step == step)).one()


def states(database: Database, case_id: UUID) -> dict[str, StepState]:
    """What the ledger says of the case, in the only batch there is."""
    with database.read() as session:
        rows = session.exec(select(CaseStep).where(CaseStep.case_id == case_id))
        return {row.step: row.state for row in rows}


def do_nothing(context: StepContext) -> None:
    context.saved(0, 0)


def raising(error: BaseException) -> Callable[[StepContext], None]:
    def step(context: StepContext) -> None:
        raise error

    return step


def registry_of(**steps: Callable[[StepContext], None] | tuple[str, ...]) -> StepRegistry:
    """A registry of these steps, each a function, or the names of what a step that does nothing requires."""
    registry = StepRegistry()
    for name, given in steps.items():
        function, requires = (do_nothing, given) if isinstance(given, tuple) else (given, ())
        registry.step(name, f"Step {name}", requires)(function)
    return registry


def chain_of(**functions: Callable[[StepContext], None]) -> StepRegistry:
    """A registry of steps each of which requires the one before it."""
    registry = StepRegistry()
    before: list[str] = []
    for name, function in functions.items():
        registry.step(name, f"Step {name}", before)(function)
        before = [name]
    return registry
