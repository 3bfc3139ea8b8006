"""A batch that the clock starts: the order is given, and the job is done."""

from uuid import UUID

from prefect import State, flow, runtime, task
from prefect.cache_policies import NO_CACHE
from prefect.states import Completed

from blocks.open_workspace import open_workspace
from casemill.monitoring.jobs import NotDeployed, PrefectUnreachable
from casemill.monitoring.start_scheduled import start_scheduled
from casemill.monitoring.telling import tell_result, telling_failures
from casemill.steps.registry import RetryPolicy

_POLICY = RetryPolicy()
_RETRY = RetryPolicy(transient=(*_POLICY.transient, PrefectUnreachable, NotDeployed))


@task(cache_policy=NO_CACHE, on_completion=[tell_result], **telling_failures(_RETRY.task_options))
def start_scheduled_batch(schedule_id: UUID, by_hand: bool) -> str:
    """One batch, however often this job is tried."""
    job_id = UUID(str(runtime.flow_run.id))
    return start_scheduled(open_workspace(), schedule_id, job_id, by_hand=by_hand)


def run_name() -> str:
    return f"scheduled batch {str(runtime.flow_run.parameters.get('schedule_id'))[:8]}"


@flow(name="scheduled-batch", flow_run_name=run_name)
def scheduled_batch(schedule_id: UUID, by_hand: bool = False) -> State:
    """Starts the batch that a schedule orders, as its user would, and does not wait for it.

    Args:
        schedule_id: The schedule, as `POST /batch-schedules` made it.
        by_hand: Start it though the schedule is paused, or planned for another time.
    """
    return Completed(message=start_scheduled_batch(schedule_id, by_hand))
