"""Starting jobs, and asking Prefect what became of them."""

from collections.abc import Collection, Generator, Iterable, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
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
from prefect.client.schemas.objects import FlowRun, State, StateType
from prefect.exceptions import ObjectAlreadyExists, ObjectNotFound
from prefect.settings import PREFECT_API_URL
from prefect.states import Scheduled
from prefect.types import DateTime

from casemill.db import Database
from casemill.errors import Unavailable
from casemill.monitoring.job_labels import priority_of, priority_tag
from casemill.monitoring.waiting_state import waiting_state
from casemill.operations.job_dependencies import After
from casemill.operations.limits import limits_in_force
from casemill.settings import Settings

EXTRACTION_BATCH = "extraction-batch/default"
DOCUMENT_PIPELINE = "document-pipeline/default"
USER_QUEUE = "user-"


class PrefectUnreachable(Unavailable):
    """Worth another try: the server may be restarting."""


class NotDeployed(Unavailable):
    """Prefect's server is there, and was not told of our flows yet."""


_PAGE = 200  # the most Prefect returns at once
_HEAD_START = timedelta(days=100)  # of each priority: longer than any job waits


def batch_tag(batch_id: UUID) -> str:
    return f"batch:{batch_id}"


def user_tag(user_id: UUID) -> str:
    return f"user:{user_id}"


def user_queue(settings: Settings, user_id: UUID, database: Database | None = None) -> str:
    """The name of the user's work queue, made with its limit if it is not there yet.

    Given the database, the limit is the one in force; otherwise what the settings say.
    """
    name, limit = queue_name(user_id), settings.jobs_per_user
    if database is not None:
        with database.read() as session:
            limit = limits_in_force(session, settings).jobs_per_user
    with prefect() as client, suppress(ObjectAlreadyExists):
        client.create_work_queue(name, work_pool_name=settings.work_pool, concurrency_limit=limit)
    return name


def queue_name(user_id: UUID) -> str:
    return f"{USER_QUEUE}{user_id}"


def waiting_since(priority: int, now: datetime) -> datetime:
    """The start time to ask Prefect for: a queue is served in this order, so what goes first is dated back.

    Users are shown when the job was made, not this.
    """
    return now - priority * _HEAD_START


def place_in_queue(tags: Iterable[str], now: datetime) -> datetime:
    """The start time for a job that is to wait again, by its priority tag."""
    return waiting_since(priority_of(tags), now)


def submit_batch_job(
    batch_id: UUID,
    case_ids: Sequence[UUID],
    *,
    user_id: UUID | None,
    queue: str | None,
    round_id: str,
    priority: int = 0,
) -> UUID:
    """The id of the job that works on these cases of the batch, see submit_batch_jobs."""
    [job] = submit_batch_jobs(
        batch_id, [case_ids], user_id=user_id, queue=queue, round_id=round_id, priority=priority
    )
    return job


def submit_batch_jobs(
    batch_id: UUID,
    shards: Sequence[Sequence[UUID]],
    *,
    user_id: UUID | None,
    queue: str | None,
    round_id: str,
    priority: int = 0,
    after: Sequence[After] = (),
) -> list[UUID]:
    """The ids of the jobs that work on these shards of the batch's cases, one each.

    round_id tells one round of submitting from the next: within a round the same shard is submitted once,
    however often this is called. A higher priority (0 to 10) goes before what else waits in the queue. All
    of them wait for the jobs they are to come after.
    """
    tags = ["type:extraction", batch_tag(batch_id), *(one.tag for one in after)]
    if priority:
        tags.append(priority_tag(priority))
    given = [
        {
            "parameters": {"batch_id": str(batch_id), "case_ids": [str(case) for case in shard]},
            "idempotency_key": f"{batch_id}:{round_id}:{shard[0] if shard else 'all'}",
            "state": first_state(after, priority),
        }
        for shard in shards
    ]
    return _submit(EXTRACTION_BATCH, tags, user_id, queue, given)


def first_state(after: Sequence[After], priority: int = 0) -> State[None]:
    """Of a new run: it waits for other jobs if there are any, else for a worker."""
    if after:
        return waiting_state(after)
    return Scheduled(scheduled_time=waiting_since(priority, datetime.now(UTC)))


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
    [job] = _submit(DOCUMENT_PIPELINE, ["type:document_processing", "drain"], user_id, queue, [{}])
    return job


def dead_jobs(ids: Collection[UUID]) -> set[UUID]:
    """Those of the jobs that Prefect knows to be over, or does not know at all."""
    alive = {run.id for run in _runs(FlowRunFilter(id=FlowRunFilterId(any_=list(ids)))) if not is_over(run)}
    return set(ids) - alive if ids else set()


def is_over(run: FlowRun) -> bool:
    return run.state is not None and run.state.is_final()


def jobs_of_batch(batch_id: UUID) -> list[FlowRun]:
    """The oldest first."""
    found = _runs(FlowRunFilter(tags=FlowRunFilterTags(all_=[batch_tag(batch_id)])))
    return sorted(found, key=lambda run: run.created.timestamp() if run.created else 0.0)


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


def _submit(
    deployment: str,
    tags: list[str],
    user_id: UUID | None,
    queue: str | None,
    runs: Sequence[dict[str, Any]],
) -> list[UUID]:
    """The ids of the runs, each given with what is its own."""
    tags = [*tags, user_tag(user_id)] if user_id else tags
    with prefect() as client:
        try:
            deployment_id = client.read_deployment_by_name(deployment).id
        except ObjectNotFound:
            raise NotDeployed(
                f"Prefect knows no deployment {deployment}; `casemill up` or deployments/apply.py brings it"
            ) from None
        return [
            client.create_flow_run_from_deployment(
                deployment_id, tags=tags, work_queue_name=queue, **given
            ).id
            for given in runs
        ]


@contextmanager
def prefect() -> Generator[SyncPrefectClient]:
    """A client of Prefect's API. Raises PrefectUnreachable where nobody answers, or only with errors."""
    if not PREFECT_API_URL.value():  # Prefect would start a server of its own, which knows of nothing
        raise PrefectUnreachable("Nobody said where Prefect's server is: set PREFECT_API_URL to its address")
    with telling_unreachable(), get_client(sync_client=True) as client:
        yield client


@contextmanager
def telling_unreachable() -> Generator[None]:
    """Raises PrefectUnreachable for what a client raises where nobody answers, or only with errors."""
    try:
        yield
    except httpx.TransportError as error:
        raise PrefectUnreachable(
            f"Prefect's server does not answer at {PREFECT_API_URL.value()} ({error}). "
            "Is `casemill up` running?"
        ) from error
    except httpx.HTTPStatusError as error:
        if not error.response.is_server_error:
            raise
        raise PrefectUnreachable(
            f"Prefect's server answers with status {error.response.status_code}; try again in a moment"
        ) from error
