"""Deletes in Prefect what is past its time: runs that are over, workers that are gone.

The rows that we keep of them stay as they are. So that none is lost, only runs are deleted which the recorder
has recorded whole: over in our rows too, and ended before it last compared everything with Prefect.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import cast
from urllib.parse import quote

import httpx
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterDeploymentId,
    FlowRunFilterEndTime,
    FlowRunFilterState,
    FlowRunFilterStateType,
)
from prefect.client.schemas.objects import FlowRun, StateType, Worker
from prefect.client.schemas.sorting import FlowRunSort
from prefect.exceptions import ObjectNotFound
from prefect.types import DateTime
from sqlmodel import col, select

from casemill.db import Database
from casemill.models import NOT_OVER, Job, RecorderMark
from casemill.models.recorder_mark import THE_RECORDER
from casemill.monitoring.jobs import prefect
from casemill.operations.job_cleanup import open_batches
from casemill.operations.job_dependencies import waited_for
from casemill.operations.retention import (
    EndedRun,
    Kind,
    Removed,
    Retention,
    SilentWorker,
    expired_runs,
    expired_workers,
)

RUNS = (Kind.FINISHED_RUNS, Kind.AD_HOC_RUNS, Kind.FAILED_RUNS)

MOST_RUNS = 2000
"""Runs of a kind deleted in one go; what is left is the next cleanup's."""

_PAGE = 200  # the most Prefect returns at once
_MISSED_BEATS = 3
_USUAL_INTERVAL_SECONDS = 30
_FAILED = [StateType.FAILED, StateType.CRASHED]
_ENDED_WELL = [StateType.COMPLETED, StateType.CANCELLED]


class _Outcome(StrEnum):
    GONE = "gone"
    WANTED_AGAIN = "wanted again"  # or still wanted
    REFUSED = "refused"


def remove_runs(
    database: Database, kind: Kind, policy: Retention, now: datetime, *, dry_run: bool
) -> Removed:
    """Runs of one of RUNS, with their logs. One that cannot be deleted stops no other."""
    with database.read() as session:
        mark = session.get(RecorderMark, THE_RECORDER)
    recorded_until = mark.reconciled_at if mark else None
    if recorded_until is None:
        return Removed(kind, why="The recorder has recorded nothing yet; `casemill up` starts it")
    wanted = _wanted(kind, min(policy.cutoff(kind, now), recorded_until))
    removed = refused = passed = 0  # those passed over are still there when the next page is read
    with prefect() as client:
        while removed < MOST_RUNS:
            page = client.read_flow_runs(
                flow_run_filter=wanted, sort=FlowRunSort.ID_DESC, limit=_PAGE, offset=passed
            )
            expired = set(expired_runs(_ended(database, page, now), policy, now))
            for run in page:
                outcome = _Outcome.WANTED_AGAIN
                if run.id in expired:
                    outcome = _Outcome.GONE if dry_run else _delete_run(client, run)
                removed += outcome == _Outcome.GONE
                refused += outcome == _Outcome.REFUSED
                passed += dry_run or outcome != _Outcome.GONE
            if len(page) < _PAGE:
                break
    why = "Prefect refused; its log says why" if refused else None
    return Removed(kind, removed, refused, why)


def remove_workers(
    database: Database, work_pool: str, policy: Retention, now: datetime, *, dry_run: bool
) -> Removed:
    """Records of workers of our pool that are offline. One that comes back makes its record anew."""
    with database.read() as session:
        named = set(session.exec(select(Job.worker).where(col(Job.status).in_(NOT_OVER)).distinct()))
    with prefect() as client:
        found: list[SilentWorker] = []
        try:
            client.read_work_pool(work_pool)
            while True:
                page = client.read_workers_for_work_pool(work_pool, limit=_PAGE, offset=len(found))
                found += [
                    SilentWorker(
                        worker.name,
                        cast(datetime, worker.last_heartbeat_time),
                        worker.name in named
                        or now - _patience(worker) < cast(datetime, worker.last_heartbeat_time),
                    )
                    for worker in page
                ]
                if len(page) < _PAGE:
                    break
        except ObjectNotFound:
            return Removed(Kind.WORKERS, why=f"Prefect has no work pool {work_pool}")
        expired = expired_workers(found, policy, now)
        if dry_run:
            return Removed(Kind.WORKERS, len(expired))
        gone = sum(_delete_worker(client, work_pool, name) for name in expired)
    left = len(expired) - gone
    return Removed(Kind.WORKERS, gone, left, "Prefect refused" if left else None)


def _wanted(kind: Kind, ended_before: datetime) -> FlowRunFilter:
    before = DateTime.fromtimestamp(ended_before.timestamp(), ended_before.tzinfo)
    types = _FAILED if kind == Kind.FAILED_RUNS else _ENDED_WELL
    deployed = (
        None if kind == Kind.FAILED_RUNS else FlowRunFilterDeploymentId(is_null_=kind == Kind.AD_HOC_RUNS)
    )
    return FlowRunFilter(
        state=FlowRunFilterState(type=FlowRunFilterStateType(any_=types)),
        end_time=FlowRunFilterEndTime(before_=before),
        deployment_id=deployed,
    )


def _ended(database: Database, runs: Sequence[FlowRun], now: datetime) -> list[EndedRun]:
    """As the decision wants them. A run of another run is kept as long as that is: its retry asks for it; one
    that others wait for, until they were told how it ended."""
    with database.read() as session:
        jobs = session.exec(select(Job).where(col(Job.id).in_([run.id for run in runs]))).all()
        needed = set(session.exec(waited_for()))
        still_open = open_batches(session, now)
    held = {job.id for job in jobs if job.status in NOT_OVER or job.pinned or job.batch_id in still_open}
    return [
        EndedRun(
            run.id,
            cast(datetime, run.end_time),
            is_failed=run.state.type in _FAILED,
            is_ad_hoc=run.deployment_id is None,
            is_held=run.id in held | needed or run.parent_task_run_id is not None,
        )
        for run in runs
        if run.end_time is not None and run.state is not None and run.state.is_final()
    ]


def _delete_run(client: SyncPrefectClient, run: FlowRun) -> _Outcome:
    """Whether it was started again is asked right before: Prefect has no delete with a condition."""
    try:
        if client.read_flow_run(run.id).state_id != run.state_id:
            return _Outcome.WANTED_AGAIN
        client.delete_flow_run(run.id)
    except ObjectNotFound:
        return _Outcome.GONE
    except httpx.HTTPStatusError as error:
        if error.response.is_server_error:
            return _Outcome.REFUSED
        raise
    return _Outcome.GONE


def _patience(worker: Worker) -> timedelta:
    """How long it may be silent and still be online. Not by Prefect's word: its API was seen to call a worker
    online long after its last heartbeat."""
    return _MISSED_BEATS * timedelta(seconds=worker.heartbeat_interval_seconds or _USUAL_INTERVAL_SECONDS)


def _delete_worker(client: SyncPrefectClient, work_pool: str, name: str) -> bool:
    """A worker's name is whatever its owner gave it."""
    path = f"/work_pools/{quote(work_pool, safe='')}/workers/{quote(name, safe='')}"
    try:
        client._client.delete(path)  # pyright: ignore[reportPrivateUsage]  it has no method for this
    except httpx.HTTPStatusError as error:
        return error.response.status_code == 404
    return True
