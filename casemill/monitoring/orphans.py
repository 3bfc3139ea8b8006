"""Jobs whose process ended when everything was stopped, found when everything starts."""

from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterState,
    FlowRunFilterStateType,
    WorkPoolFilter,
    WorkPoolFilterName,
)
from prefect.client.schemas.objects import StateType

from casemill.monitoring.lost_runs import bring_back, process_of
from casemill.monitoring.snapshots import WORKER_LABEL

_MOST_CUTS = 5
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
        orphans = [
            run for run in claiming if run.labels.get(WORKER_LABEL) == worker and process_of(run) is None
        ]
        for run in orphans:
            bring_back(client, run, "Cut off: its process ended when Casemill stopped", _MOST_CUTS)
    return len(orphans)
