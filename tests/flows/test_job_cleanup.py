"""The cleanup on a real Prefect server: what goes there, what stays here, and what it says."""

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from uuid import UUID, uuid4

import pytest
import yaml
from prefect import flow, task
from prefect.artifacts import Artifact
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.client.schemas.filters import (
    DeploymentFilter,
    DeploymentFilterId,
    FlowRunFilter,
    FlowRunFilterId,
    FlowRunFilterTags,
)
from prefect.settings import PREFECT_API_URL
from prefect.states import Cancelled, Completed, Crashed, Failed, Paused, Running, Scheduled, State
from sqlmodel import col, select

from casemill.local.stack import start_cleanup
from casemill.models import (
    AttemptStatus,
    Batch,
    Case,
    CaseStep,
    CleanupReport,
    Job,
    JobStatus,
    RecorderMark,
    RetentionName,
    StepState,
    TaskAttempt,
)
from casemill.models.columns import utc_now
from casemill.models.recorder_mark import THE_RECORDER
from casemill.monitoring.job_labels import told_by_tags
from casemill.monitoring.jobs import batch_tag
from casemill.monitoring.last_cleanup import last_cleanup
from casemill.monitoring.prefect_cleanup import remove_workers
from casemill.monitoring.reconcile import Reconciler
from casemill.operations import job_cleanup as operations
from casemill.operations.keep_for import keep_for
from casemill.operations.retention import Kind, Retention
from casemill.workspace import Workspace
from flows.job_cleanup import job_cleanup
from tests.flows.killed import run_until_killed

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
SLACK = timedelta(minutes=5)


@flow(name="some-work")
def some_work() -> None:
    pass


_OVER = {"function": "read", "status": AttemptStatus.SUCCESS}


@task
def part_of_it() -> None:
    pass


class Office:
    """Runs on the server, recorded here."""

    def __init__(self, workspace: Workspace, client: SyncPrefectClient) -> None:
        self.workspace, self.client = workspace, client
        pool = f"pool-{uuid4()}"
        client.create_work_pool(WorkPoolCreate(name=pool, type="process"))
        self.deployment = some_work.to_deployment(f"d-{uuid4()}").apply(work_pool_name=pool)
        self.recorder = Reconciler(client, workspace.database, 20_000)

    def run(self, state: State, *, ad_hoc: bool = False, tags: tuple[str, ...] = ()) -> UUID:
        if ad_hoc:
            run = self.client.create_flow_run(some_work, tags=tags).id
        else:
            run = self.client.create_flow_run_from_deployment(self.deployment, tags=tags).id
        self.client.set_flow_run_state(run, state, force=True)
        self.recorder.refresh([run])
        return run

    def all_is_recorded(self) -> None:
        with self.workspace.database.write() as session:
            session.merge(RecorderMark(id=THE_RECORDER, reconciled_at=utc_now()))

    def there(self, *runs: UUID) -> set[UUID]:
        wanted = FlowRunFilter(id=FlowRunFilterId(any_=list(runs)))
        return {run.id for run in self.client.read_flow_runs(flow_run_filter=wanted)}

    def statuses(self, *runs: UUID) -> list[JobStatus]:
        with self.workspace.database.read() as session:
            return [session.get_one(Job, run).status for run in runs]


@pytest.fixture
def office(flow_workspace: Workspace) -> Iterator[Office]:
    with get_client(sync_client=True) as client:
        yield Office(flow_workspace, client)


def clean(now: datetime | None = None, *, dry_run: bool = False, **policy: float) -> State:
    given = Retention.model_validate(policy) if policy else None
    return job_cleanup(policy=given, dry_run=dry_run, now=now, return_state=True)


def test_each_kind_of_run_goes_at_its_time_and_its_job_stays_as_it_was(office: Office) -> None:
    ad_hoc = office.run(Completed(), ad_hoc=True)
    done, stopped = office.run(Completed()), office.run(Cancelled())
    failed, crashed = office.run(Failed()), office.run(Crashed(), ad_hoc=True)
    runs = (ad_hoc, done, stopped, failed, crashed)
    statuses = office.statuses(*runs)
    office.all_is_recorded()
    begun = utc_now()
    left = set(runs)
    for kept, gone in ((2 * HOUR, {ad_hoc}), (DAY, {done, stopped}), (7 * DAY, {failed, crashed})):
        assert clean(begun + kept - SLACK).is_completed()
        assert office.there(*runs) == left
        clean(begun + kept + SLACK, dry_run=True)
        assert office.there(*runs) == left
        for _ in range(2):
            assert clean(begun + kept + SLACK).is_completed()
            left -= gone
            assert office.there(*runs) == left
    office.recorder.refresh(runs)  # as the recorder does when it hears that they were deleted
    assert office.statuses(*runs) == statuses


