"""Runs of schedules that were not started: missed ones collapsed into one, and all shown as what they are.

Prefect keeps every run it has planned: when a worker comes back after a day, it is given all of that day. One
is enough, for each finds all there is to do. The others are cancelled, named Skipped, with the reason: they
stay to be seen, and count neither as failed nor as completed.
"""

import logging
from collections.abc import Collection, Iterable
from datetime import UTC, datetime, timedelta
from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.filters import (
    DeploymentFilter,
    DeploymentFilterId,
    FlowRunFilter,
    FlowRunFilterNextScheduledStartTime,
    FlowRunFilterState,
    FlowRunFilterStateType,
    FlowRunFilterTags,
    WorkPoolFilter,
    WorkPoolFilterName,
)
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.client.schemas.sorting import FlowRunSort
from prefect.exceptions import ObjectNotFound
from prefect.states import Cancelled
from prefect.types import DateTime
from sqlalchemy import delete
from sqlmodel import col, select

from casemill.db import Database
from casemill.models import Job, JobEvent, JobStatus

logger = logging.getLogger(__name__)

SKIPPED = "Skipped"
_PLANNED = "Scheduled"
_AUTO = "auto-scheduled"  # Prefect's own tag
_COLLISION = "Deployment concurrency limit reached."  # Prefect's own words
_RECENT = timedelta(minutes=10)
_PAGE = 200


def collapse_missed(client: SyncPrefectClient, database: Database, work_pool: str, now: datetime) -> int:
    """How many were skipped. One query where no deployment has two that are due; else one page of runs."""
    waiting = select(Job).where(Job.status == JobStatus.PENDING, Job.run_count == 0)
    seen: set[UUID] = set()
    several: set[UUID] = set()
    with database.read() as session:
        for job in session.exec(waiting):
            if job.deployment_id and _AUTO in job.tags:
                (several if job.deployment_id in seen else seen).add(job.deployment_id)
    return _collapse(client, work_pool, now, several) if several else 0


def collapse_all_missed(client: SyncPrefectClient, work_pool: str, now: datetime) -> int:
    """As collapse_missed, before any worker or recorder is there: all there are. How many were skipped."""
    total = 0
    while skipped := _collapse(client, work_pool, now):
        total += skipped
    return total


def name_skipped(client: SyncPrefectClient, database: Database, now: datetime) -> int:
    """Prefect cancels a run beside a running one of its deployment: it looks as if somebody had done so."""
    lately = select(Job.id).where(
        Job.status == JobStatus.CANCELLED,
        col(Job.finished_at) > now - _RECENT,
        Job.state_message == _COLLISION,
    )
    with database.read() as session:
        found = session.exec(lately).all()
    for job_id in found:
        _skip(client, job_id, "Not started: the run before it was still at it")
    return len(found)


def forget_withdrawn(database: Database, now: datetime) -> int:
    """Jobs that Prefect planned and took back before their time, because a schedule changed, are none.

    Prefect deletes and plans anew the coming runs of all schedules of a deployment when it is deployed or one
    of them is paused; each would be shown as cancelled. How many were forgotten.
    """
    lately = select(Job).where(
        Job.status == JobStatus.CANCELLED,
        col(Job.finished_at) > now - _RECENT,
        Job.state_name == _PLANNED,  # Prefect never said that it was cancelled: the run is gone
        Job.run_count == 0,
        col(Job.scheduled_at) > col(Job.finished_at),
    )
    with database.write() as session:
        gone = [job.id for job in session.exec(lately) if _AUTO in job.tags]
        session.exec(delete(JobEvent).where(col(JobEvent.job_id).in_(gone)))
        session.exec(delete(Job).where(col(Job.id).in_(gone)))
    return len(gone)


def missed(runs: Iterable[FlowRun]) -> list[tuple[FlowRun, FlowRun]]:
    """Of due runs, those that go, each with the one it goes for: the newest of the same schedule."""
    newest: dict[object, FlowRun] = {}
    found: list[FlowRun] = []
    for run in sorted(runs, key=_time):
        if run.auto_scheduled and run.run_count == 0:
            newest[_schedule_of(run)] = run
            found.append(run)
    return [(run, last) for run in found if (last := newest[_schedule_of(run)]) is not run]


def _collapse(
    client: SyncPrefectClient, work_pool: str, now: datetime, deployments: Collection[UUID] | None = None
) -> int:
    """Of one page of those that have waited longest."""
    due = FlowRunFilterNextScheduledStartTime(before_=DateTime.fromtimestamp(now.timestamp(), UTC))
    runs = client.read_flow_runs(
        work_pool_filter=WorkPoolFilter(name=WorkPoolFilterName(any_=[work_pool])),
        deployment_filter=DeploymentFilter(id=DeploymentFilterId(any_=list(deployments)))
        if deployments is not None
        else None,
        flow_run_filter=FlowRunFilter(
            state=FlowRunFilterState(type=FlowRunFilterStateType(any_=[StateType.SCHEDULED])),
            next_scheduled_start_time=due,
            tags=FlowRunFilterTags(all_=[_AUTO]),
        ),
        sort=FlowRunSort.NEXT_SCHEDULED_START_TIME_ASC,
        limit=_PAGE,
    )
    found = missed(runs)
    for run, last in found:
        _skip(client, run.id, f"Missed; the run of {_time(last):%Y-%m-%d %H:%M} UTC does its work")
    if found:
        logger.info("%d missed runs of schedules were skipped, each for a newer one", len(found))
    return len(found)


def _skip(client: SyncPrefectClient, run_id: UUID, why: str) -> None:
    try:
        client.set_flow_run_state(run_id, Cancelled(name=SKIPPED, message=why), force=True)
    except ObjectNotFound:
        logger.info("Run %s was deleted before it could be skipped", run_id)


def _schedule_of(run: FlowRun) -> object:
    return run.deployment_id, run.created_by.id if run.created_by else None


def _time(run: FlowRun) -> datetime:
    time = run.next_scheduled_start_time or run.expected_start_time
    if time is None:
        raise ValueError(f"Run {run.id} waits for no time")
    return time
