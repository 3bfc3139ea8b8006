"""What is asked of one job: what Prefect makes of it, what evidence confirms, and what is refused."""

from datetime import timedelta
from uuid import UUID, uuid4

import psutil
import pytest
from prefect.client.orchestration import SyncPrefectClient
from prefect.events import emit_event
from prefect.states import Cancelled, Completed, Crashed, Failed, Pending, Running, Scheduled, State
from sqlmodel import select

from casemill.errors import NotFound, Refused
from casemill.models import (
    Alert,
    Attempt,
    AttemptStatus,
    CaseDocument,
    CaseStep,
    Job,
    JobEvent,
    Limit,
    LimitName,
    TaskAttempt,
)
from casemill.models.columns import utc_now
from casemill.monitoring import job_controls
from casemill.monitoring.overtime import stop_overtime
from casemill.monitoring.process_evidence import ENDED, told_end
from casemill.monitoring.reconcile import Reconciler
from casemill.operations import claims
from casemill.steps.all import REGISTRY
from casemill.workspace import Workspace
from tests.conftest import NewOwner
from tests.ledger import begin, states, work
from tests.monitoring.conftest import wait_for
from tests.monitoring.steering import LATER, Steered, process_for

AT_ONCE = timedelta(0)


@pytest.fixture
def steered(desk: Workspace, prefect_client: SyncPrefectClient) -> Steered:
    return Steered(desk, prefect_client)


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


def failing_batch(workspace: Workspace, new_case: NewOwner) -> tuple[UUID, UUID]:
    """A case that is parsed, and a failed step that blocks the next ones."""
    case = new_case(workspace, "a case", brief="Summary judgment, see 477 U.S. 317 (1986).")
    batch = begin(workspace.database, REGISTRY, [case])
    work(workspace, REGISTRY, batch)
    with workspace.database.write() as session:
        for row in session.exec(select(CaseStep).where(CaseStep.step != "parse")):
            row.state = "failed" if row.step == "chunk" else "blocked"  # type: ignore[assignment]
            session.add(row)
    return batch, case


def test_retry_opens_what_did_not_succeed_and_the_same_job_waits_again(
    workspace: Workspace, prefect_client: SyncPrefectClient, new_case: NewOwner
) -> None:
    steered = Steered(workspace, prefect_client)
    batch, case = failing_batch(workspace, new_case)
    run = steered.run(Running(), Failed(message="1 failed steps"), batch_id=batch, case_ids=[str(case)])
    job_controls.retry(workspace, run)
    assert (steered.shown(run), steered.state(run)) == (("pending", None), "Scheduled")
    assert steered.job(run).error is None
    found = states(workspace.database, case)
    assert found.pop("parse") == "completed"
    assert set(found.values()) == {"pending"}
    steered.set(run, Running())
    steered.refresh(run)
    assert (steered.shown(run), steered.job(run).run_count) == (("running", None), 2)


def test_restart_clears_ledger_and_documents_and_keeps_the_history(
    workspace: Workspace, prefect_client: SyncPrefectClient, new_case: NewOwner
) -> None:
    steered = Steered(workspace, prefect_client)
    batch, case = failing_batch(workspace, new_case)
    untouched = new_case(workspace, "another", letter="Nothing to cite here.")
    other = begin(workspace.database, REGISTRY, [untouched])
    work(workspace, REGISTRY, other)
    run = steered.run(Running(), Completed(), batch_id=batch, case_ids=[str(case)])
    steered.apply()
    with workspace.database.write() as session:
        session.get_one(Job, run).progress = 100
        session.add(TaskAttempt(task_run_id=uuid4(), attempt=1, job_id=run, created_at=utc_now()))
    told = len(steered.feed(run))
    job_controls.restart(workspace, run)
    assert steered.shown(run) == ("pending", None)
    assert steered.job(run).progress == 0
    assert set(states(workspace.database, case).values()) == {"pending"}
    assert set(states(workspace.database, untouched).values()) == {"completed"}
    with workspace.database.read() as session:
        documents = dict(session.exec(select(CaseDocument.case_id, CaseDocument.processing_status)).all())
        tried = session.exec(
            select(CaseStep.attempts).where(CaseStep.case_id == case, CaseStep.step == "parse")
        )
        assert documents == {case: "pending", untouched: "ready"}
        assert tried.one() == 1
        assert session.exec(select(TaskAttempt).where(TaskAttempt.job_id == run)).one()
    assert len(steered.feed(run)) > told
    work(workspace, REGISTRY, batch)
    assert set(states(workspace.database, case).values()) == {"completed"}


