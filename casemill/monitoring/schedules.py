"""What starts by the clock, and starting it by hand: the deployments of our pool, as Prefect has them."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast
from uuid import UUID

import httpx
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.filters import (
    DeploymentFilter,
    DeploymentFilterId,
    FlowRunFilter,
    FlowRunFilterState,
    FlowRunFilterStateType,
    WorkPoolFilter,
    WorkPoolFilterName,
)
from prefect.client.schemas.objects import DeploymentSchedule, StateType
from prefect.client.schemas.responses import DeploymentResponse
from prefect.client.schemas.schedules import CronSchedule, IntervalSchedule, RRuleSchedule
from prefect.client.schemas.sorting import FlowRunSort

from casemill.access.actor import Actor
from casemill.errors import BadInput, NotFound, Unavailable
from casemill.models import Batch, JobType, Role
from casemill.models.columns import utc_now
from casemill.monitoring.job_labels import told_by_tags
from casemill.monitoring.jobs import batch_tag, first_state, prefect, user_queue, user_tag
from casemill.monitoring.last_runs import LastRun, last_runs
from casemill.monitoring.planned_batches import SCHEDULED_BATCH, plan_runs
from casemill.operations.job_dependencies import After, require_possible
from casemill.workspace import Workspace

_PAGE = 200
_NEXT_RUNS = 3
_FOR_OPERATORS = (
    JobType.EXTRACTION,
    JobType.DOCUMENT_PROCESSING,
    JobType.TAXONOMY_PROCESSING,
    JobType.DATASET_GENERATION,
)
"""What operators start by hand. The rest touches everybody: it sends mail, or cleans up."""
_TEMPLATE = "__prefect_kind"  # in a parameter, it would have Prefect put variables and templates in its place


@dataclass(frozen=True, slots=True)
class Schedule:
    """Of cron, every_seconds and rrule one is set. next_runs are those Prefect has planned already; last_run
    is that of its deployment, by the clock or by hand.

    parameters are what it starts its deployment with, beside the deployment's own.
    """

    id: UUID
    name: str  # of the deployment: flow/deployment
    description: str | None
    cron: str | None
    every_seconds: float | None
    rrule: str | None
    timezone: str
    active: bool
    next_runs: tuple[datetime, ...]
    last_run: LastRun | None
    parameters: dict[str, Any]
    for_admins: bool  # to start by hand


def schedules(workspace: Workspace) -> list[Schedule]:
    """Of all deployments of our pool, by name. Those of users are batch schedules, see batch_schedules.py."""
    with prefect() as client:
        deployments = [
            (name, deployment)
            for name, deployment in _deployments(client, workspace.settings.work_pool)
            if name != SCHEDULED_BATCH and deployment.schedules
        ]
        with workspace.database.read() as session:
            lately = last_runs(session, {deployment.id for _, deployment in deployments})
        found = [
            _schedule(client, name, deployment, schedule, lately.get(deployment.id))
            for name, deployment in deployments
            for schedule in deployment.schedules
        ]
    return sorted(found, key=lambda schedule: (schedule.name, schedule.id))


def set_schedule(workspace: Workspace, schedule_id: UUID, *, active: bool) -> Schedule:
    """From now on it starts jobs, or starts none any more; what it has started goes on. Raises NotFound.

    It stays so when prefect.yaml is deployed again, where the schedule has a slug and does not say `active`.
    """
    with prefect() as client:
        name, deployment, schedule = _found(client, workspace.settings.work_pool, schedule_id)
        client.update_deployment_schedule(deployment.id, schedule.id, active=active)
        if active and deployment.paused:
            client.resume_deployment(deployment.id)
            deployment.paused = False
        if not deployment.paused:
            plan_runs(client, deployment.id)
        schedule.active = active
        with workspace.database.read() as session:
            lately = last_runs(session, [deployment.id])
        return _schedule(client, name, deployment, schedule, lately.get(deployment.id))


def start_scheduled_run(workspace: Workspace, actor: Actor, schedule_id: UUID) -> UUID:
    """The id of a new job: what the schedule starts, now. Raises NotFound and Denied."""
    with prefect() as client:
        name, _, schedule = _found(client, workspace.settings.work_pool, schedule_id)
    return start_run(workspace, actor, name, schedule.parameters)


def start_run(
    workspace: Workspace,
    actor: Actor,
    name: str,
    parameters: Mapping[str, Any],
    after: Sequence[After] = (),
) -> UUID:
    """The id of a new job of the deployment (flow/deployment, or the flow alone for its default), in the
    actor's queue. It waits for the jobs that it is to come after.

    Raises NotFound, Denied, BadInput for parameters that the flow does not take, and what require_possible
    raises for the jobs to wait for.
    """
    _require_plain(parameters)
    with workspace.database.read() as session:
        require_possible(session, actor, after, utc_now())
    name = name if "/" in name else f"{name}/default"
    with prefect() as client:
        deployment = _deployment(client, workspace.settings.work_pool, name)
        if _is_for_admins(name, deployment):
            actor.require(Role.ADMIN)
        known = _parameters_of(deployment)
        if unknown := sorted(set(parameters) - known):
            takes = ", ".join(sorted(known)) or "none"
            raise BadInput(f"{name} has no parameter {', '.join(unknown)}; it takes {takes}")
        tags = [user_tag(actor.user_id), *_batch_tags(workspace, actor, parameters)]
        tags += [one.tag for one in after]
        queue = user_queue(workspace.settings, actor.user_id, workspace.database)
        try:
            return client.create_flow_run_from_deployment(
                deployment.id,
                parameters=dict(parameters),
                tags=tags,
                work_queue_name=queue,
                state=first_state(after),
            ).id
        except httpx.HTTPStatusError as error:
            if error.response.is_server_error:
                raise Unavailable("Prefect could not take the job; try again in a moment") from error
            raise BadInput(_said(error.response)) from error


def _deployments(client: SyncPrefectClient, work_pool: str) -> Iterator[tuple[str, DeploymentResponse]]:
    pool = WorkPoolFilter(name=WorkPoolFilterName(any_=[work_pool]))
    flows: dict[UUID, str] = {}
    offset = 0
    while page := client.read_deployments(work_pool_filter=pool, limit=_PAGE, offset=offset):
        offset += len(page)
        for deployment in page:
            if deployment.flow_id not in flows:
                flows[deployment.flow_id] = client.read_flow(deployment.flow_id).name
            yield f"{flows[deployment.flow_id]}/{deployment.name}", deployment


def _found(
    client: SyncPrefectClient, work_pool: str, schedule_id: UUID
) -> tuple[str, DeploymentResponse, DeploymentSchedule]:
    for name, deployment in _deployments(client, work_pool):
        for schedule in deployment.schedules:
            if schedule.id == schedule_id and name != SCHEDULED_BATCH:
                return name, deployment, schedule
    raise NotFound(f"No schedule {schedule_id}; GET /schedules shows what there is")


def _deployment(client: SyncPrefectClient, work_pool: str, name: str) -> DeploymentResponse:
    found = next((known for called, known in _deployments(client, work_pool) if called == name), None)
    if found is None:
        raise NotFound(f"No deployment {name!r} of ours; GET /schedules and prefect.yaml show what there is")
    return found


def _schedule(
    client: SyncPrefectClient,
    name: str,
    deployment: DeploymentResponse,
    schedule: DeploymentSchedule,
    last_run: LastRun | None,
) -> Schedule:
    when = schedule.schedule
    active = schedule.active and not deployment.paused
    return Schedule(
        id=schedule.id,
        name=name,
        description=deployment.description,
        cron=when.cron if isinstance(when, CronSchedule) else None,
        every_seconds=when.interval.total_seconds() if isinstance(when, IntervalSchedule) else None,
        rrule=when.rrule if isinstance(when, RRuleSchedule) else None,
        timezone=getattr(when, "timezone", None) or "UTC",
        active=active,
        next_runs=_next_runs(client, deployment.id, schedule.id) if active else (),
        last_run=last_run,
        parameters=schedule.parameters,
        for_admins=_is_for_admins(name, deployment),
    )


def _is_for_admins(name: str, deployment: DeploymentResponse) -> bool:
    return told_by_tags(deployment.tags, name.split("/")[0])["type"] not in _FOR_OPERATORS


def _next_runs(client: SyncPrefectClient, deployment_id: UUID, schedule_id: UUID) -> tuple[datetime, ...]:
    runs = client.read_flow_runs(
        deployment_filter=DeploymentFilter(id=DeploymentFilterId(any_=[deployment_id])),
        flow_run_filter=FlowRunFilter(
            state=FlowRunFilterState(type=FlowRunFilterStateType(any_=[StateType.SCHEDULED]))
        ),
        sort=FlowRunSort.NEXT_SCHEDULED_START_TIME_ASC,
        limit=_PAGE,
    )
    planned = [  # the key is the server's: "scheduled <deployment> <schedule> <time>"
        run.next_scheduled_start_time
        for run in runs
        if run.auto_scheduled and str(schedule_id) in (run.idempotency_key or "")
    ]
    return tuple(time for time in planned if time is not None)[:_NEXT_RUNS]


def _parameters_of(deployment: DeploymentResponse) -> set[str]:
    schema = deployment.parameter_openapi_schema or {}
    return set(cast(dict[str, Any], schema.get("properties", {})))


def _batch_tags(workspace: Workspace, actor: Actor, parameters: Mapping[str, Any]) -> list[str]:
    """Of a job that goes on with a batch. Raises NotFound for a batch that is not the actor's to steer."""
    given = parameters.get("batch_id")
    if given is None:
        return []
    try:
        batch_id = UUID(str(given))
    except ValueError:
        raise BadInput("batch_id is not the id of a batch; GET /batches shows what there is") from None
    with workspace.database.read() as session:
        batch = session.get(Batch, batch_id)
    if batch is None or not actor.sees(batch.user_id):
        raise NotFound(f"No batch {batch_id}; leave batch_id out for a new one")
    return [batch_tag(batch_id)]


def _require_plain(parameters: Mapping[str, Any]) -> None:
    """Raises BadInput for what Prefect would not keep, or would put something else in the place of."""
    try:
        written = json.dumps(parameters, ensure_ascii=False, allow_nan=False)
        written.encode()
    except (ValueError, RecursionError):
        raise BadInput("The parameters hold what is no number or text, or is nested too deep") from None
    if "\\u0000" in written or f'"{_TEMPLATE}"' in written:
        raise BadInput(f"Parameters cannot hold {_TEMPLATE}, nor the character NUL")


def _said(response: httpx.Response) -> str:
    try:
        said = str(response.json()["detail"])
    except (ValueError, KeyError, TypeError):
        said = "Prefect does not take these parameters"
    return said.removeprefix("Error creating flow run: ")
