"""Runs whose process is gone are noticed, whoever is left to notice."""

import time
from datetime import datetime, timedelta
from uuid import UUID, uuid4

import pytest
from prefect import flow
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.events import emit_event
from prefect.events.filters import EventFilter, EventNameFilter, EventResourceFilter
from prefect.states import AwaitingRetry, Cancelling, Paused, Pending, Running, Scheduled, State

from casemill.db import Database
from casemill.models import Job
from casemill.models.columns import utc_now
from casemill.monitoring.job_labels import priority_tag
from casemill.monitoring.liveness import find_lost
from casemill.monitoring.reconcile import Reconciler
from tests.monitoring.conftest import wait_for
from tests.monitoring.steering import process_for

SILENCE = timedelta(seconds=1)


@flow(name="extraction-batch")
def batch_flow() -> None:
    pass


@pytest.fixture(scope="module")
def pool(prefect_client: SyncPrefectClient) -> str:
    """A pool of which no worker takes anything."""
    name = f"pool-{uuid4()}"
    prefect_client.create_work_pool(WorkPoolCreate(name=name, type="process"))
    batch_flow.to_deployment("liveness").apply(work_pool_name=name)
    return name


@pytest.fixture
def reconciler(prefect_client: SyncPrefectClient, sqlite: Database) -> Reconciler:
    return Reconciler(prefect_client, sqlite, 20_000)


def run_in(client: SyncPrefectClient, *states: State, tags: tuple[str, ...] = ()) -> UUID:
    deployment = client.read_deployment_by_name("extraction-batch/liveness").id
    run = client.create_flow_run_from_deployment(deployment, tags=tags).id
    for state in states:
        client.set_flow_run_state(run, state, force=True)
    return run


def lost(
    client: SyncPrefectClient, database: Database, reconciler: Reconciler, pool: str, *runs: UUID
) -> set[UUID]:
    """Which of these are lost, after a silence."""
    time.sleep(SILENCE.total_seconds() + 0.2)
    reconciler.refresh(runs)
    found = find_lost(client, database, pool, utc_now(), SILENCE)
    reconciler.refresh(runs)
    return {run.id for run in found} & set(runs)


def job(database: Database, run: UUID) -> Job:
    with database.read() as session:
        return session.get_one(Job, run)


def test_a_silent_run_is_crashed_with_its_cause_and_begins_again_twice_at_most(
    prefect_client: SyncPrefectClient, sqlite: Database, reconciler: Reconciler, pool: str
) -> None:
    run = run_in(prefect_client, Running())
    for again in (1, 2):
        assert lost(prefect_client, sqlite, reconciler, pool, run) == {run}
        states = prefect_client.read_flow_run_states(run)
        crashed, scheduled = sorted(states, key=lambda state: state.timestamp)[-2:]
        assert (crashed.name, scheduled.name) == ("Crashed", "Scheduled")
        assert "no heartbeat since" in (crashed.message or "")
        assert f"Started again ({again} of at most 2)" in (scheduled.message or "")
        assert job(sqlite, run).status in ("scheduled", "pending")
        prefect_client.set_flow_run_state(run, Running(), force=True)
    assert lost(prefect_client, sqlite, reconciler, pool, run) == {run}
    left = job(sqlite, run)
    assert (left.status, left.sub_status) == ("failed", "crashed")
    assert "started again 2 times before and is not any more" in (left.error or "")
    assert lost(prefect_client, sqlite, reconciler, pool, run) == set()


def test_a_run_that_begins_again_keeps_its_priority(
    prefect_client: SyncPrefectClient, sqlite: Database, reconciler: Reconciler, pool: str
) -> None:
    urgent = run_in(prefect_client, Running(), tags=(priority_tag(9),))
    usual = run_in(prefect_client, Running())
    assert lost(prefect_client, sqlite, reconciler, pool, urgent, usual) == {urgent, usual}
    first, second = (prefect_client.read_flow_run(run).next_scheduled_start_time for run in (urgent, usual))
    assert first and second
    assert second - first > timedelta(days=365)


def test_a_silent_run_that_was_being_cancelled_is_cancelled(
    prefect_client: SyncPrefectClient, sqlite: Database, reconciler: Reconciler, pool: str
) -> None:
    run = run_in(prefect_client, Running(), Cancelling())
    assert lost(prefect_client, sqlite, reconciler, pool, run) == {run}
    assert job(sqlite, run).status == "cancelled"


