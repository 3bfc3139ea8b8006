"""Schedules by a clock that was moved, on a real Prefect server: missed runs, and runs beside one another."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import pytest
from prefect import flow
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.actions import DeploymentScheduleCreate, WorkPoolCreate
from prefect.client.schemas.filters import DeploymentFilter, DeploymentFilterId
from prefect.client.schemas.objects import ConcurrencyLimitConfig, ConcurrencyLimitStrategy, FlowRun
from prefect.client.schemas.schedules import CronSchedule, IntervalSchedule
from prefect.client.schemas.sorting import FlowRunSort
from prefect.states import Completed, Crashed, Pending, Running, Scheduled
from sqlmodel import select

from casemill.models import Job, JobStatus
from casemill.models.columns import utc_now
from casemill.monitoring.cron_times import cron_times
from casemill.monitoring.missed_runs import (
    collapse_all_missed,
    collapse_missed,
    forget_withdrawn,
    name_skipped,
)
from casemill.monitoring.reconcile import Reconciler
from casemill.workspace import Workspace

ONE_AT_A_TIME = ConcurrencyLimitConfig(limit=1, collision_strategy=ConcurrencyLimitStrategy.CANCEL_NEW)


@flow(name="clockwork")
def clockwork() -> None:
    pass


@dataclass
class Clockwork:
    """A deployment with an hourly schedule and one for each quarter of an hour; and the recorder's view."""

    workspace: Workspace
    client: SyncPrefectClient
    pool: str
    deployment: UUID

    @property
    def runs(self) -> dict[str, list[FlowRun]]:
        """Of each schedule, in the order of their times."""
        found: list[FlowRun] = []
        of_ours = DeploymentFilter(id=DeploymentFilterId(any_=[self.deployment]))
        while page := self.client.read_flow_runs(
            deployment_filter=of_ours, sort=FlowRunSort.EXPECTED_START_TIME_ASC, limit=200, offset=len(found)
        ):
            found.extend(page)
        mine = [run for run in found if run.auto_scheduled]
        mine.sort(key=lambda run: run.expected_start_time or utc_now())
        schedules = self.client.read_deployment_schedules(self.deployment)
        return {
            str(one.slug): [run for run in mine if run.created_by and run.created_by.id == one.id]
            for one in schedules
        }

    def be_away(self, since: datetime, until: datetime) -> None:
        """What Prefect's scheduler has planned for that time, and nobody has started."""
        times = {"start_time": since.isoformat(), "end_time": until.isoformat(), "min_runs": 100}
        self.client.request("POST", f"/deployments/{self.deployment}/schedule", json=times)
        self.record()

    def record(self) -> None:
        Reconciler(self.client, self.workspace.database, 20_000).reconcile(None)

    def job(self, run: UUID) -> Job:
        self.record()
        with self.workspace.database.read() as session:
            return session.get_one(Job, run)


@pytest.fixture
def works(desk: Workspace, prefect_client: SyncPrefectClient) -> Iterator[Clockwork]:
    pool = f"pool-{uuid4()}"
    prefect_client.create_work_pool(WorkPoolCreate(name=pool, type="process"))
    anchor = datetime(2026, 1, 1, tzinfo=UTC)
    hourly = CronSchedule(cron="5 * * * *", timezone="UTC")
    quarterly = IntervalSchedule(interval=timedelta(minutes=15), anchor_date=anchor)
    deployment = clockwork.to_deployment(
        f"d-{uuid4()}",
        concurrency_limit=ONE_AT_A_TIME,
        schedules=[
            DeploymentScheduleCreate(schedule=hourly, slug="hourly"),
            DeploymentScheduleCreate(schedule=quarterly, slug="quarterly"),
        ],
    ).apply(work_pool_name=pool)
    yield Clockwork(desk, prefect_client, pool, deployment)
    prefect_client.delete_deployment(deployment)


def test_after_hours_away_each_schedule_has_one_run_to_make_up_for(works: Clockwork) -> None:
    now = utc_now()
    works.be_away(now - timedelta(hours=4), now - timedelta(minutes=1))
    by_hand = works.client.create_flow_run_from_deployment(works.deployment).id
    due = {slug: [run for run in runs if run.expected_start_time < now] for slug, runs in works.runs.items()}
    assert (len(due["hourly"]), len(due["quarterly"])) == (4, 16)

    assert collapse_all_missed(works.client, works.pool, now) == 3 + 15
    assert collapse_all_missed(works.client, works.pool, now) == 0
    for slug, runs in works.runs.items():
        *old, last = [run for run in runs if run.expected_start_time < now]
        assert last.state and last.state.is_scheduled(), slug
        assert {run.state_name for run in old} == {"Skipped"}
        assert last.id == due[slug][-1].id
        coming = [run for run in runs if run.expected_start_time >= now]
        assert all(run.state and run.state.is_scheduled() for run in coming)
    oldest = works.job(due["hourly"][0].id)
    newest = due["hourly"][-1].expected_start_time
    assert (oldest.status, oldest.error) == (JobStatus.CANCELLED, None)
    assert oldest.state_message == f"Missed; the run of {newest:%Y-%m-%d %H:%M} UTC does its work"
    assert works.job(by_hand).status in (JobStatus.PENDING, JobStatus.SCHEDULED), "that is somebody's wish"