def test_restart_leaves_what_another_job_is_working_on(steered: Steered, new_case: NewOwner) -> None:
    workspace = steered.workspace
    batch, case = failing_batch(workspace, new_case)
    other = Attempt(uuid4())
    with workspace.database.write() as session:
        row = session.exec(select(CaseStep).where(CaseStep.step == "chunk")).one()
        document = session.exec(select(CaseDocument)).one()
        row.state, document.processing_status = "pending", "pending"  # type: ignore[assignment]
        session.add_all([row, document])
        session.flush()
        for kind, held in ((claims.STEP, row.id), (claims.CASE_DOCUMENT, document.id)):
            assert claims.claim(session, kind, held, other, timedelta(minutes=1))
    run = steered.run(Running(), Failed(), batch_id=batch, case_ids=[str(case)])
    job_controls.restart(workspace, run)
    assert states(workspace.database, case)["chunk"] == "running"
    with workspace.database.read() as session:
        assert session.exec(select(CaseDocument.processing_status)).one() == "processing"


def test_restart_of_a_reading_job_reads_the_documents_it_was_given_again(
    steered: Steered, new_case: NewOwner
) -> None:
    workspace = steered.workspace
    case = new_case(workspace, "a case", brief="One.", reply="Two.")
    work(workspace, REGISTRY, begin(workspace.database, REGISTRY, [case], ["parse"]))
    with workspace.database.read() as session:
        ids = dict(session.exec(select(CaseDocument.name, CaseDocument.id)).all())
    run = steered.run(Running(), Completed(), document_ids=[str(ids["brief.pdf"]), "no id"])
    job_controls.restart(workspace, run)
    with workspace.database.read() as session:
        status = dict(session.exec(select(CaseDocument.name, CaseDocument.processing_status)).all())
    assert status == {"brief.pdf": "pending", "reply.pdf": "ready"}


def test_what_cannot_begin_again_is_refused_with_the_reason(steered: Steered) -> None:
    workspace = steered.workspace
    running, done = steered.run(Running()), steered.run(Running(), Completed())
    for again in (job_controls.retry, job_controls.restart):
        with pytest.raises(Refused, match="when it is over"):
            again(workspace, running)
    with pytest.raises(Refused, match="nothing of it failed"):
        job_controls.retry(workspace, done)
    crashed = steered.run(Running(), Crashed())
    with process_for(crashed), pytest.raises(Refused, match="still there"):
        job_controls.retry(workspace, crashed)
    job_controls.retry(workspace, crashed)
    assert steered.shown(crashed) == ("pending", None)


def test_a_deleted_job_is_gone_here_and_there_and_does_not_come_back(
    workspace: Workspace, prefect_client: SyncPrefectClient
) -> None:
    steered = Steered(workspace, prefect_client)
    run = steered.run(Running())
    with pytest.raises(Refused, match="cancel it before"):
        job_controls.delete(workspace, run)
    steered.set(run, Completed())
    steered.refresh(run)
    with workspace.database.write() as session:
        session.add(TaskAttempt(task_run_id=uuid4(), attempt=1, job_id=run, created_at=utc_now()))
    job_controls.delete(workspace, run)
    Reconciler(prefect_client, workspace.database, 20_000).reconcile(utc_now() - timedelta(minutes=1))
    steered.left_by(run)
    with workspace.database.read() as session:
        assert session.get(Job, run) is None
        for model in (TaskAttempt, JobEvent):
            assert session.exec(select(model).where(model.job_id == run)).all() == []
    with pytest.raises(NotFound):
        job_controls.delete(workspace, run)


def test_unpinned_results_go_at_once_if_their_time_is_over(steered: Steered) -> None:
    run = steered.run(Running())
    workspace = steered.workspace
    job_controls.pin(workspace, run, True)
    old = utc_now() - timedelta(hours=1)
    with workspace.database.write() as session:
        session.add(
            TaskAttempt(
                task_run_id=uuid4(),
                attempt=1,
                job_id=run,
                created_at=old,
                finished_at=old,
                status=AttemptStatus.SUCCESS,
                result={"found": 1},
            )
        )
    assert steered.job(run).pinned
    job_controls.pin(workspace, run, False)
    with workspace.database.read() as session:
        assert session.exec(select(TaskAttempt.result).where(TaskAttempt.job_id == run)).one() is None
    with pytest.raises(NotFound):
        job_controls.pin(workspace, uuid4(), True)


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
