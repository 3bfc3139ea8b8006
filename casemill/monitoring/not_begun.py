"""Runs that a worker took and then died before their process began: nobody would start them any more."""

from collections.abc import Collection, Iterator
from datetime import UTC, datetime

from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.objects import FlowRun, Worker
from prefect.events.filters import EventFilter, EventNameFilter, EventOccurredFilter
from prefect.types import DateTime

from casemill.monitoring.process_evidence import living_processes
from casemill.monitoring.snapshots import WORKER_LABEL

_PAGE = 200
_MOST_EVENTS = 50  # Prefect returns no more at once


def not_begun(
    client: SyncPrefectClient,
    work_pool: str,
    pending: Collection[FlowRun],
    since: datetime,
    local_worker: str | None = None,
) -> Iterator[tuple[FlowRun, str]]:
    """Those of the pending runs that have neither a process nor a worker to start one, with the cause.

    A worker that was not heard since then is gone; so is one that was started anew under its name after it
    took the run. Of the local worker the host itself says whether it started a process.
    """
    if not pending:
        return
    workers = {worker.name: worker for worker in client.read_workers_for_work_pool(work_pool, limit=_PAGE)}
    for run in pending:
        if living_processes(run):
            continue
        label = run.labels.get(WORKER_LABEL)
        names = [str(label)] if label else list(workers)
        if all(name == local_worker or _is_gone(client, workers.get(name), run, since) for name in names):
            who = f"worker {label}" if label else "a worker"
            yield (
                run,
                f"Lost: {who} took it and never began it; nothing of it was heard since {since:%H:%M:%S} UTC",
            )


def _is_gone(client: SyncPrefectClient, worker: Worker | None, run: FlowRun, since: datetime) -> bool:
    if worker is None or worker.last_heartbeat_time is None or worker.last_heartbeat_time < since:
        return True
    taken_at = run.state.timestamp if run.state else since
    wanted = EventFilter(
        event=EventNameFilter(name=["prefect.worker.started"]),
        occurred=EventOccurredFilter(since=DateTime.fromtimestamp(taken_at.timestamp(), UTC)),
    )
    started = client.read_events(wanted, limit=_MOST_EVENTS).events
    return any(event.resource.get("prefect.resource.name") == worker.name for event in started)