def test_while_a_worker_is_away_the_recorder_keeps_one_of_each(works: Clockwork) -> None:
    now = utc_now()
    works.be_away(now - timedelta(minutes=70), now - timedelta(minutes=1))
    skipped = 0
    while more := collapse_missed(works.client, works.workspace.database, works.pool, now):
        skipped += more
        works.record()
    due = [run for runs in works.runs.values() for run in runs if run.expected_start_time < now]
    assert skipped == len(due) - 2
    assert sum(run.state is not None and run.state.is_scheduled() for run in due) == 2


def test_what_was_begun_or_waits_for_another_reason_is_not_missed(works: Clockwork) -> None:
    now = utc_now()
    works.be_away(now - timedelta(hours=3), now - timedelta(minutes=1))
    first, second, *_ = works.runs["hourly"]
    works.client.set_flow_run_state(first.id, Running(), force=True)
    works.client.set_flow_run_state(first.id, Scheduled(scheduled_time=now), force=True)  # after a crash
    works.client.set_flow_run_state(second.id, Running(), force=True)
    collapse_all_missed(works.client, works.pool, now)
    states = {run.id: run.state_name for run in works.runs["hourly"]}
    assert (states[first.id], states[second.id]) == ("Scheduled", "Running")


def test_a_run_beside_a_running_one_is_not_started_and_says_why(works: Clockwork) -> None:
    first, second, third = (
        works.client.create_flow_run_from_deployment(works.deployment).id for _ in range(3)
    )
    for state in (Pending(), Running()):  # as a worker proposes them
        works.client.set_flow_run_state(first, state)
    works.client.set_flow_run_state(second, Pending())
    works.record()
    assert name_skipped(works.client, works.workspace.database, utc_now()) == 1
    skipped = works.job(second)
    assert (skipped.status, skipped.state_name, skipped.error) == (JobStatus.CANCELLED, "Skipped", None)
    assert skipped.state_message == "Not started: the run before it was still at it"
    assert name_skipped(works.client, works.workspace.database, utc_now()) == 0

    works.client.set_flow_run_state(first, Crashed(message="killed"), force=True)  # as the recorder marks it
    works.client.set_flow_run_state(third, Pending())
    assert works.job(third).state_name == "Pending", "the slot of the dead is free"
    works.client.set_flow_run_state(third, Completed(), force=True)


def test_what_prefect_plans_anew_is_not_shown_as_cancelled(works: Clockwork) -> None:
    """Deploying again, or pausing one schedule, had every coming run listed as cancelled."""
    works.client.request("POST", f"/deployments/{works.deployment}/schedule", json={})
    works.record()
    coming = {run.id for runs in works.runs.values() for run in runs}
    by_hand = works.client.create_flow_run_from_deployment(works.deployment).id
    works.record()
    hourly = works.client.read_deployment_schedules(works.deployment)[0]
    works.client.update_deployment_schedule(works.deployment, hourly.id, active=False)
    works.client.delete_flow_run(by_hand)
    assert works.job(by_hand).status == JobStatus.CANCELLED
    assert forget_withdrawn(works.workspace.database, utc_now()) == len(coming) > 0
    assert works.job(by_hand).status == JobStatus.CANCELLED, "somebody had wished for it"
    with works.workspace.database.read() as session:
        left = {job.id for job in session.exec(select(Job))} & coming
    assert left == set()


def local(cron: str, zone: str, after: str, count: int) -> list[str]:
    times = cron_times(cron, ZoneInfo(zone), datetime.fromisoformat(after), count)
    return [f"{time.astimezone(ZoneInfo(zone)):%m-%d %H:%M}" for time in times]


def test_the_clocks_of_the_zone_count_on_the_days_they_are_set() -> None:
    after = "2026-10-24T12:00+00:00"
    assert local("0 22 * * *", "Europe/Berlin", after, 3) == ["10-24 22:00", "10-25 22:00", "10-26 22:00"]
    times = cron_times("0 22 * * *", ZoneInfo("Europe/Berlin"), datetime.fromisoformat(after), 2)
    assert times[1] - times[0] == timedelta(hours=25)


def test_a_time_that_a_day_has_twice_comes_once() -> None:
    assert local("30 2 * * *", "Europe/Berlin", "2026-10-24T12:00+00:00", 2) == ["10-25 02:30", "10-26 02:30"]


def test_a_day_that_lacks_the_time_has_its_run_all_the_same() -> None:
    days = [time.split()[0] for time in local("30 2 * * *", "Europe/Berlin", "2026-03-28T12:00+00:00", 2)]
    assert days == ["03-29", "03-30"]
