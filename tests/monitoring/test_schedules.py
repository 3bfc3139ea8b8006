"""Schedules and runs by hand, on a real Prefect server."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from prefect import flow
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.actions import DeploymentScheduleCreate, WorkPoolCreate
from prefect.client.schemas.schedules import CronSchedule, IntervalSchedule
from prefect.states import Failed, Running

from casemill.access.actor import Actor
from casemill.errors import BadInput, Denied, NotFound
from casemill.models import Batch, Role, Scope, User
from casemill.monitoring.record_now import record_now
from casemill.monitoring.schedules import Schedule, schedules, set_schedule, start_run, start_scheduled_run
from casemill.settings import Settings
from casemill.workspace import Workspace


@flow(name="extraction-batch")
def batch_flow(batch_id: UUID | None = None, steps: list[str] = []) -> None:  # noqa: B006
    pass


@flow(name="nightly-cleanup")
def cleanup_flow(days: int = 30) -> None:
    pass


def deploy(work_pool: str) -> None:
    batch_flow.to_deployment(
        "default",
        description="Every morning.",
        schedules=[
            DeploymentScheduleCreate(
                schedule=CronSchedule(cron="0 6 * * *", timezone="Europe/Berlin"), slug="morning"
            )
        ],
        enforce_parameter_schema=True,
    ).apply(work_pool_name=work_pool)
    cleanup_flow.to_deployment(
        "default",
        schedules=[
            DeploymentScheduleCreate(
                schedule=IntervalSchedule(interval=timedelta(minutes=15)),
                slug="sweep",
                parameters={"days": 7},
            )
        ],
        tags=["type:maintenance"],
        enforce_parameter_schema=True,
    ).apply(work_pool_name=work_pool)


@pytest.fixture
def office(desk: Workspace, prefect_client: SyncPrefectClient) -> Iterator[Workspace]:
    """A workspace with a work pool of its own, in which two deployments have schedules."""
    given = {**desk.settings.model_dump(), "work_pool": f"pool-{uuid4()}"}
    office = replace(desk, settings=Settings.model_validate(given))
    prefect_client.create_work_pool(WorkPoolCreate(name=office.settings.work_pool, type="process"))
    deploy(office.settings.work_pool)
    yield office
    prefect_client.delete_work_pool(office.settings.work_pool)


def actor(workspace: Workspace, role: Role) -> Actor:
    with workspace.database.write() as session:
        session.add(user := User(name=f"{role} {uuid4()}", role=role, scope=Scope.OWN))
    return Actor.of(user, "token")


def called(workspace: Workspace, name: str) -> Schedule:
    return next(schedule for schedule in schedules(workspace) if schedule.name == name)


def test_schedules_say_when_and_what_they_start(office: Workspace) -> None:
    morning, sweep = schedules(office)
    assert (morning.name, morning.description) == ("extraction-batch/default", "Every morning.")
    assert (morning.cron, morning.every_seconds, morning.timezone) == ("0 6 * * *", None, "Europe/Berlin")
    assert (sweep.name, sweep.cron, sweep.every_seconds) == ("nightly-cleanup/default", None, 900)
    assert morning.active and sweep.active
    assert (morning.for_admins, sweep.for_admins) == (False, True), "who starts them by hand"


def test_a_schedule_tells_the_runs_that_prefect_has_planned(
    office: Workspace, prefect_client: SyncPrefectClient
) -> None:
    sweep = called(office, "nightly-cleanup/default")
    deployment = prefect_client.read_deployment_by_name(sweep.name)
    prefect_client.request("POST", f"/deployments/{deployment.id}/schedule", json={"max_runs": 5})
    start_run(office, actor(office, Role.ADMIN), sweep.name, {})  # by hand: none of the schedule's
    first, second, third = called(office, sweep.name).next_runs
    apart = {(second - first).total_seconds(), (third - second).total_seconds()}
    assert apart == {15 * 60}
    assert set_schedule(office, sweep.id, active=False).next_runs == ()


def test_a_schedule_tells_the_last_run_of_its_deployment(
    office: Workspace, prefect_client: SyncPrefectClient
) -> None:
    sweep, admin = called(office, "nightly-cleanup/default"), actor(office, Role.ADMIN)
    first, planned = (start_scheduled_run(office, admin, sweep.id) for _ in range(2))
    record_now(office, [first, planned])
    assert called(office, sweep.name).last_run is None
    prefect_client.set_flow_run_state(first, Running(), force=True)
    prefect_client.set_flow_run_state(first, Failed(message="no disk"), force=True)
    record_now(office, [first, planned])
    for told in (called(office, sweep.name), set_schedule(office, sweep.id, active=False)):
        assert told.last_run is not None
        assert (told.last_run.job_id, told.last_run.status) == (first, "failed")
    assert called(office, "extraction-batch/default").last_run is None


def test_a_schedule_is_paused_and_resumed(office: Workspace, prefect_client: SyncPrefectClient) -> None:
    sweep = called(office, "nightly-cleanup/default")
    assert not set_schedule(office, sweep.id, active=False).active
    assert not called(office, sweep.name).active
    assert called(office, "extraction-batch/default").active
    deployment = prefect_client.read_deployment_by_name(sweep.name)
    prefect_client.pause_deployment(deployment.id)
    assert set_schedule(office, sweep.id, active=True).active
    assert called(office, sweep.name).active, "Prefect pauses whole deployments too"
    with pytest.raises(NotFound, match="No schedule"):
        set_schedule(office, uuid4(), active=False)


def test_started_now_it_starts_what_it_would_start_by_the_clock(
    office: Workspace, prefect_client: SyncPrefectClient
) -> None:
    """Run by hand with its defaults, a cleanup only says what it would delete."""
    sweep = called(office, "nightly-cleanup/default")
    assert sweep.parameters == {"days": 7}
    admin = actor(office, Role.ADMIN)
    assert prefect_client.read_flow_run(start_scheduled_run(office, admin, sweep.id)).parameters == {
        "days": 7
    }
    with pytest.raises(Denied):
        start_scheduled_run(office, actor(office, Role.OPERATOR), sweep.id)
    with pytest.raises(NotFound):
        start_scheduled_run(office, admin, uuid4())


def test_a_pause_outlives_being_deployed_again(office: Workspace) -> None:
    sweep = called(office, "nightly-cleanup/default")
    set_schedule(office, sweep.id, active=False)
    again = cleanup_flow.to_deployment("default", work_pool_name=office.settings.work_pool)
    every_day = IntervalSchedule(interval=timedelta(days=1))
    again.apply(schedules=[{"schedule": every_day, "slug": "sweep"}])  # as `prefect deploy` does it
    deployed = called(office, sweep.name)
    assert (deployed.id, deployed.active, deployed.every_seconds) == (sweep.id, False, 24 * 3600)


def test_a_run_by_hand_waits_in_the_queue_of_who_started_it(
    office: Workspace, prefect_client: SyncPrefectClient
) -> None:
    operator = actor(office, Role.OPERATOR)
    with office.database.write() as session:
        session.add(batch := Batch(user_id=operator.user_id, steps=[]))
    parameters = {"batch_id": str(batch.id), "steps": ["parse"]}
    run = prefect_client.read_flow_run(start_run(office, operator, "extraction-batch", parameters))
    assert run.parameters == parameters
    assert {f"user:{operator.user_id}", f"batch:{batch.id}"} <= set(run.tags)
    assert run.work_queue_name == f"user-{operator.user_id}"


def test_the_batch_of_another_is_not_found(office: Workspace) -> None:
    owner, other = (actor(office, Role.OPERATOR) for _ in range(2))
    with office.database.write() as session:
        session.add(batch := Batch(user_id=owner.user_id, steps=[]))
    for batch_id in (batch.id, uuid4()):
        with pytest.raises(NotFound, match="No batch"):
            start_run(office, other, "extraction-batch/default", {"batch_id": str(batch_id)})


def test_what_touches_everybody_is_for_admins(office: Workspace) -> None:
    with pytest.raises(Denied):
        start_run(office, actor(office, Role.OPERATOR), "nightly-cleanup", {})
    assert start_run(office, actor(office, Role.ADMIN), "nightly-cleanup", {"days": 3})


@pytest.mark.parametrize(
    "parameters",
    [
        {"steps": 5},
        {"unknown": 1},
        {"batch_id": "nonsense"},
        {"steps": [{"__prefect_kind": "workspace_variable", "variable_name": "secret"}]},
        {"steps": ["\x00"]},
        {"steps": ["\ud83d"]},
        {"steps": [float("nan")]},
        {"steps": [[[]] * 3]},
    ],
)
def test_parameters_that_the_flow_does_not_take_start_nothing(
    office: Workspace, parameters: dict[str, object]
) -> None:
    with pytest.raises(BadInput):
        start_run(office, actor(office, Role.ADMIN), "extraction-batch", parameters)


@pytest.mark.parametrize("name", ["nonsense", "extraction-batch/nonsense", "a/b/c", "/"])
def test_only_deployments_of_our_pool_are_started(office: Workspace, name: str) -> None:
    with pytest.raises(NotFound, match="No deployment"):
        start_run(office, actor(office, Role.ADMIN), name, {})
