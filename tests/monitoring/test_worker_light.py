"""One light says whether somebody has to look at the workers."""

from datetime import datetime, timedelta

import pytest

from casemill.models import Worker
from casemill.monitoring.worker_light import Load, worker_light
from tests.monitoring.queued import NOW, ago

HEARD = Worker(name="well", online=True, last_heartbeat_at=ago(10))
LATE = Worker(name="late", online=True, last_heartbeat_at=ago(80))
GONE = Worker(name="gone", online=False, last_heartbeat_at=ago(700))
NEVER = Worker(name="never", online=True, last_heartbeat_at=None)
HEALTH = {
    "cpu_percent": 5, "memory_used": 1 << 30, "memory_total": 8 << 30, "slots_used": 0, "slots": 4,
    "fork_parents": {"warm": 0, "draining": 0, "running": 0, "replaced": 0, "missing": 1},
}  # fmt: skip
STUCK = Worker(name="stuck", online=True, last_heartbeat_at=ago(10), health=HEALTH, health_at=ago(20))
WAS_STUCK = Worker(name="stuck", online=True, last_heartbeat_at=ago(10), health=HEALTH, health_at=ago(100))
FULL = {"running": 10, "limit": 10, "waiting": 4}
LONG, SHORT = timedelta(minutes=6), timedelta(minutes=1)


@pytest.mark.parametrize(
    ("workers", "load", "seen_at", "colour", "said"),
    [
        ([HEARD], Load(), NOW, "green", "1 worker is online; 0 jobs running"),
        ([HEARD, GONE], Load(running=2, limit=10), NOW, "green", "2 jobs running"),
        ([HEARD, LATE], Load(), NOW, "green", "2 workers are online"),
        ([HEARD], Load(**FULL, longest_wait=SHORT), NOW, "green", "10 jobs running"),
        ([HEARD], Load(waiting=4, longest_wait=LONG, pool_paused=True), NOW, "green", "the queue is paused"),
        (
            [HEARD],
            Load(**FULL, longest_wait=SHORT, grown_by=2),
            NOW,
            "yellow",
            "2 more jobs wait than 5 min ago",
        ),
        ([HEARD], Load(**FULL, longest_wait=LONG), NOW, "yellow", "has waited for 6 min"),
        ([HEARD], Load(waiting=1, longest_wait=LONG), NOW, "yellow", "though a place is free"),
        ([HEARD], Load(running=2, limit=10, waiting=9, grown_by=9), NOW, "green", "2 jobs running"),
        ([STUCK, HEARD], Load(pool_paused=True), NOW, "yellow", "Worker stuck cannot start jobs"),
        ([WAS_STUCK, HEARD], Load(), NOW, "green", "2 workers are online"),
        ([LATE], Load(), NOW, "yellow", "heard for 80 s"),
        ([NEVER], Load(), NOW, "yellow", "heard at all"),
        ([HEARD], Load(), ago(120), "yellow", "recorder has not been seen since"),
        ([GONE], Load(waiting=3), NOW, "red", "heard 11 min ago, 3 jobs wait"),
        ([], Load(), NOW, "red", "none was ever heard"),
        ([], Load(), None, "red", "recorder has not been seen yet"),
    ],
)
def test_each_situation_has_its_colour_and_says_why(
    workers: list[Worker], load: Load, seen_at: datetime | None, colour: str, said: str
) -> None:
    light = worker_light(workers, load, seen_at, NOW)
    assert light.colour == colour
    assert said in light.reason
    assert light.online == sum(worker.online for worker in workers)


def test_the_last_heartbeat_is_that_of_any_worker_also_of_one_that_is_gone() -> None:
    assert worker_light([GONE], Load(), NOW, NOW).last_heartbeat_at == ago(700)
    assert worker_light([GONE, HEARD, LATE], Load(), NOW, NOW).last_heartbeat_at == ago(10)
