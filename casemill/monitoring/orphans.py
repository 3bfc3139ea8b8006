"""Jobs whose process is gone without anybody having said so."""

import psutil
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterState,
    FlowRunFilterStateType,
    WorkPoolFilter,
    WorkPoolFilterName,
)
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.states import Cancelled, Crashed, Scheduled

_MOST_STARTS = 5
_WORKER_LABEL = "prefect.worker.name"
_PAGE = 200


def reschedule_orphans(work_pool: str, worker: str) -> int:
    """Runs of this worker that claim to run and have no process: they run again, and go on by the ledger.

    How many. To be called while the worker does not run, as when everything starts: it is on this host.
    """
    with get_client(sync_client=True) as client:
        claiming = client.read_flow_runs(
            work_pool_filter=WorkPoolFilter(name=WorkPoolFilterName(any_=[work_pool])),
            flow_run_filter=FlowRunFilter(
                state=FlowRunFilterState(
                    type=FlowRunFilterStateType(
                        any_=[StateType.RUNNING, StateType.PENDING, StateType.CANCELLING]
                    )
                )
            ),
            limit=_PAGE,
        )
        orphans = [run for run in claiming if run.labels.get(_WORKER_LABEL) == worker and not _lives(run)]
        for run in orphans:
            if run.state_type == StateType.CANCELLING:
                state = Cancelled(message="Its process ended with the machine's Casemill")
            elif run.run_count >= _MOST_STARTS:
                state = Crashed(message=f"Its process was cut off {run.run_count} times; not started again")
            else:
                state = Scheduled(message="Cut off when Casemill stopped; goes on by the ledger")
            client.set_flow_run_state(run.id, state, force=True)
    return len(orphans)


def _lives(run: FlowRun) -> bool:
    try:
        pid = int(run.infrastructure_pid or "")
        return str(run.id) in psutil.Process(pid).environ().values()
    except (ValueError, psutil.NoSuchProcess, psutil.AccessDenied):
        return False
