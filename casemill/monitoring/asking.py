"""What is asked of Prefect to stop, pause and start a run, and what Prefect makes of it.

Shared by the controls, where people ask, and by the recorder, which asks again what went under in a race.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.objects import FlowRun, State, StateType
from prefect.client.schemas.responses import OrchestrationResult, SetStateStatus
from prefect.states import Cancelling, Scheduled, Suspended
from sqlalchemy import or_, update
from sqlmodel import Session, col

from casemill.errors import Refused
from casemill.models import NOT_OVER, Job, JobAsk, JobSubStatus
from casemill.monitoring.jobs import place_in_queue
from casemill.monitoring.waiting_state import is_waiting, waiting_state
from casemill.operations.job_dependencies import After

RESUMING = "Resuming"  # Prefect's name of the state in which a suspended run waits to go on


def mark_asked(session: Session, job_id: UUID, ask: JobAsk, why: str | None, now: datetime) -> bool:
    """Notes what is asked of the job; False where it is over, or being cancelled already."""
    marked = session.exec(
        update(Job)
        .where(
            col(Job.id) == job_id,
            col(Job.status).in_(NOT_OVER),
            or_(col(Job.asked).is_(None), col(Job.asked) != JobAsk.CANCEL),
            or_(col(Job.sub_status).is_(None), col(Job.sub_status) != JobSubStatus.CANCELLING),
        )
        .values(asked=ask, asked_at=now, asked_why=why)
        .execution_options(synchronize_session=False)
    )
    return marked.rowcount == 1


def forget_asked(session: Session, job_id: UUID, asked_at: datetime | None = None, **values: Any) -> None:
    """Nothing is asked of the job any more; given a moment, only what was asked then is forgotten."""
    which = [col(Job.id) == job_id]
    if asked_at is not None:
        which.append(col(Job.asked_at) == asked_at)
    session.exec(
        update(Job)
        .where(*which)
        .values(asked=None, asked_at=None, asked_why=None, **values)
        .execution_options(synchronize_session=False)
    )


def ask_to_cancel(client: SyncPrefectClient, run: FlowRun, why: str | None) -> None:
    """Prefect makes a run that has no process cancelled at once. Raises Refused where it is over."""
    message = f"Asked to cancel: {why}" if why else "Asked to cancel"
    _require(
        client.set_flow_run_state(run.id, Cancelling(message=message)),
        StateType.CANCELLING,
        StateType.CANCELLED,
    )


def ask_to_suspend(client: SyncPrefectClient, run: FlowRun) -> None:
    """Until somebody resumes it, however long that takes. Raises Refused.

    Prefect suspends by itself only what runs. A run that waits is made to: no worker takes a suspended one,
    and a process that was just starting for it finds it so and ends. Should that process have begun running
    in between, it runs, and the recorder asks it again.
    """
    state = Suspended(message="Asked to pause", pause_key=str(uuid4()))
    if run.state_type == StateType.SCHEDULED or is_waiting(run):
        if run.deployment_id is None:
            raise Refused(
                "It was not started from a deployment, so Prefect could not resume it; cancel it instead"
            )
        _require(client.set_flow_run_state(run.id, state, force=True), StateType.PAUSED)
    elif run.state_type == StateType.PENDING:
        raise Refused("A worker is starting it at this moment; try again in some seconds")
    else:
        _require(client.set_flow_run_state(run.id, state), StateType.PAUSED)


def ask_to_wait(client: SyncPrefectClient, run: FlowRun, after: Sequence[After]) -> None:
    """It waits for these jobs again. Whoever calls this knows that it does not run. Raises Refused.

    Forced: Prefect itself has only what runs wait.
    """
    _require(client.set_flow_run_state(run.id, waiting_state(after), force=True), StateType.PAUSED)


def ask_to_resume(client: SyncPrefectClient, run: FlowRun, now: datetime) -> None:
    """It waits for a worker; what was to start later still does. Raises Refused."""
    later = run.expected_start_time if run.expected_start_time and run.expected_start_time > now else None
    if later and run.run_count == 0:
        state = Scheduled(scheduled_time=later, message="Resumed")
    else:
        state = Scheduled(name=RESUMING, scheduled_time=place_in_queue(run.tags, now), message="Resumed")
    _require(client.set_flow_run_state(run.id, state), StateType.SCHEDULED)


def start_again(client: SyncPrefectClient, run: FlowRun, message: str, now: datetime) -> None:
    """The same run waits for a worker again. Whoever calls this knows that it is over. Raises Refused.

    Forced only where Prefect would keep a result it has stored: otherwise it forgets that the run was
    resumed, without which its next try would not count as one.
    """
    state = Scheduled(scheduled_time=place_in_queue(run.tags, now), message=message)
    result = client.set_flow_run_state(run.id, state)
    if result.status == SetStateStatus.REJECT and run.state_type == StateType.COMPLETED:
        result = client.set_flow_run_state(run.id, state, force=True)
    _require(result, StateType.SCHEDULED)


def _require(result: OrchestrationResult[Any], *wanted: StateType) -> None:
    """Prefect may answer with another state than the one that was asked for."""
    state: State[Any] | None = result.state
    if result.status in (SetStateStatus.ACCEPT, SetStateStatus.REJECT) and state and state.type in wanted:
        return
    reason = (
        getattr(result.details, "reason", None) or f"it is {state.name if state else 'in no state'} there"
    )
    raise Refused(f"Prefect did not do it: {reason}")
