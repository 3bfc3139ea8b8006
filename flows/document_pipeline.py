"""Uploaded documents: text out of each, then each owner's documents into search."""

from functools import partial
from uuid import UUID

from prefect import State, flow, runtime, task
from prefect.artifacts import create_table_artifact
from prefect.cache_policies import NO_CACHE
from prefect.futures import PrefectFuture, as_completed, wait
from prefect.states import Cancelled, Completed, Failed
from prefect.task_runners import ThreadPoolTaskRunner

from blocks.open_workspace import open_workspace
from casemill.extraction.sandbox import SandboxClosed
from casemill.models import Attempt
from casemill.models.columns import utc_now
from casemill.monitoring.interruption import ending_in_order
from casemill.monitoring.jobs import dead_jobs, label_job
from casemill.monitoring.telling import ProgressTeller, tell_result, telling_failures
from casemill.operations import claims
from casemill.operations import document_pipeline as pipeline
from casemill.operations import process_document as reading
from casemill.operations.index_documents import index_owner, unindexed_owners
from casemill.search.contract import OwnerKind
from casemill.settings import read_settings
from casemill.steps.registry import RetryPolicy

with_retries = partial(
    task, cache_policy=NO_CACHE, on_completion=[tell_result], **telling_failures(RetryPolicy().task_options)
)


@with_retries(task_run_name="{name}")
def process_document(
    kind: OwnerKind,
    document_id: UUID,
    name: str,  # noqa: ARG001  the name of the task run
    attempt: Attempt,
) -> str | State:
    """Text of one document, onto its record. Says what became of it."""
    try:
        status = reading.process_document(open_workspace(), pipeline.MODELS[kind], document_id, attempt)
    except SandboxClosed as interrupted:
        return Cancelled(message=f"Interrupted, and not done: {interrupted}")
    return status or "another job has it"


@with_retries(task_run_name="{kind} {owner_id}")
def index_document_chunks(kind: OwnerKind, owner_id: UUID) -> int:
    """All ready documents of one expert or case into search. Doing it twice changes nothing."""
    return index_owner(open_workspace(), pipeline.MODELS[kind], owner_id)


def run_name() -> str:
    given = runtime.flow_run.parameters.get("document_ids") or ()
    return f"documents · {len(given) or 'all'} waiting"


@flow(
    name="document-pipeline",
    flow_run_name=run_name,
    task_runner=ThreadPoolTaskRunner(max_workers=read_settings().processes),
)
def document_pipeline(
    document_ids: list[UUID] = [],  # noqa: B006  shown in the form, never changed
) -> State:
    """Reads what waits until nothing does, then indexes whose documents changed.

    Args:
        document_ids: Ids of the documents to read, if they wait. Empty: all that wait.
    """
    workspace = open_workspace()
    run_id = UUID(str(runtime.flow_run.id))
    attempt = Attempt(run_id, runtime.flow_run.run_count or 1)
    with workspace.database.read() as session:
        holders = claims.owners(session) - {run_id}
    dead = dead_jobs(holders)
    workspace.database.persist(lambda session: claims.take_back(session, utc_now(), attempt, dead))
    label_job(run_id, ["type:document_processing"])
    progress = ProgressTeller(run_id)
    tried: dict[UUID, PrefectFuture[str | State]] = {}
    with ending_in_order(workspace, attempt):
        while waiting := pipeline.waiting_documents(workspace.database, document_ids, tried):
            begun = {
                document.id: process_document.submit(document.kind, document.id, document.name, attempt)
                for document in waiting
            }
            for read, _ in enumerate(as_completed(list(begun.values())), len(tried) + 1):
                progress.tell(100 * read / (len(tried) + len(begun) + 1), f"{read} documents read", read)
            tried |= begun
        indexing = [
            index_document_chunks.submit(kind, owner)
            for kind, model in pipeline.MODELS.items()
            for owner in unindexed_owners(workspace.database, model)
        ]
        wait(indexing)
        progress.tell(100, f"{len(tried)} documents, {len(indexing)} owners indexed", len(tried), last=True)
    broken = sum(future.state.is_failed() for future in [*tried.values(), *indexing])
    unreadable = pipeline.unreadable_documents(workspace.database, tried)
    create_table_artifact(unreadable, key="unreadable-documents", description="What could not be read")
    said = f"{len(tried)} documents, {len(unreadable)} unreadable, {len(indexing)} owners indexed"
    return Failed(message=f"{said}, {broken} tasks failed") if broken else Completed(message=said)
