"""The state in which a run waits for others in Prefect."""

from collections.abc import Sequence

from prefect.client.schemas.objects import FlowRun, State, StateDetails, StateType

from casemill.models.job_dependency import WAITING_STATE
from casemill.operations.job_dependencies import After


def waiting_state(after: Sequence[After]) -> State[None]:
    """Nothing of such a run is there to be ended, so Prefect cancels it without a worker."""
    return State(
        type=StateType.PAUSED,
        name=WAITING_STATE,
        message=f"Waits for {', for '.join(map(str, after))}",
        state_details=StateDetails(pause_reschedule=True),
    )


def is_waiting(run: FlowRun) -> bool:
    return run.state_type == StateType.PAUSED and run.state_name == WAITING_STATE
