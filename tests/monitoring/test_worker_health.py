"""What workers say of themselves and their hosts is kept, believed for a while, and read for trouble."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from prefect.events import Event, RelatedResource, Resource
from sqlmodel import select

from casemill.db import Database
from casemill.models import FeedKind, JobEvent, Worker, WorkQueue
from casemill.models.columns import utc_now
from casemill.monitoring.apply_changes import apply_changes
from casemill.monitoring.changes import WorkerTold
from casemill.monitoring.events import PREFIXES, changes_of
from casemill.monitoring.observation import News, write
from casemill.monitoring.worker_health import WorkerHealth, health_of
from casemill.worker.health import HEALTH
from tests.monitoring.queued import NOW, POOL, ago

GIB = 1 << 30
PARENTS = {"warm": 1, "draining": 0, "running": 2, "replaced": 3, "missing": 0}
SAID: dict[str, Any] = {
    "cpu_percent": 12.5, "memory_used": 3 * GIB, "memory_total": 8 * GIB, "slots_used": 2, "slots": None,
    "fork_parents": PARENTS,
}  # fmt: skip


def said(**other: Any) -> dict[str, Any]:
    return {**SAID, **other}


def heard(payload: dict[str, Any], *, pool: str | None = POOL, name: str = "warm") -> Event:
    resource = {"prefect.resource.id": "prefect.worker.casemill.warm", "prefect.resource.name": name}
    of_pool = {"prefect.resource.id": "prefect.work-pool.1", "prefect.resource.role": "work-pool"}
    related = [RelatedResource({**of_pool, "prefect.resource.name": pool})] if pool else []
    return Event(event=HEALTH, resource=Resource(resource), related=related, payload=payload)


def tell(database: Database, at: datetime, pool: str = POOL, **other: Any) -> None:
    with database.write() as session:
        apply_changes(session, [WorkerTold("warm", pool, at, said(**other))])


def kept(database: Database) -> Worker | None:
    with database.read() as session:
        return session.get(Worker, "warm")


def feed(database: Database) -> list[dict[str, Any]]:
    with database.read() as session:
        return [row.data for row in session.exec(select(JobEvent).order_by(JobEvent.id))]


@pytest.fixture
def pool(database: Database) -> Database:
    """With our pool, and its worker as it was looked at."""
    with database.write() as session:
        session.add(WorkQueue(name=POOL, is_pool=True))
        session.add(Worker(name="warm", online=True, last_heartbeat_at=NOW))
    return database


def test_the_recorder_listens_to_it_and_knows_whose_it_is() -> None:
    assert HEALTH.startswith(tuple(PREFIXES))
    event = heard(SAID)
    assert changes_of(event, 20_000) == [WorkerTold("warm", POOL, event.occurred, SAID)]


@pytest.mark.parametrize(
    "event",
    [
        heard(said(cpu_percent=float("nan"))),
        heard(said(memory_used=-1)),
        heard(said(memory_total=1 << 70)),
        heard(said(fork_parents="many")),
        heard({}),
        heard(SAID, pool=None),
        heard(SAID, name=""),
    ],
    ids=["no number", "negative", "too much", "no counts", "empty", "of no pool", "of no name"],
)
def test_what_is_not_as_it_should_be_is_not_kept(event: Event) -> None:
    assert changes_of(event, 20_000) == []


def test_it_is_kept_with_the_time_it_was_said_and_the_newest_counts(pool: Database) -> None:
    tell(pool, ago(10), slots_used=1)
    tell(pool, ago(40), slots_used=7)
    worker = kept(pool)
    assert worker is not None
    assert (worker.health_at, worker.online) == (ago(10), True)
    health = health_of(worker, NOW)
    assert health is not None
    assert (health.slots_used, health.memory_left) == (1, 5 * GIB)


def test_a_clock_that_is_ahead_does_not_make_it_last(pool: Database) -> None:
    tell(pool, utc_now() + timedelta(days=1))
    worker = kept(pool)
    assert worker is not None
    assert worker.health_at is not None
    assert worker.health_at <= utc_now()


def test_workers_of_other_pools_are_not_ours(pool: Database) -> None:
    tell(pool, NOW, pool="another")
    assert (worker := kept(pool)) is not None
    assert worker.health is None


def test_what_is_seen_of_a_worker_leaves_what_it_said(pool: Database) -> None:
    tell(pool, ago(5))
    with pool.write() as session:
        write(session, News([Worker(name="warm", online=True, last_heartbeat_at=NOW)], [], []), NOW)
    assert (worker := kept(pool)) is not None
    assert (worker.health, worker.health_at) == (SAID, ago(5))


def test_the_feed_tells_of_trouble_when_it_comes_and_when_it_goes(pool: Database) -> None:
    broken = {**PARENTS, "warm": 0, "missing": 1}
    for seconds, parents in ((50, PARENTS), (40, broken), (30, broken), (20, PARENTS)):
        tell(pool, ago(seconds), fork_parents=parents)
    came, went = feed(pool)
    assert came["worker"] == "warm"
    assert came["trouble"].startswith("cannot start jobs")
    assert went["trouble"] is None
    with pool.read() as session:
        assert {row.kind for row in session.exec(select(JobEvent))} == {FeedKind.WORKER}


@pytest.mark.parametrize(
    "worker",
    [
        Worker(name="w", online=True, health=SAID, health_at=ago(91)),
        Worker(name="w", online=False, health=SAID, health_at=ago(5)),
        Worker(name="w", online=True, health={"of": "another version"}, health_at=ago(5)),
        Worker(name="w", online=True),
    ],
    ids=["long ago", "offline", "another shape", "says nothing"],
)
def test_nothing_is_claimed_that_is_not_known(worker: Worker) -> None:
    assert health_of(worker, NOW) is None


@pytest.mark.parametrize(
    ("other", "trouble"),
    [
        ({}, None),
        ({"memory_used": 8 * GIB - (500 << 20)}, None),
        ({"memory_used": 8 * GIB - (300 << 20)}, "nearly out of memory (300 of 8192 MiB are left)"),
        ({"memory_used": GIB - (200 << 20), "memory_total": GIB}, "nearly out of memory"),
        ({"fork_parents": {**PARENTS, "warm": 0}}, None),
        ({"fork_parents": {**PARENTS, "warm": 0, "missing": 1}}, "cannot start jobs"),
        ({"fork_parents": {**PARENTS, "missing": 1}}, "cannot start some jobs"),
        ({"fork_parents": {**PARENTS, "missing": 1}, "memory_used": 8 * GIB}, "cannot start some jobs"),
    ],
    ids=["well", "enough", "a large host", "a small host", "none needed", "none", "one of two", "both"],
)
def test_trouble_is_what_somebody_has_to_look_at(other: dict[str, Any], trouble: str | None) -> None:
    found = WorkerHealth.model_validate(said(**other)).trouble
    assert found is None if trouble is None else trouble in (found or "")
