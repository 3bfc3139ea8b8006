"""Dead runs, noticed without help from the dead: three heartbeats in a row did not come.

Only what runs has a heart. What waits (for its time, a slot, a worker, its next try, somebody who resumes it)
is left alone, and so is what runs elsewhere than in our work pool, where nobody set the frequency.
"""

import logging
from datetime import UTC, datetime, timedelta

from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.events.filters import EventFilter, EventNameFilter, EventOccurredFilter, EventResourceFilter
from prefect.types import DateTime
from sqlalchemy import func, or_
from sqlmodel import col, select

from casemill.db import Database
from casemill.models import Job, JobStatus, JobSubStatus
from casemill.monitoring.lost_runs import bring_back, process_of
from casemill.monitoring.reconcile import Reconciler
from casemill.monitoring.snapshots import WORKER_LABEL

logger = logging.getLogger(__name__)

HEARTBEAT = timedelta(seconds=30)  # PREFECT_FLOWS_HEARTBEAT_FREQUENCY, set where jobs are started
SILENCE = 3 * HEARTBEAT
_MOST_RESTARTS = 2


def find_lost(
    client: SyncPrefectClient,
    database: Database,
    reconciler: Reconciler,
    work_pool: str,
    now: datetime,
    silence: timedelta = SILENCE,
) -> list[FlowRun]:
    """The runs that were lost and are now crashed, or on their way again.

    To be called only when heartbeats could have been heard all that time: a server that was down is no sign
    of a dead run.
    """
    cutoff = now - silence
    with database.read() as session:
        silent = session.exec(
            select(Job.id).where(
                Job.status == JobStatus.RUNNING,
                or_(col(Job.sub_status).is_(None), col(Job.sub_status) == JobSubStatus.CANCELLING),
                col(Job.state_at) < cutoff,
                func.coalesce(col(Job.heartbeat_at), col(Job.state_at)) < cutoff,
            )
        ).all()
    if not silent:
        return []
    lost = [
        run
        for run in reconciler.refresh(silent)
        if run.work_pool_name == work_pool
        and run.state is not None
        and run.state.type in (StateType.RUNNING, StateType.CANCELLING)
        and run.state.timestamp < cutoff
        and not _was_heard(client, run, cutoff)
    ]
    for run in lost:
        _give_up(client, run, cutoff)
    reconciler.refresh([run.id for run in lost])
    return lost


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
    again = bring_back(client, run, cause, _MOST_RESTARTS)
    logger.warning("Job %s: %s; %s", run.id, cause, "started again" if again else "not started again")
