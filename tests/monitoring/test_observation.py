"""Pool, queues and workers of a real Prefect server, taken over; places in the queue as it serves them."""

import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import count
from uuid import UUID, uuid4

import pytest
from prefect import flow
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.actions import WorkPoolCreate, WorkPoolUpdate
from prefect.states import Pending, Running, Scheduled
from prefect.types import DateTime
from sqlmodel import col, select

from casemill.db import Database
from casemill.models import FeedKind, Job, JobEvent, Worker, WorkQueue
from casemill.models.columns import utc_now
from casemill.monitoring.apply_changes import make_due_pending
from casemill.monitoring.observation import Observer, compared
from casemill.monitoring.reconcile import Reconciler
from casemill.monitoring.waiting import WaitKind, why_waiting_all
from casemill.settings import Settings
from tests.monitoring.queued import NOW, running

USER = uuid4()
_STOPPED = {WaitKind.POOL_PAUSED, WaitKind.QUEUE_PAUSED, WaitKind.USER_LIMIT, WaitKind.GLOBAL_LIMIT}


@flow(name="observed")
def observed_flow() -> None:
    pass


@pytest.fixture
def settings(prefect_client: SyncPrefectClient) -> Settings:
    """With a pool of its own that has no queue but Prefect's default one."""
    name = f"pool-{uuid4()}"
    prefect_client.create_work_pool(WorkPoolCreate(name=name, type="process", concurrency_limit=10))
    return Settings.model_validate({"work_pool": name})


@pytest.fixture
def observe(prefect_client: SyncPrefectClient, sqlite: Database, settings: Settings) -> Callable[[], None]:
    """Looks at once; a job that runs elsewhere keeps it from taking its time."""
    with sqlite.write() as session:
        session.add(running("elsewhere"))
    return Observer(prefect_client, sqlite, settings).observe


def rows(database: Database, model: type[Worker] | type[WorkQueue]) -> dict[str, Worker | WorkQueue]:
    with database.read() as session:
        return {row.name: row for row in session.exec(select(model))}


def told(database: Database) -> list[dict[str, object]]:
    with database.read() as session:
        feed = session.exec(select(JobEvent).order_by(JobEvent.id))
        return [row.data for row in feed if row.kind == FeedKind.WORKER]


def test_pool_and_queues_are_taken_over_and_changes_are_told(
    prefect_client: SyncPrefectClient, sqlite: Database, settings: Settings, observe: Callable[[], None]
) -> None:
    pool, name = settings.work_pool, f"user-{USER}"
    queue = prefect_client.create_work_queue(name, work_pool_name=pool, concurrency_limit=3)
    observe()
    found = rows(sqlite, WorkQueue)
    assert set(found) == {pool, "default", name}
    assert (found[pool].is_pool, found[pool].concurrency_limit) == (True, 10)
    assert (found[name].user_id, found[name].concurrency_limit, found[name].priority) == (USER, 3, 2)
    assert told(sqlite) == []

    prefect_client.update_work_pool(pool, WorkPoolUpdate(concurrency_limit=4))
    prefect_client.update_work_queue(queue.id, is_paused=True)
    observe()
    news = {row["queue"]: (row["paused"], row["concurrency_limit"]) for row in told(sqlite)}
    assert news == {pool: (False, 4), name: (True, 3)}

    prefect_client.delete_work_queue_by_id(queue.id)
    observe()
    assert set(rows(sqlite, WorkQueue)) == {pool, "default"}


def test_a_worker_comes_and_is_not_told_of_again_while_it_lives(
    prefect_client: SyncPrefectClient, sqlite: Database, settings: Settings, observe: Callable[[], None]
) -> None:
    prefect_client.send_worker_heartbeat(settings.work_pool, "w1", heartbeat_interval_seconds=30)
    observe()
    first = rows(sqlite, Worker)["w1"]
    assert first.online
    assert first.cpu_percent is None, "it does not run on this host"
    prefect_client.send_worker_heartbeat(settings.work_pool, "w1", heartbeat_interval_seconds=30)
    observe()
    assert rows(sqlite, Worker)["w1"].last_heartbeat_at > first.last_heartbeat_at
    assert [(row["worker"], row["online"]) for row in told(sqlite)] == [("w1", True)]


def test_nothing_is_written_where_nothing_is_new(
    prefect_client: SyncPrefectClient, sqlite: Database, settings: Settings, observe: Callable[[], None]
) -> None:
    prefect_client.send_worker_heartbeat(settings.work_pool, "w1", heartbeat_interval_seconds=30)
    observe()
    before = {row.name: row.recorded_at for row in rows(sqlite, Worker).values()}
    observe()
    assert {row.name: row.recorded_at for row in rows(sqlite, Worker).values()} == before


