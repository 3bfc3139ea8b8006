"""Starting jobs, and asking Prefect what became of them."""

from collections.abc import Collection, Generator, Iterable, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC
from typing import Any
from uuid import UUID

import httpx
from prefect.client.orchestration import SyncPrefectClient, get_client
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
from prefect.exceptions import ObjectAlreadyExists
from prefect.settings import PREFECT_API_URL
from prefect.types import DateTime

from casemill.errors import Unavailable
from casemill.settings import Settings

EXTRACTION_BATCH = "extraction-batch/default"
DOCUMENT_PIPELINE = "document-pipeline/default"


class PrefectUnreachable(Unavailable):
    """Worth another try: the server may be restarting."""


_PAGE = 200  # the most Prefect returns at once


def batch_tag(batch_id: UUID) -> str:
    return f"batch:{batch_id}"


def user_tag(user_id: UUID) -> str:
    return f"user:{user_id}"


def user_queue(settings: Settings, user_id: UUID) -> str:
    """The name of the user's work queue, made with its limit if it is not there yet."""
    name = f"user-{user_id}"
    with prefect() as client, suppress(ObjectAlreadyExists):
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
    return _submit(
        EXTRACTION_BATCH,
        ["type:extraction", batch_tag(batch_id)],
        user_id,
        queue,
        parameters={"batch_id": str(batch_id), "case_ids": [str(case) for case in case_ids]},
        idempotency_key=f"{batch_id}:{round_id}:{case_ids[0] if case_ids else 'all'}",
    )


def submit_document_pipeline(user_id: UUID | None, queue: str | None) -> UUID:
    """The id of a job that will read all pending documents: one that waits already, or a new one.

    A job that has not begun will see every document uploaded until it does, so a thousand uploads need few.
    """
    name, deployment = DOCUMENT_PIPELINE.split("/")
    with prefect() as client:
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
    return _submit(DOCUMENT_PIPELINE, ["type:document_processing", "drain"], user_id, queue)


def dead_jobs(ids: Collection[UUID]) -> set[UUID]:
    """Those of the jobs that Prefect knows to be over, or does not know at all."""
    alive = {run.id for run in _runs(FlowRunFilter(id=FlowRunFilterId(any_=list(ids)))) if not is_over(run)}
    return set(ids) - alive if ids else set()


def is_over(run: FlowRun) -> bool:
    return run.state is not None and run.state.is_final()


def jobs_of_batch(batch_id: UUID) -> list[FlowRun]:
    return _runs(FlowRunFilter(tags=FlowRunFilterTags(all_=[batch_tag(batch_id)])))


def label_job(run_id: UUID, tags: Iterable[str]) -> None:
    """Adds tags to a job that was started without them, by hand or by a schedule."""
    with prefect() as client:
        known = set(client.read_flow_run(run_id).tags)
        if missing := set(tags) - known:
            client.update_flow_run(run_id, tags=sorted(known | missing))


def _runs(filter_: FlowRunFilter) -> list[FlowRun]:
    found: list[FlowRun] = []
    with prefect() as client:
        while page := client.read_flow_runs(flow_run_filter=filter_, limit=_PAGE, offset=len(found)):
            found.extend(page)
    return found


def _submit(deployment: str, tags: list[str], user_id: UUID | None, queue: str | None, **given: Any) -> UUID:
    with prefect() as client:
        return client.create_flow_run_from_deployment(
            client.read_deployment_by_name(deployment).id,
            tags=[*tags, user_tag(user_id)] if user_id else tags,
            work_queue_name=queue,
            **given,
        ).id


@contextmanager
def prefect() -> Generator[SyncPrefectClient]:
    """A client of Prefect's API. Raises PrefectUnreachable where nobody answers."""
    try:
        with get_client(sync_client=True) as client:
            yield client
    except httpx.TransportError as error:
        raise PrefectUnreachable(
            f"Prefect's server does not answer at {PREFECT_API_URL.value()} ({error}). "
            "Is `casemill up` running?"
        ) from error
