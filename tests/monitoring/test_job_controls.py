"""A job is cancelled, or over its time: what Prefect makes of it, what evidence confirms, what is refused."""

from datetime import timedelta
from uuid import uuid4

import psutil
import pytest
from prefect.client.orchestration import SyncPrefectClient
from prefect.events import emit_event
from prefect.states import Cancelled, Completed, Failed, Running
from sqlmodel import select

from casemill.errors import NotFound, Refused
from casemill.models import (
    Alert,
    Attempt,
    CaseStep,
    Limit,
    LimitName,
)
from casemill.models.columns import utc_now
from casemill.monitoring import job_controls
from casemill.monitoring.overtime import stop_overtime
from casemill.monitoring.process_evidence import ENDED, told_end
from casemill.operations import claims
from casemill.steps.all import REGISTRY
from casemill.workspace import Workspace
from tests.conftest import NewOwner
from tests.ledger import begin
from tests.monitoring.conftest import wait_for
from tests.monitoring.steering import LATER, Steered, process_for

AT_ONCE = timedelta(0)


def test_a_waiting_job_is_cancelled_at_once(workspace: Workspace, prefect_client: SyncPrefectClient) -> None:
    steered = Steered(workspace, prefect_client)
    run = steered.run()
    job_controls.cancel(workspace, run, "not needed")
    assert steered.shown(run) == ("cancelled", None)
    assert steered.state(run) == "Cancelled"
    assert steered.job(run).asked_why == "not needed"


def test_a_running_job_is_cancelling_until_its_process_is_gone(
    workspace: Workspace, prefect_client: SyncPrefectClient, new_case: NewOwner
) -> None:
    """Even when Prefect says Cancelled: that is a decision, not the end of a process."""
    steered = Steered(workspace, prefect_client)
    batch = begin(workspace.database, REGISTRY, [new_case(workspace.database)])
    run = steered.run(Running(), batch_id=batch)
    with workspace.database.write() as session:
        row = session.exec(select(CaseStep).where(CaseStep.step == "parse")).one()
        assert claims.claim(session, claims.STEP, row.id, Attempt(run), timedelta(minutes=1))
    with process_for(run) as process:
        steered.taken_by(run, pid=process.pid)
        job_controls.cancel(workspace, run)
        assert steered.shown(run) == ("running", "cancelling")
        steered.set(run, Cancelled())
        steered.refresh(run)
        steered.follow(utc_now() + timedelta(seconds=4))
        assert steered.shown(run) == ("running", "cancelling")
        assert steered.job(run).finished_at is None
    steered.left_by(run)
    assert steered.shown(run) == ("cancelled", None)
    assert steered.job(run).finished_at == steered.job(run).process_ended_at
    with workspace.database.read() as session:
        assert session.get_one(CaseStep, row.id).state == "pending", "what it held waits for the next job"


def test_with_its_worker_dead_a_job_is_cancelled_when_this_host_has_no_process_of_it(
    steered: Steered,
) -> None:
    run = steered.run(Running())
    steered.taken_by(run)
    job_controls.cancel(steered.workspace, run)
    assert steered.shown(run) == ("running", "cancelling")
    steered.follow()
    assert steered.shown(run) == ("cancelled", None)
    said = steered.client.read_flow_run(run).state
    assert said is not None
    assert said.message == "Cancelled; no process of it is left on this host"


def test_of_another_host_only_its_worker_can_say_that_the_process_is_gone(steered: Steered) -> None:
    run = steered.run(Running())
    steered.taken_by(run, worker="elsewhere")
    job_controls.cancel(steered.workspace, run)
    steered.follow()
    assert steered.shown(run) == ("running", "cancelling")
    related = {"prefect.resource.id": f"prefect.flow-run.{run}", "prefect.resource.role": "flow-run"}
    worker = {"prefect.resource.id": "prefect.worker.process.elsewhere"}
    emit_event(ENDED, resource=worker, related=[related])
    wait_for(lambda: told_end(steered.client, steered.job(run)))
    steered.follow()
    assert steered.shown(run) == ("cancelled", None)


