"""Starting jobs, and asking Prefect what became of them."""

from collections.abc import Collection, Iterable, Sequence
from contextlib import suppress
from datetime import UTC
from uuid import UUID

from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import (
    DeploymentFilter,
    DeploymentFilterName,
    FlowFilter,
    FlowFilterName,
    FlowRunFilter,
    FlowRunFilterId,
    FlowRunFilterNextScheduledStartTime,
    FlowRunFilterState,
    FlowRunFilterStateType,
    FlowRunFilterTags,
)
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.deployments import run_deployment
from prefect.exceptions import ObjectAlreadyExists
from prefect.types import DateTime

from casemill.settings import Settings

EXTRACTION_BATCH = "extraction-batch/default"
DOCUMENT_PIPELINE = "document-pipeline/default"

_PAGE = 200  # the most Prefect returns at once


def batch_tag(batch_id: UUID) -> str:
    return f"batch:{batch_id}"


def user_tag(user_id: UUID) -> str:
    return f"user:{user_id}"


def user_queue(settings: Settings, user_id: UUID) -> str:
    """The name of the user's work queue, made with its limit if it is not there yet."""
    name = f"user-{user_id}"
    with get_client(sync_client=True) as client, suppress(ObjectAlreadyExists):
        client.create_work_queue(
            name, work_pool_name=settings.work_pool, concurrency_limit=settings.jobs_per_user
        )
    return name


def submit_batch_job(
    batch_id: UUID, case_ids: Sequence[UUID], *, user_id: UUID | None, queue: str | None, round_id: str
) -> UUID:
    """The id of the job that works on these cases of the batch.

    round_id tells one round of submitting from the next: within a round the same shard is submitted once,
    however often this is called.
    """
    tags = ["type:extraction", batch_tag(batch_id)]
    run = run_deployment(
        EXTRACTION_BATCH,
        parameters={"batch_id": str(batch_id), "case_ids": [str(case) for case in case_ids]},
        tags=[*tags, user_tag(user_id)] if user_id else tags,
        work_queue_name=queue,
        idempotency_key=f"{batch_id}:{round_id}:{case_ids[0] if case_ids else 'all'}",
        timeout=0,
        as_subflow=False,
    )
    return _only(run).id


def submit_document_pipeline(user_id: UUID | None, queue: str | None) -> UUID:
    """The id of a job that will read all pending documents: one that waits already, or a new one.

    A job that has not begun will see every document uploaded until it does, so a thousand uploads need few.
    """
    name, deployment = DOCUMENT_PIPELINE.split("/")
    with get_client(sync_client=True) as client:
        waiting = client.read_flow_runs(
            flow_filter=FlowFilter(name=FlowFilterName(any_=[name])),
            deployment_filter=DeploymentFilter(name=DeploymentFilterName(any_=[deployment])),
            flow_run_filter=FlowRunFilter(
                state=FlowRunFilterState(
                    type=FlowRunFilterStateType(any_=[StateType.SCHEDULED, StateType.PENDING])
                ),
                next_scheduled_start_time=FlowRunFilterNextScheduledStartTime(before_=DateTime.now(UTC)),
                tags=FlowRunFilterTags(all_=["drain"]),
            ),
            limit=1,
        )
    if waiting:
        return waiting[0].id
    tags = ["type:document_processing", "drain"]
    run = run_deployment(
        DOCUMENT_PIPELINE,
        tags=[*tags, user_tag(user_id)] if user_id else tags,
        work_queue_name=queue,
        timeout=0,
        as_subflow=False,
    )
    return _only(run).id


def dead_jobs(ids: Collection[UUID]) -> set[UUID]:
    """Those of the jobs that Prefect knows to be over, or does not know at all."""
    alive = {run.id for run in _runs(FlowRunFilter(id=FlowRunFilterId(any_=list(ids)))) if not _is_over(run)}
    return set(ids) - alive if ids else set()


def jobs_of_batch(batch_id: UUID) -> list[FlowRun]:
    return _runs(FlowRunFilter(tags=FlowRunFilterTags(all_=[batch_tag(batch_id)])))


def label_job(run_id: UUID, tags: Iterable[str]) -> None:
    """Adds tags to a job that was started without them, by hand or by a schedule."""
    with get_client(sync_client=True) as client:
        known = set(client.read_flow_run(run_id).tags)
        if missing := set(tags) - known:
            client.update_flow_run(run_id, tags=sorted(known | missing))


def _runs(filter_: FlowRunFilter) -> list[FlowRun]:
    found: list[FlowRun] = []
    with get_client(sync_client=True) as client:
        while page := client.read_flow_runs(flow_run_filter=filter_, limit=_PAGE, offset=len(found)):
            found.extend(page)
    return found


def _is_over(run: FlowRun) -> bool:
    return run.state is not None and run.state.is_final()


def _only(run: object) -> FlowRun:
    if not isinstance(run, FlowRun):
        raise TypeError("run_deployment was called where an event loop runs; call it from a thread")
    return run