def test_a_pause_is_told_though_it_was_shown_before_it_was_seen(
    prefect_client: SyncPrefectClient, sqlite: Database, settings: Settings, observe: Callable[[], None]
) -> None:
    """Who pauses the queue marks our row at once; the feed was then never told."""
    observe()
    prefect_client.update_work_pool(settings.work_pool, WorkPoolUpdate(is_paused=True))
    with sqlite.write() as session:
        session.get_one(WorkQueue, settings.work_pool).paused = True
    observe()
    observe()
    assert [(row["queue"], row["paused"]) for row in told(sqlite)] == [(settings.work_pool, True)]


def test_while_nothing_waits_or_runs_it_takes_its_time(
    prefect_client: SyncPrefectClient, sqlite: Database, settings: Settings
) -> None:
    observer = Observer(prefect_client, sqlite, settings)
    observer.observe()
    prefect_client.update_work_pool(settings.work_pool, WorkPoolUpdate(is_paused=True))
    observer.observe()
    assert not rows(sqlite, WorkQueue)[settings.work_pool].paused
    with sqlite.write() as session:
        session.add(running())
    observer.observe()
    assert rows(sqlite, WorkQueue)[settings.work_pool].paused


def test_a_pool_that_is_gone_leaves_nothing(
    prefect_client: SyncPrefectClient, sqlite: Database, settings: Settings, observe: Callable[[], None]
) -> None:
    prefect_client.send_worker_heartbeat(settings.work_pool, "w1", heartbeat_interval_seconds=30)
    observe()
    prefect_client.delete_work_pool(settings.work_pool)
    observe()
    assert rows(sqlite, Worker) == rows(sqlite, WorkQueue) == {}
    assert [row["online"] for row in told(sqlite)] == [True, False]


@pytest.mark.parametrize(
    ("before", "after", "is_news"),
    [
        ((10.0, 1000), (12.0, 1010), False),
        ((10.0, 1000), (20.0, 1000), True),
        ((10.0, 1000), (10.0, 1100), True),
        ((None, 1000), (10.0, 1000), True),
    ],
)
def test_a_workers_use_is_written_when_it_changed_noticeably(
    before: tuple[float | None, int], after: tuple[float | None, int], is_news: bool
) -> None:
    known, seen = (
        Worker(name="w", online=True, cpu_percent=cpu, memory_bytes=memory) for cpu, memory in (before, after)
    )
    assert bool(compared([known], [seen]).changed) == is_news


def test_a_worker_that_goes_offline_is_told() -> None:
    known, seen = (Worker(name="w", online=online, last_heartbeat_at=NOW) for online in (True, False))
    assert [news["online"] for news in compared([known], [seen]).told] == [False]


@pytest.mark.parametrize("seed", range(4))
def test_places_and_reasons_are_what_prefect_serves(
    prefect_client: SyncPrefectClient,
    sqlite: Database,
    settings: Settings,
    observe: Callable[[], None],
    seed: int,
) -> None:
    """Limits, pauses, priorities and start times as they come: the server is asked what it would hand out."""
    dice = random.Random(seed)
    pool = settings.work_pool
    names = [f"user-{uuid4()}" for _ in range(3)]
    for name in names:
        queue = prefect_client.create_work_queue(
            name, work_pool_name=pool, concurrency_limit=dice.choice([1, 2, 5])
        )
        prefect_client.update_work_queue(queue.id, is_paused=dice.random() < 0.25)
    prefect_client.update_work_pool(pool, WorkPoolUpdate(concurrency_limit=dice.choice([3, 4, 8])))
    prefect_client.send_worker_heartbeat(pool, "w", heartbeat_interval_seconds=30)
    deployment = observed_flow.to_deployment(f"observed-{seed}").apply(work_pool_name=pool)
    runs = [make_run(prefect_client, deployment, dice, names) for _ in range(14)]
    observe()
    Reconciler(prefect_client, sqlite, 20_000).refresh(runs)
    with sqlite.write() as session:
        make_due_pending(session, utc_now())
        session.flush()
        jobs = session.exec(select(Job).where(col(Job.id).in_(runs))).all()
        found = why_waiting_all(session, settings, jobs, utc_now())
    starts = [
        (waiting.place, job_id)
        for job_id, waiting in found.items()
        if waiting.place and not _STOPPED & {reason.kind for reason in waiting.reasons}
    ]
    served = prefect_client.get_scheduled_flow_runs_for_work_pool(pool, scheduled_before=DateTime.now(UTC))
    assert [job_id for _, job_id in sorted(starts)] == [one.flow_run.id for one in served]


_ages = count(10)


def make_run(client: SyncPrefectClient, deployment: UUID, dice: random.Random, queues: list[str]) -> UUID:
    at = datetime.now(UTC) + timedelta(seconds=next(_ages))
    state = Scheduled(scheduled_time=at - timedelta(hours=dice.choice([1, 1, 1, -1])))
    run = client.create_flow_run_from_deployment(
        deployment, work_queue_name=dice.choice([*queues, "default"]), state=state
    )
    if dice.random() < 0.35:
        client.set_flow_run_state(run.id, dice.choice([Pending(), Running()]), force=True)
    return run.id