def test_a_process_that_does_not_go_is_said_once_and_until_it_is_gone(steered: Steered) -> None:
    run = steered.run(Running())
    workspace = steered.workspace

    def alerts() -> list[str]:
        with workspace.database.read() as session:
            return [alert.message for alert in session.exec(select(Alert))]

    with process_for(run) as process:
        steered.taken_by(run, pid=process.pid)
        job_controls.cancel(workspace, run, "enough")
        steered.follow()
        assert alerts() == []
        for _ in range(2):
            steered.follow(utc_now() + timedelta(seconds=31))
        [message] = alerts()
        assert f"process {process.pid} on this host is still there" in message
        assert len(steered.feed(run, "alert")) == 1
        assert (steered.job(run).asked_why or "").startswith("enough; not gone after 3")
        assert process.is_running()
    steered.follow()
    assert steered.shown(run) == ("cancelled", None)
    steered.follow()
    assert alerts() == []


def test_a_process_that_nobody_else_ends_is_killed_and_no_other(steered: Steered) -> None:
    run, other = steered.run(Running()), steered.run(Running())
    with process_for(run) as process, process_for(other) as bystander:
        process.suspend()
        steered.taken_by(run, pid=bystander.pid)  # a process id that is another's by now
        job_controls.cancel(steered.workspace, run)
        steered.follow(utc_now() + timedelta(seconds=46))
        wait_for(lambda: process.status() == psutil.STATUS_ZOMBIE)
        assert bystander.status() != psutil.STATUS_ZOMBIE
        steered.follow()
        assert steered.shown(run) == ("cancelled", None)


def test_a_job_that_began_in_the_moment_it_was_cancelled_is_asked_again(steered: Steered) -> None:
    """The worker marked a pending run cancelled, and the process it was just starting ran all the same."""
    run = steered.run()
    job_controls.cancel(steered.workspace, run)
    steered.set(run, Running())
    steered.refresh(run)
    assert steered.shown(run) == ("running", None)
    steered.follow()
    assert steered.state(run) == "Cancelling"
    steered.follow()
    assert steered.shown(run) == ("cancelled", None)


def test_cancelling_makes_sense_once_and_only_for_what_is_not_over(steered: Steered) -> None:
    run = steered.run(Running())
    steered.taken_by(run)
    job_controls.cancel(steered.workspace, run)
    with pytest.raises(Refused, match="being cancelled already"):
        job_controls.cancel(steered.workspace, run)
    done = steered.run(Completed())
    with pytest.raises(Refused, match="completed already"):
        job_controls.cancel(steered.workspace, done)
    with pytest.raises(NotFound):
        job_controls.cancel(steered.workspace, uuid4())


def test_what_prefect_does_not_know_any_more_cannot_be_steered(steered: Steered) -> None:
    run, failed = steered.run(), steered.run(Failed())
    for gone in (run, failed):
        steered.client.delete_flow_run(gone)
    with pytest.raises(Refused, match="start a new job"):
        job_controls.cancel(steered.workspace, run)
    assert steered.shown(run) == ("cancelled", None)
    with pytest.raises(Refused, match="start a new job"):
        job_controls.retry(steered.workspace, failed)


def test_a_job_over_its_time_is_stopped_and_failed_and_never_shown_as_cancelled(steered: Steered) -> None:
    run = steered.run(Running())
    steered.taken_by(run)
    workspace = steered.workspace
    with workspace.database.write() as session:
        session.add(Limit(name=LimitName.JOB_SECONDS, value=7200))

    def look(now_in: timedelta) -> None:
        stop_overtime(steered.client, workspace.database, workspace.settings, utc_now() + now_in)

    look(timedelta(minutes=119))
    assert steered.shown(run) == ("running", None)
    look(timedelta(minutes=121))
    assert steered.shown(run) == ("running", "cancelling")
    steered.set(run, Cancelled())
    steered.refresh(run)
    steered.left_by(run)
    assert steered.shown(run) == ("running", "cancelling")
    steered.follow()
    job = steered.job(run)
    assert (job.status, job.state_name) == ("failed", "TimedOut")
    assert job.error == "It ran longer than the limit of 2 h"
    assert "cancelled" not in [row.data["status"] for row in steered.feed(run)]


def test_nothing_asked_costs_prefect_nothing(steered: Steered) -> None:
    run = steered.run(Running())
    requests: list[object] = []
    steered.client._client.event_hooks = {"request": [requests.append]}
    try:
        steered.follow(utc_now() + LATER)
    finally:
        steered.client._client.event_hooks = {}
    assert requests == []
    assert steered.shown(run) == ("running", None)