def test_what_is_active_paused_pinned_of_an_open_batch_or_not_recorded_is_never_touched(
    office: Office,
) -> None:
    database = office.workspace.database
    batch, case = Batch(steps=["parse"], created_at=utc_now() - DAY), Case(name="Smith")
    with database.write() as session:
        session.add_all([batch, case])
        session.flush()
        session.add(CaseStep(batch_id=batch.id, case_id=case.id, step="parse", state=StepState.PENDING))
    tags = (batch_tag(batch.id),)
    pinned, sibling = office.run(Completed()), office.run(Completed(), tags=tags)
    unheard = office.client.create_flow_run_from_deployment(office.deployment).id
    office.recorder.refresh([unheard])
    office.client.set_flow_run_state(unheard, Completed(), force=True)
    runs = (
        pinned,
        sibling,
        unheard,
        office.run(Running()),
        office.run(Scheduled()),
        office.run(Paused(timeout_seconds=10**7)),
        office.run(Paused(timeout_seconds=10**7), tags=tags),
    )
    with database.write() as session:
        session.get_one(Job, pinned).pinned = True
    office.all_is_recorded()
    before = office.statuses(*runs)
    assert clean(utc_now() + 60 * DAY).is_completed()
    assert office.there(*runs) == set(runs)
    assert office.statuses(*runs) == before


def test_what_ended_after_the_recorder_last_looked_is_kept(office: Office) -> None:
    """Its attempts may be known to Prefect alone."""
    office.all_is_recorded()
    run = office.run(Completed())
    clean(utc_now() + 2 * DAY)
    assert office.there(run) == {run}
    office.all_is_recorded()
    clean(utc_now() + 2 * DAY)
    assert office.there(run) == set()


def test_offline_workers_are_forgotten_unless_a_job_names_them(office: Office) -> None:
    pool, client = office.workspace.settings.work_pool, office.client
    client.create_work_pool(WorkPoolCreate(name=pool, type="process"))
    for name, seconds in (("gone ?#", 30), ("needed", 30), ("online", 600)):
        client.send_worker_heartbeat(pool, name, heartbeat_interval_seconds=seconds)
    run = office.run(Running())
    with office.workspace.database.write() as session:
        session.get_one(Job, run).worker = "needed"
    clean(utc_now() + DAY)  # a clock that was moved makes nobody silent

    def left_after(minutes: float, *, dry_run: bool = False) -> tuple[int, set[str]]:
        now = utc_now() + timedelta(minutes=minutes)
        removed = remove_workers(office.workspace.database, pool, Retention(), now, dry_run=dry_run)
        return removed.count, {worker.name for worker in client.read_workers_for_work_pool(pool)}

    all_of_them = {"gone ?#", "needed", "online"}
    assert left_after(4.5) == (0, all_of_them)
    assert left_after(5.5, dry_run=True) == (1, all_of_them)
    assert left_after(5.5) == (1, {"needed", "online"})
    assert left_after(5.5) == (0, {"needed", "online"})


