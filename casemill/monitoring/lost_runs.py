"""Runs whose process is gone: marked, with the cause, and begun again a bounded number of times."""

from datetime import UTC, datetime

import psutil
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.states import Cancelled, Crashed, Scheduled

from casemill.monitoring.jobs import place_in_queue


def bring_back(client: SyncPrefectClient, run: FlowRun, cause: str, at_most: int) -> bool:
    """Whether the run was scheduled again; it goes on by its ledger.

    It becomes Crashed first, so that its history says why. After `at_most` such marks of the same kind (the
    words before the colon of the cause) it stays so. One that was to be cancelled is.
    """
    if run.state_type == StateType.CANCELLING:
        client.set_flow_run_state(run.id, Cancelled(message=f"{cause}; it was being cancelled"), force=True)
        return False
    kind = cause.split(":")[0] + ":"
    before = sum(
        state.type == StateType.CRASHED and (state.message or "").startswith(kind)
        for state in client.read_flow_run_states(run.id)
    )
    if before >= at_most:
        message = f"{cause}; it was started again {before} times before and is not any more"
        client.set_flow_run_state(run.id, Crashed(message=message), force=True)
        return False
    client.set_flow_run_state(run.id, Crashed(message=cause), force=True)
    message = f"Started again ({before + 1} of at most {at_most}); goes on by the ledger. {cause}"
    due_at = place_in_queue(run.tags, datetime.now(UTC))
    client.set_flow_run_state(run.id, Scheduled(scheduled_time=due_at, message=message), force=True)
    return True


def process_of(run: FlowRun) -> psutil.Process | None:
    """The living process of a run on this host. A process id alone proves nothing: they are used again."""
    try:
        process = psutil.Process(int(run.infrastructure_pid or ""))
        return process if str(run.id) in process.environ().values() else None
    except (ValueError, OverflowError, psutil.NoSuchProcess, psutil.AccessDenied):
        return None