def test_a_run_that_only_waits_is_left_alone(
    prefect_client: SyncPrefectClient, sqlite: Database, reconciler: Reconciler, pool: str
) -> None:
    waiting: list[State] = [
        Paused(timeout_seconds=60),
        Scheduled(scheduled_time=utc_now() + timedelta(hours=1)),
        AwaitingRetry(scheduled_time=utc_now() + timedelta(hours=1)),
    ]
    runs = [run_in(prefect_client, Running(), state) for state in waiting]
    assert lost(prefect_client, sqlite, reconciler, pool, *runs) == set()


def test_a_run_that_its_worker_took_and_never_began_is_started_again(
    prefect_client: SyncPrefectClient, sqlite: Database, reconciler: Reconciler, pool: str
) -> None:
    """The worker was killed between taking a run and starting its process; it stayed pending for good."""
    run = run_in(prefect_client, Pending())
    prefect_client.update_flow_run_labels(run, {"prefect.worker.name": "dead"})
    assert lost(prefect_client, sqlite, reconciler, pool, run) == {run}
    crashed, scheduled = sorted(prefect_client.read_flow_run_states(run), key=lambda one: one.timestamp)[-2:]
    assert "worker dead took it and never began it" in (crashed.message or "")
    assert scheduled.name == "Scheduled"


def test_a_run_that_a_living_worker_is_starting_is_left_alone(
    prefect_client: SyncPrefectClient, sqlite: Database, reconciler: Reconciler, pool: str
) -> None:
    """Until that worker is started anew: the run was its predecessor's."""
    run = run_in(prefect_client, Pending())
    prefect_client.update_flow_run_labels(run, {"prefect.worker.name": "alive"})
    time.sleep(SILENCE.total_seconds() + 0.2)
    beat = {"name": "alive", "heartbeat_interval_seconds": 30}
    prefect_client.request(
        "POST", "/work_pools/{name}/workers/heartbeat", path_params={"name": pool}, json=beat
    )
    now = utc_now()
    assert run not in {one.id for one in find_lost(prefect_client, sqlite, pool, now, SILENCE)}
    worker = {"prefect.resource.id": "prefect.worker.process.alive", "prefect.resource.name": "alive"}
    emit_event("prefect.worker.started", resource=worker)
    wait_for(lambda: run in {one.id for one in find_lost(prefect_client, sqlite, pool, now, SILENCE)})


def test_a_run_whose_process_is_just_coming_up_is_left_alone(
    prefect_client: SyncPrefectClient, sqlite: Database, reconciler: Reconciler, pool: str
) -> None:
    run = run_in(prefect_client, Pending())
    with process_for(run):
        assert lost(prefect_client, sqlite, reconciler, pool, run) == set()


def test_a_run_elsewhere_is_left_alone(
    prefect_client: SyncPrefectClient, sqlite: Database, reconciler: Reconciler, pool: str
) -> None:
    """Started in somebody's notebook, it has no heart we know of."""
    run = prefect_client.create_flow_run(batch_flow).id
    prefect_client.set_flow_run_state(run, Running(), force=True)
    assert lost(prefect_client, sqlite, reconciler, pool, run) == set()


def test_a_run_that_prefect_has_heard_is_alive_even_if_we_have_not(
    prefect_client: SyncPrefectClient, sqlite: Database, reconciler: Reconciler, pool: str
) -> None:
    run = run_in(prefect_client, Running())
    time.sleep(0.2)
    silent_since = utc_now()
    emit_event("prefect.flow-run.heartbeat", resource={"prefect.resource.id": f"prefect.flow-run.{run}"})
    wanted = EventFilter(
        event=EventNameFilter(name=["prefect.flow-run.heartbeat"]),
        resource=EventResourceFilter(id=[f"prefect.flow-run.{run}"]),
    )
    wait_for(lambda: prefect_client.read_events(wanted, limit=1).events)
    reconciler.refresh([run])

    def is_lost(after: datetime) -> bool:
        now = utc_now()
        found = find_lost(prefect_client, sqlite, pool, now, now - after)
        return run in {one.id for one in found}

    assert not is_lost(silent_since)
    assert is_lost(utc_now())


def test_a_run_that_holds_the_databases_lock_is_found_nevertheless(
    prefect_client: SyncPrefectClient, sqlite: Database, pool: str
) -> None:
    """A process was stopped within a transaction: the recorder could not write, waited for the lock, and
    never came to ask who was lost."""
    run = run_in(prefect_client, Running())
    time.sleep(SILENCE.total_seconds() + 0.2)
    with sqlite.write():
        found = find_lost(prefect_client, sqlite, pool, utc_now(), SILENCE)
    assert run in {one.id for one in found}