def test_one_kind_that_fails_stops_no_other(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    run = office.run(Completed())
    office.all_is_recorded()

    def refuse(*_: object, **__: object) -> int:
        raise ValueError("no such table")

    with monkeypatch.context() as patched:
        patched.setattr(operations, "take_back_claims", refuse)
        with office.workspace.database.write() as session:
            session.add(Job(id=uuid4(), status=JobStatus.FAILED, created_at=utc_now(), finished_at=utc_now()))
        state = clean(utc_now() + 100 * DAY)
    assert state.is_failed()
    assert "2 jobs removed; not all could be: stale claims" in str(state.message)
    assert office.there(run) == set()
    artifact = Artifact.get("job-cleanup")
    assert artifact is not None
    assert "no such table" in str(artifact.data)


def test_killed_in_the_middle_and_run_again_what_is_past_its_time_is_gone_and_nothing_else(
    office: Office,
) -> None:
    """It dies when some pages of attempts are deleted, with others and all jobs still to come."""
    database, now = office.workspace.database, utc_now()
    old, young = (
        [
            Job(id=uuid4(), status=JobStatus.COMPLETED, created_at=at, finished_at=at)
            for at in [now - timedelta(days=days)] * 3
        ]
        for days in (100, 80)
    )
    with database.write() as session:
        for job in (*old, *young):
            session.add(job)
            times = {"created_at": job.created_at, "finished_at": job.finished_at}
            for _ in range(2):
                session.add(TaskAttempt(task_run_id=uuid4(), attempt=1, job_id=job.id, **_OVER, **times))
    run_until_killed(
        """
import os, signal
from casemill.operations import job_cleanup as operations
from casemill.operations.retention import Kind
from flows.job_cleanup import job_cleanup

operations.AT_ONCE, pages, expired = 2, [], operations._expired

def dying(session, kind, *given):
    if kind == Kind.ATTEMPTS:
        pages.append(kind)
        if len(pages) == 3:
            os.kill(os.getpid(), signal.SIGKILL)
    return expired(session, kind, *given)

operations._expired = dying
job_cleanup(dry_run=False)
"""
    )

    def left() -> tuple[int, int]:
        ids = [job.id for job in (*old, *young)]
        with database.read() as session:
            attempts = session.exec(select(TaskAttempt.id).where(col(TaskAttempt.job_id).in_(ids))).all()
            return len(attempts), len(session.exec(select(Job.id).where(col(Job.id).in_(ids))).all())

    assert left() == (8, 6)
    for _ in range(2):
        assert clean().is_completed()
        assert left() == (6, 3)


def test_a_run_that_another_run_started_is_kept_as_long_as_that_is(office: Office) -> None:
    """Its parent's retry asks for its state."""
    client = office.client
    parent = office.run(Running())
    part = client.create_task_run(task=part_of_it, flow_run_id=parent, dynamic_key="0").id
    child = client.create_flow_run(some_work, parent_task_run_id=part).id
    client.set_flow_run_state(child, Completed(), force=True)
    office.recorder.refresh([child])
    office.all_is_recorded()
    clean(utc_now() + 2 * DAY)
    assert office.there(child) == {child}


def test_by_hand_it_only_says_what_it_would_delete(office: Office) -> None:
    clean(utc_now() + 8 * DAY)  # what other tests left on the server
    run = office.run(Completed())
    office.all_is_recorded()
    state = job_cleanup(now=utc_now() + 2 * DAY, return_state=True)
    ad_hoc = "[0-9]+ ad hoc runs"  # among them the cleanups of these tests
    assert re.fullmatch(f"1 finished runs, {ad_hoc} would be removed", str(state.message))
    assert office.there(run) == {run}


def test_what_a_policy_leaves_out_is_as_in_the_settings(
    office: Office,
) -> None:
    run, failed = office.run(Completed()), office.run(Failed())
    office.all_is_recorded()
    clean(utc_now() + 8 * DAY, finished_run_hours=300, failed_run_days=5)
    assert office.there(run, failed) == {run}


def test_the_next_cleanup_goes_by_what_an_admin_set(office: Office) -> None:
    run, failed = office.run(Completed()), office.run(Failed())
    office.all_is_recorded()
    with office.workspace.database.write() as session:
        for name, value in ((RetentionName.FINISHED_RUN_HOURS, 300), (RetentionName.FAILED_RUN_DAYS, 5)):
            keep_for(session, office.workspace.settings, name, value, None)
    clean(utc_now() + 8 * DAY)
    assert office.there(run, failed) == {run}
    clean(utc_now() + 8 * DAY, finished_run_hours=20)
    assert office.there(run) == set()


def test_the_last_cleanup_and_what_it_removed_are_kept(office: Office) -> None:
    office.run(Completed())
    office.all_is_recorded()
    state = clean(utc_now() + 2 * DAY)
    clean(utc_now() + 9 * DAY, dry_run=True)
    office.recorder.reconcile(None)
    with office.workspace.database.read() as session:
        last = last_cleanup(session)
        found = session.exec(select(Job).where(Job.flow_name == "job-cleanup")).all()
        reports = {report.dry_run: report.removed for report in session.exec(select(CleanupReport))}
    assert last is not None
    assert (last.job_id, last.result) == (state.state_details.flow_run_id, state.message)
    assert [one["what"] for one in last.removed] == list(Kind)
    removed = {one["what"]: one["removed"] for one in last.removed}
    assert removed["finished runs"] >= 1
    assert (reports[False], set(reports)) == (last.removed, {True, False})
    assert {job.type.value for job in found} == {"maintenance"}
    assert told_by_tags([], "job-cleanup")["type"] == "maintenance"


def test_the_schedule_and_the_start_of_casemill_delete(office: Office) -> None:
    declared = yaml.safe_load((office.workspace.settings.project / "prefect.yaml").read_text())["deployments"]
    [cleanup] = [one for one in declared if one["entrypoint"].endswith(":job_cleanup")]
    [schedule] = cleanup["schedules"]
    assert schedule["parameters"] == {"dry_run": False}
    pool = f"pool-{uuid4()}"
    office.client.create_work_pool(WorkPoolCreate(name=pool, type="process"))
    deployment = job_cleanup.to_deployment("default").apply(work_pool_name=pool)
    api_url = PREFECT_API_URL.value()
    assert api_url
    start_cleanup(api_url)
    of_it = DeploymentFilter(id=DeploymentFilterId(any_=[deployment]))
    by_hand = office.client.read_flow_runs(
        deployment_filter=of_it,
        flow_run_filter=FlowRunFilter(tags=FlowRunFilterTags(all_=["type:maintenance"])),
    )
    assert [run.parameters["dry_run"] for run in by_hand] == [False]
    office.client.delete_deployment(deployment)
    with pytest.raises(OSError, match="404"):
        start_cleanup(api_url)
