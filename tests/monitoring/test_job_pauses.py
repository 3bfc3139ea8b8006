"""A job is paused and resumed: what Prefect makes of it, and what is refused."""

from datetime import timedelta
from uuid import UUID

import psutil
import pytest
from prefect.states import Completed, Pending, Running, Scheduled, State

from casemill.errors import Refused
from casemill.models.columns import utc_now
from casemill.monitoring import job_controls
from tests.monitoring.conftest import wait_for
from tests.monitoring.steering import Steered, process_for


def test_a_job_pauses_between_steps_and_goes_on_when_it_is_resumed(steered: Steered) -> None:
    run = steered.run(Running())
    workspace = steered.workspace
    with process_for(run) as process:
        steered.taken_by(run, pid=process.pid)
        job_controls.pause(workspace, run)
        assert steered.shown(run) == ("paused", "pausing")
        steered.follow()
        assert steered.shown(run) == ("paused", "pausing")
        with pytest.raises(Refused, match="step at hand"):
            job_controls.resume(workspace, run)
    steered.follow()
    assert steered.shown(run) == ("paused", None)
    with pytest.raises(Refused, match="paused already"):
        job_controls.pause(workspace, run)
    details = steered.client.read_flow_run(run).state
    assert details is not None
    assert details.state_details.pause_timeout is None, "it waits for somebody, however long that takes"
    job_controls.resume(workspace, run)
    assert (steered.shown(run), steered.state(run)) == (("pending", None), "Resuming")
    assert steered.job(run).asked is None
    with pytest.raises(Refused, match="nothing to resume"):
        job_controls.resume(workspace, run)


def test_a_job_that_is_pausing_can_be_cancelled(steered: Steered) -> None:
    """Prefect calls it cancelled at once; the step at hand goes on until the recorder ends it."""
    run = steered.run(Running())
    with process_for(run) as process:
        steered.taken_by(run, pid=process.pid)
        job_controls.pause(steered.workspace, run)
        job_controls.cancel(steered.workspace, run)
        assert steered.shown(run) == ("running", "cancelling")
        steered.follow()
        wait_for(lambda: process.status() == psutil.STATUS_ZOMBIE)
    steered.follow()
    assert steered.shown(run) == ("cancelled", None)


def test_a_waiting_job_that_is_paused_is_given_to_no_worker(steered: Steered) -> None:
    run, later = steered.run(), steered.run(Scheduled(scheduled_time=utc_now() + timedelta(hours=5)))
    starts_at = steered.job(later).scheduled_at

    def for_workers() -> set[UUID]:
        soon = utc_now() + timedelta(days=1)
        found = steered.client.request(
            "POST",
            "/work_pools/{name}/get_scheduled_flow_runs",
            path_params={"name": steered.pool},
            json={"scheduled_before": soon.isoformat()},
        ).json()
        return {UUID(one["flow_run"]["id"]) for one in found}

    assert for_workers() == {run, later}
    for one in (run, later):
        job_controls.pause(steered.workspace, one)
        assert steered.shown(one) == ("paused", None)
    assert for_workers() == set()
    assert steered.client.set_flow_run_state(run, Pending()).status == "REJECT", "as a worker proposes it"
    for one in (run, later):
        job_controls.resume(steered.workspace, one)
    assert steered.shown(run) == ("pending", None)
    assert steered.shown(later) == ("scheduled", None)
    assert steered.job(later).scheduled_at == starts_at


def test_a_job_that_began_in_the_moment_it_was_paused_is_asked_again(steered: Steered) -> None:
    run = steered.run()
    job_controls.pause(steered.workspace, run)
    steered.set(run, Running())
    steered.refresh(run)
    assert steered.shown(run) == ("running", None)
    steered.follow()
    assert steered.shown(run)[0] == "paused"


@pytest.mark.parametrize(
    ("state", "says"),
    [(Completed(), "nothing to pause"), (Pending(), "try again in some seconds")],
    ids=["over", "starting"],
)
def test_pausing_is_refused_with_the_reason(steered: Steered, state: State, says: str) -> None:
    run = steered.run(state)
    with pytest.raises(Refused, match=says):
        job_controls.pause(steered.workspace, run)
    assert steered.job(run).asked is None
