"""A job that waits says what holds it, and when it is its turn."""

from typing import Any
from uuid import UUID, uuid4

import pytest

from casemill.db import Database
from casemill.models import Batch, Job, JobStatus, JobSubStatus, Worker, WorkQueue
from casemill.monitoring.waiting import Waiting, WaitKind, why_waiting, why_waiting_all
from casemill.settings import Settings
from tests.monitoring.queued import NOW, ago, job, keep, running, user_queue

SETTINGS = Settings.model_validate({})
USER, OTHER = uuid4(), uuid4()
MINE, THEIRS = f"user-{USER}", f"user-{OTHER}"


def why(database: Database, one: Job, only_of: UUID | None = None) -> Waiting:
    with database.read() as session:
        found = why_waiting(session, SETTINGS, session.get_one(Job, one.id), NOW, only_of)
    assert found is not None
    return found


def kinds(waiting: Waiting) -> list[WaitKind]:
    return [reason.kind for reason in waiting.reasons]


def test_what_runs_is_paused_or_is_over_does_not_wait(database: Database) -> None:
    jobs = [job(status=status) for status in JobStatus if status not in ("pending", "scheduled")]
    keep(database, *jobs)
    with database.read() as session:
        assert why_waiting_all(session, SETTINGS, jobs, NOW) == {}


def test_a_job_of_later_names_its_time(database: Database) -> None:
    later = job(status=JobStatus.SCHEDULED, scheduled_at=ago(-3 * 3600))
    keep(database, later)
    found = why(database, later)
    assert kinds(found) == [WaitKind.START_TIME]
    assert "in 3 h" in found.reasons[0].sentence
    assert found.place is None


def test_a_job_held_by_its_users_limit_names_that_users_jobs(database: Database) -> None:
    holders = [running(MINE, user_id=USER) for _ in range(3)]
    waits = job(MINE, user_id=USER)
    keep(database, user_queue(USER, concurrency_limit=3), *holders, waits, running(THEIRS, user_id=OTHER))
    found = why(database, waits)
    assert kinds(found) == [WaitKind.USER_LIMIT]
    assert set(found.reasons[0].jobs) == {holder.id for holder in holders}
    assert "3 jobs" in found.reasons[0].sentence


def test_a_cancelling_job_and_one_between_two_tries_hold_no_slot(database: Database) -> None:
    """Prefect counts only runs that are running or pending."""
    gone = [running(MINE, sub_status=sub) for sub in (JobSubStatus.CANCELLING, JobSubStatus.RETRYING)]
    waits = job(MINE, scheduled_at=ago(1))
    keep(database, user_queue(USER, concurrency_limit=2), *gone, waits)
    assert kinds(why(database, waits)) == [WaitKind.STARTING]


def test_a_job_held_by_the_global_limit_names_the_jobs_it_may_see(database: Database) -> None:
    mine, theirs = running(MINE, user_id=USER), running(THEIRS, user_id=OTHER)
    waits = job(MINE, user_id=USER)
    queues = [user_queue(user, concurrency_limit=3) for user in (USER, OTHER)]
    keep(database, *queues, mine, theirs, waits, limit=2)
    assert kinds(why(database, waits)) == [WaitKind.GLOBAL_LIMIT]
    assert set(why(database, waits).reasons[0].jobs) == {mine.id, theirs.id}
    assert why(database, waits, only_of=USER).reasons[0].jobs == [mine.id]


def test_the_jobs_before_it_take_the_places_that_are_free(database: Database) -> None:
    first, second = job(MINE, scheduled_at=ago(30)), job(MINE, scheduled_at=ago(20))
    keep(database, user_queue(USER, concurrency_limit=1), first, second)
    assert kinds(why(database, first)) == [WaitKind.WORKER_BUSY]
    assert kinds(why(database, second)) == [WaitKind.USER_LIMIT]
    assert (why(database, second).place, why(database, second).ahead) == (2, 1)


def test_all_that_holds_it_is_said_the_worst_first(database: Database) -> None:
    holder, waits = running(MINE), job(MINE)
    queue = user_queue(USER, concurrency_limit=1, paused=True)
    gone = Worker(name="gone", online=False, last_heartbeat_at=ago(600))
    keep(database, queue, holder, waits, gone, paused=True, workers=0)
    found = why(database, waits)
    assert kinds(found) == ["pool_paused", "queue_paused", "no_worker", "user_limit"]
    assert "10 min ago" in found.reasons[2].sentence
    assert found.place is None, "nothing of a paused queue is in line"


@pytest.mark.parametrize(
    ("given", "kind", "said"),
    [
        ({"scheduled_at": ago(2)}, WaitKind.STARTING, "About to start"),
        ({"scheduled_at": ago(300)}, WaitKind.WORKER_BUSY, "for 5 min"),
        ({"state_name": "Pending", "worker": "up@here"}, WaitKind.STARTING, "Worker up@here has it"),
        ({"queue": None}, WaitKind.NO_WORKER, "in no queue"),
        (
            {"status": JobStatus.RUNNING, "sub_status": JobSubStatus.RETRYING, "scheduled_at": ago(-90)},
            WaitKind.RETRY_PAUSE,
            "in 90 s",
        ),
        (
            {"status": JobStatus.RUNNING, "sub_status": JobSubStatus.RETRYING, "scheduled_at": ago(1)},
            WaitKind.RETRY_PAUSE,
            "About to try again",
        ),
    ],
)
def test_where_nothing_holds_it_the_worker_is_what_it_waits_for(
    sqlite: Database, given: dict[str, Any], kind: WaitKind, said: str
) -> None:
    waits = job(**given)
    keep(sqlite, waits)
    [reason] = why(sqlite, waits).reasons
    assert reason.kind == kind
    assert said in reason.sentence


def test_before_the_first_look_at_prefect_the_settings_are_the_limits(sqlite: Database) -> None:
    holders, waits = [running(MINE) for _ in range(SETTINGS.jobs_per_user)], job(MINE)
    with sqlite.write() as session:
        session.add_all([*holders, waits])
    assert kinds(why(sqlite, waits)) == [WaitKind.USER_LIMIT]


def test_places_follow_queue_priority_then_the_batchs_then_time(database: Database) -> None:
    urgent = Batch(steps=[], priority=5)
    queues = [user_queue(USER, priority=2), WorkQueue(name="default", priority=1)]
    old, new = job(MINE, scheduled_at=ago(50)), job(MINE, scheduled_at=ago(40))
    pressing = job(MINE, scheduled_at=ago(10), batch_id=urgent.id)
    first = job("default", scheduled_at=ago(5))
    keep(database, urgent, *queues, old, new, pressing, first)
    with database.read() as session:
        found = why_waiting_all(session, SETTINGS, [old, new, pressing, first], NOW)
    order = sorted(found, key=lambda each: found[each].place or 0)
    assert order == [first.id, pressing.id, old.id, new.id]


def test_who_has_a_free_slot_goes_before_who_waits_for_one(database: Database) -> None:
    queues = [
        user_queue(USER, concurrency_limit=1, priority=1),
        user_queue(OTHER, concurrency_limit=1, priority=2),
    ]
    held, free = job(MINE, scheduled_at=ago(900)), job(THEIRS, scheduled_at=ago(5))
    keep(database, *queues, running(MINE), held, free)
    assert why(database, free).place == 1
    assert why(database, held).place == 2
