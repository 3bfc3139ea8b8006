"""Jobs that wait for others on a real Prefect server: released once, cancelled in chains, begun again."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.objects import StateType
from prefect.states import Cancelled, Completed, Failed, Running, Scheduled, State
from prefect.types import DateTime
from sqlmodel import select

from casemill.errors import Refused
from casemill.models import Condition, DependencyState, Job, JobDependency, RecorderMark
from casemill.models.columns import utc_now
from casemill.monitoring import job_controls
from casemill.monitoring.dependents import Dependents
from casemill.monitoring.jobs import first_state
from casemill.monitoring.prefect_cleanup import remove_runs
from casemill.monitoring.reconcile import Reconciler
from casemill.monitoring.recorder import Recorder
from casemill.operations.job_cleanup import clean_up
from casemill.operations.job_dependencies import After
from casemill.operations.retention import Kind, Retention
from casemill.workspace import Workspace
from tests.monitoring.conftest import wait_for
from tests.monitoring.steering import Steered

LIMIT = 10_000


class Waiters(Steered):
    """Jobs of which some wait for others, and the parts of a recorder that see to them."""

    def after(self, *after: After, tags: tuple[str, ...] = ()) -> UUID:
        deployment = self.client.read_deployment_by_name(f"extraction-batch/{self.deployment}").id
        run = self.client.create_flow_run_from_deployment(
            deployment, tags=[*tags, *(one.tag for one in after)], state=first_state(after)
        )
        self.refresh(run.id)
        return run.id

    def end(self, run: UUID, state: State) -> None:
        """It ends, and the recorder hears of it."""
        self.set(run, Running(), state)
        self.refresh(run)

    def act(self) -> None:
        Dependents(self.client, self.workspace.database, LIMIT).act()

    def look_at_everything(self) -> None:
        """What the recorder does at its start, and each minute."""
        Reconciler(self.client, self.workspace.database, LIMIT).reconcile(None)
        Dependents(self.client, self.workspace.database, LIMIT).make_up()

    def history(self, run: UUID) -> list[str]:
        """Names of its states in Prefect, the oldest first."""
        states = self.client.read_flow_run_states(run)
        return [state.name or "" for state in sorted(states, key=lambda state: state.timestamp)]

    def given_to_workers(self) -> set[UUID]:
        soon = DateTime.now("UTC").add(days=36500)
        answer = self.client.get_scheduled_flow_runs_for_work_pool(self.pool, scheduled_before=soon)
        return {given.flow_run.id for given in answer}

    def needs(self, run: UUID) -> list[str]:
        with self.workspace.database.read() as session:
            rows = session.exec(select(JobDependency).where(JobDependency.job_id == run))
            return sorted(str(row.state) for row in rows)

    def said(self, run: UUID) -> str:
        state = self.client.read_flow_run(run).state
        return (state.message if state else None) or ""


@pytest.fixture
def waiters(workspace: Workspace, prefect_client: SyncPrefectClient) -> Waiters:
    return Waiters(workspace, prefect_client)


@pytest.fixture
def at_desk(desk: Workspace, prefect_client: SyncPrefectClient) -> Waiters:
    """For what no database changes."""
    return Waiters(desk, prefect_client)


def test_no_worker_is_given_a_job_that_waits_and_one_is_when_it_is_released(waiters: Waiters) -> None:
    first = waiters.run(Running())
    second = waiters.after(After(job_id=first))
    waiters.act()
    assert waiters.shown(second) == ("pending", None)
    assert waiters.said(second) == f"Waits for job {first} to succeed"
    assert second not in waiters.given_to_workers()
    waiters.end(first, Completed())
    waiters.act()
    assert second in waiters.given_to_workers()
    assert waiters.history(second) == ["Waiting", "Scheduled"]
    waiters.set(second, Running())
    assert waiters.client.read_flow_run(second).run_count == 1
    waiters.refresh(second)
    assert waiters.shown(second) == ("running", None)


def test_the_time_of_a_released_job_is_not_far_off(at_desk: Waiters) -> None:
    first = at_desk.run(Running())
    second = at_desk.after(After(job_id=first))
    at_desk.end(first, Completed())
    at_desk.act()
    run, job = at_desk.client.read_flow_run(second), at_desk.job(second)
    assert run.expected_start_time and run.expected_start_time <= utc_now()
    assert job.scheduled_at and job.scheduled_at <= utc_now()


def test_a_failure_goes_down_a_chain_and_a_retry_brings_it_back(waiters: Waiters) -> None:
    first = waiters.run(Running())
    second = waiters.after(After(job_id=first))
    third = waiters.after(After(job_id=second))
    rescue = waiters.after(After(job_id=first, on=Condition.FAILURE))
    waiters.end(first, Failed(message="no paper"))
    waiters.act()
    for run in (second, third):
        assert waiters.shown(run) == ("cancelled", None)
    assert waiters.said(second) == f"Not begun: it waited for job {first} to succeed, and that is failed"
    assert waiters.said(third) == f"Not begun: it waited for job {second} to succeed, and that is cancelled"
    assert waiters.state(rescue) == "Scheduled"
    job_controls.retry(waiters.workspace, first)
    waiters.act()
    for run in (second, third):
        assert (waiters.shown(run), waiters.needs(run)) == (("pending", None), ["waiting"])
        assert waiters.history(run) == ["Waiting", "NotReady", "Waiting"]
    waiters.end(first, Completed())
    waiters.act()
    assert (waiters.state(second), waiters.state(third)) == ("Scheduled", "Waiting")
    waiters.end(second, Completed())
    waiters.act()
    assert waiters.state(third) == "Scheduled"
    assert waiters.history(rescue) == ["Waiting", "Scheduled"], "what was released is left alone"


def test_what_a_recorder_missed_is_made_up_for_once(waiters: Waiters) -> None:
    """Nobody recorded the end of the first, nor that the others were made."""
    first, bad = waiters.run(Running()), waiters.run(Running())
    second = waiters.after(After(job_id=first))
    third = waiters.after(After(job_id=bad))
    with waiters.workspace.database.write() as session:
        for run in (second, third):
            session.delete(session.get_one(Job, run))
    waiters.set(first, Completed())
    waiters.set(bad, Failed())
    for _ in range(2):
        waiters.look_at_everything()
    assert waiters.history(second) == ["Waiting", "Scheduled"]
    assert waiters.history(third) == ["Waiting", "NotReady"]


def test_who_was_killed_after_recording_the_end_has_it_done_by_the_next(waiters: Waiters) -> None:
    first = waiters.run(Running())
    second = waiters.after(After(job_id=first))
    waiters.end(first, Completed())
    assert (waiters.needs(second), waiters.state(second)) == (["met"], "Waiting")
    for _ in range(2):
        waiters.look_at_everything()
    assert waiters.history(second) == ["Waiting", "Scheduled"]


def test_who_was_killed_after_the_release_has_not_a_second_one_done(at_desk: Waiters) -> None:
    """Our row still says Waiting; the job has run by then."""
    first = at_desk.run(Running())
    second = at_desk.after(After(job_id=first))
    at_desk.end(first, Completed())
    at_desk.set(second, Scheduled(), Running(), Completed())
    at_desk.act()
    assert at_desk.history(second) == ["Waiting", "Scheduled", "Running", "Completed"]
    assert at_desk.shown(second) == ("completed", None)


def test_two_endings_at_once_seen_by_two_recorders_release_once(waiters: Waiters) -> None:
    firsts = [waiters.run(Running()) for _ in range(2)]
    both = [waiters.after(*(After(job_id=first) for first in firsts)) for _ in range(3)]
    start = threading.Barrier(2)

    def end_and_act(first: UUID) -> None:
        with get_client(sync_client=True) as client:
            client.set_flow_run_state(first, Completed(), force=True)
            start.wait(60)
            Reconciler(client, waiters.workspace.database, LIMIT).refresh([first])
            Dependents(client, waiters.workspace.database, LIMIT).act()

    with ThreadPoolExecutor(2) as threads:
        for done in [threads.submit(end_and_act, first) for first in firsts]:
            done.result()
    waiters.act()
    assert [waiters.history(run) for run in both] == [["Waiting", "Scheduled"]] * 3


def test_a_dependency_that_breaks_does_not_wait_for_the_other(at_desk: Waiters) -> None:
    one, two = at_desk.run(Running()), at_desk.run(Running())
    both = at_desk.after(After(job_id=one), After(job_id=two))
    at_desk.end(one, Cancelled())
    at_desk.act()
    assert at_desk.shown(both) == ("cancelled", None)
    assert at_desk.said(both) == f"Not begun: it waited for job {one} to succeed, and that is cancelled"


def test_a_waiting_job_is_cancelled_at_once_and_stays_so(at_desk: Waiters) -> None:
    first = at_desk.run(Running())
    second = at_desk.after(After(job_id=first))
    job_controls.cancel(at_desk.workspace, second, "not needed")
    assert at_desk.shown(second) == ("cancelled", None)
    at_desk.end(first, Completed())
    at_desk.look_at_everything()
    assert at_desk.history(second) == ["Waiting", "Cancelled"]
    job_controls.delete(at_desk.workspace, second)
    assert at_desk.needs(second) == []


@pytest.mark.parametrize("again", [job_controls.retry, job_controls.restart], ids=["retry", "restart"])
def test_a_cancelled_job_that_is_begun_again_still_waits(at_desk: Waiters, again: object) -> None:
    assert callable(again)
    first = at_desk.run(Running())
    second = at_desk.after(After(job_id=first))
    job_controls.cancel(at_desk.workspace, second)
    again(at_desk.workspace, second)
    assert (at_desk.shown(second), at_desk.state(second)) == (("pending", None), "Waiting")
    at_desk.end(first, Failed())
    at_desk.act()
    with pytest.raises(Refused, match="Retry that job, and this one waits for it again"):
        again(at_desk.workspace, second)
    assert at_desk.state(second) == "NotReady"


def test_a_waiting_job_that_is_paused_goes_on_when_it_is_resumed(at_desk: Waiters) -> None:
    first = at_desk.run(Running())
    early, late = at_desk.after(After(job_id=first)), at_desk.after(After(job_id=first))
    for run in (early, late):
        job_controls.pause(at_desk.workspace, run)
        assert at_desk.shown(run) == ("paused", None)
    job_controls.resume(at_desk.workspace, early)
    assert (at_desk.shown(early), at_desk.state(early)) == (("pending", None), "Waiting")
    at_desk.end(first, Completed())
    at_desk.act()
    assert (at_desk.state(early), at_desk.state(late)) == ("Scheduled", "Suspended")
    job_controls.resume(at_desk.workspace, late)
    assert late in at_desk.given_to_workers()


def test_who_is_deleted_tells_first_how_it_ended(at_desk: Waiters) -> None:
    """Nobody had settled that yet."""
    first = at_desk.run(Running())
    second = at_desk.after(After(job_id=first))
    at_desk.end(first, Completed())
    with at_desk.workspace.database.write() as session:
        session.get_one(JobDependency, (second, first)).state = DependencyState.WAITING
    job_controls.delete(at_desk.workspace, first)
    at_desk.act()
    assert (at_desk.needs(second), at_desk.state(second)) == (["met"], "Scheduled")


def test_a_released_job_goes_by_its_priority(at_desk: Waiters) -> None:
    first = at_desk.run(Running())
    usual = at_desk.after(After(job_id=first))
    urgent = at_desk.after(After(job_id=first), tags=("priority:5",))
    at_desk.end(first, Completed())
    at_desk.act()
    runs = [at_desk.client.read_flow_run(run).next_scheduled_start_time for run in (urgent, usual)]
    assert runs == sorted(time for time in runs if time)


def test_a_run_that_others_wait_for_is_not_cleaned_up_before_they_know_how_it_ended(at_desk: Waiters) -> None:
    first = at_desk.run(Running())
    second = at_desk.after(After(job_id=first))
    at_desk.end(first, Completed())
    database, later = at_desk.workspace.database, utc_now() + timedelta(days=100)

    def is_cleaned_up(state: DependencyState) -> tuple[int, int]:
        with database.write() as session:
            session.get_one(JobDependency, (second, first)).state = state
        runs = remove_runs(database, Kind.FINISHED_RUNS, Retention(), later, dry_run=True).count
        return runs, clean_up(at_desk.workspace, Kind.JOBS, Retention(), later, second, dry_run=True).count

    with database.write() as session:
        session.add(RecorderMark(reconciled_at=later))
    before, after = is_cleaned_up(DependencyState.WAITING), is_cleaned_up(DependencyState.MET)
    assert after == (before[0] + 1, before[1] + 1)


@pytest.fixture
def recorder(at_desk: Waiters) -> Iterator[None]:
    """A real one, which hears Prefect's events."""
    over = threading.Event()
    with get_client(sync_client=True) as client:
        recorder = Recorder(at_desk.workspace.settings, at_desk.workspace.database, client)
        thread = threading.Thread(target=recorder.run, args=(over,))
        thread.start()
        yield
        over.set()
        thread.join(60)


@pytest.mark.usefixtures("recorder")
def test_the_recorder_lets_jobs_go_on_as_it_hears_that_others_ended(at_desk: Waiters) -> None:
    deployment = at_desk.client.read_deployment_by_name(f"extraction-batch/{at_desk.deployment}").id

    def made(*after: After) -> UUID:
        tags = [one.tag for one in after] or [f"chain:{uuid4()}"]
        state = first_state(after)
        return at_desk.client.create_flow_run_from_deployment(deployment, tags=tags, state=state).id

    first = made()
    second = made(After(job_id=first))
    third = made(After(job_id=second, on=Condition.COMPLETION))
    never = made(After(job_id=second, on=Condition.FAILURE))
    at_desk.set(first, Running(), Completed())
    wait_for(lambda: at_desk.state(second) == "Scheduled", 90)
    assert at_desk.state(third) == "Waiting"
    at_desk.set(second, Running(), Completed())
    wait_for(lambda: at_desk.state(third) == "Scheduled", 90)
    wait_for(lambda: at_desk.state(never) == "NotReady", 90)
    assert at_desk.client.read_flow_run(never).state_type == StateType.CANCELLED
