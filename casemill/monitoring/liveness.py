"""Dead runs, noticed without help from the dead: three heartbeats in a row did not come.

Only what runs has a heart. What waits (for its time, a slot, its next try, somebody who resumes it) is left
alone, and so is what runs elsewhere than in our work pool, where nobody set the frequency. What a worker took
and never began is lost once that worker is: see not_begun.py.
"""

import logging
from datetime import UTC, datetime, timedelta

from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterState,
    FlowRunFilterStateType,
    WorkPoolFilter,
    WorkPoolFilterName,
)
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.client.schemas.sorting import FlowRunSort
from prefect.events.filters import EventFilter, EventNameFilter, EventOccurredFilter, EventResourceFilter
from prefect.types import DateTime
from sqlmodel import col, select

from casemill.db import Database
from casemill.models import Job
from casemill.monitoring.lost_runs import bring_back, process_of
from casemill.monitoring.not_begun import not_begun
from casemill.monitoring.snapshots import WORKER_LABEL

logger = logging.getLogger(__name__)

HEARTBEAT = timedelta(seconds=30)  # PREFECT_FLOWS_HEARTBEAT_FREQUENCY, set where jobs are started
SILENCE = 3 * HEARTBEAT
_MOST_RESTARTS = 2
_PAGE = 200


def find_lost(
    client: SyncPrefectClient,
    database: Database,
    work_pool: str,
    now: datetime,
    silence: timedelta = SILENCE,
    local_worker: str | None = None,
) -> list[FlowRun]:
    """The runs that were lost and are now crashed, or on their way again.

    To be called only when heartbeats could have been heard all that time: a server that was down is no sign
    of a dead run. Nothing of ours is written: a process that stands still within a transaction holds
    SQLite's write lock, and all waits until it is found here.
    """
    cutoff = now - silence
    old = [run for run in _begun(client, work_pool) if run.state is not None and run.state.timestamp < cutoff]
    silent = [run for run in old if run.state_type != StateType.PENDING]
    with database.read() as session:
        heard = dict(
            session.exec(
                select(Job.id, Job.heartbeat_at).where(col(Job.id).in_([run.id for run in silent]))
            ).all()
        )
    lost = [
        run
        for run in silent
        if (heard.get(run.id) or cutoff) <= cutoff and not _was_heard(client, run, cutoff)
    ]
    for run in lost:
        _give_up(client, run, cutoff)
    pending = [run for run in old if run.state_type == StateType.PENDING]
    for run, cause in not_begun(client, work_pool, pending, cutoff, local_worker):
        _bring_back(client, run, cause)
        lost.append(run)
    return lost


def _begun(client: SyncPrefectClient, work_pool: str) -> list[FlowRun]:
    found: list[FlowRun] = []
    while page := client.read_flow_runs(
        work_pool_filter=WorkPoolFilter(name=WorkPoolFilterName(any_=[work_pool])),
        flow_run_filter=FlowRunFilter(
            state=FlowRunFilterState(
                type=FlowRunFilterStateType(any_=[StateType.RUNNING, StateType.CANCELLING, StateType.PENDING])
            )
        ),
        sort=FlowRunSort.ID_DESC,
        limit=_PAGE,
        offset=len(found),
    ):
        found.extend(page)
    return found


def _was_heard(client: SyncPrefectClient, run: FlowRun, since: datetime) -> bool:
    """Whether Prefect has heard what we have not."""
    wanted = EventFilter(
        event=EventNameFilter(name=["prefect.flow-run.heartbeat"]),
        resource=EventResourceFilter(id=[f"prefect.flow-run.{run.id}"]),
        occurred=EventOccurredFilter(since=DateTime.fromtimestamp(since.timestamp(), UTC)),
    )
    return bool(client.read_events(wanted, limit=1).events)


def _give_up(client: SyncPrefectClient, run: FlowRun, since: datetime) -> None:
    worker = run.labels.get(WORKER_LABEL, "unknown")
    cause = f"Lost: no heartbeat since before {since:%H:%M:%S} UTC; its worker was {worker}"
    if process := process_of(run):  # hangs: it must not wake up and work beside its successor
        process.kill()
        cause += f"; its process {process.pid} was still there and was killed"
    _bring_back(client, run, cause)


def _bring_back(client: SyncPrefectClient, run: FlowRun, cause: str) -> None:
    again = bring_back(client, run, cause, _MOST_RESTARTS)
    logger.warning("Job %s: %s; %s", run.id, cause, "started again" if again else "not started again")
