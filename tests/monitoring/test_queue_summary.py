"""The queue at a glance counts what is there, and takes no longer for a long history."""

from datetime import timedelta
from uuid import uuid4

import pytest
from sqlalchemy import text

from casemill.db import Database
from casemill.models import JobStatus, JobSubStatus, WorkQueue
from casemill.monitoring.queue_summary import counts, jobs_in_order, light_of, load_of
from casemill.monitoring.serving import line_up, serving
from casemill.settings import Settings
from tests.monitoring.queued import NOW, ago, job, keep, running

SETTINGS = Settings.model_validate({})
USER = uuid4()


def test_jobs_are_counted_of_everybody_or_of_one(database: Database) -> None:
    cancelling = running(sub_status=JobSubStatus.CANCELLING)
    retrying = running(sub_status=JobSubStatus.RETRYING, user_id=USER)
    keep(database, cancelling, retrying, *[job(status=status, user_id=USER) for status in JobStatus])
    with database.read() as session:
        everybodys, mine = counts(session, None), counts(session, USER)
    assert (everybodys.total, everybodys.running, everybodys.cancelling, everybodys.retrying) == (9, 3, 1, 1)
    assert (mine.total, mine.running, mine.cancelling, mine.retrying) == (8, 2, 0, 1)
    assert [getattr(mine, status) for status in JobStatus] == [1, 1, 2, 1, 1, 1, 1]


def test_counting_reads_indexes_only(sqlite: Database) -> None:
    """At a hundred thousand jobs the rows themselves would take too long."""
    said: list[str] = []
    with sqlite.read() as session:
        for where in ("", "WHERE user_id = 'x'"):
            query = f"EXPLAIN QUERY PLAN SELECT status, count(*) FROM jobs {where} GROUP BY status"
            said += [row[3] for row in session.connection().execute(text(query)) if "jobs" in row[3]]
    assert len(said) == 2
    assert all("COVERING INDEX" in line for line in said)


def test_jobs_come_in_the_order_in_which_they_run_and_will_run(database: Database) -> None:
    later = [job(status=JobStatus.SCHEDULED, scheduled_at=ago(-seconds)) for seconds in (10, 20)]
    waiting = [job(scheduled_at=ago(seconds)) for seconds in (40, 30)]
    taken = job(state_name="Pending")
    runs = [running(started_at=ago(seconds)) for seconds in (90, 80)]
    held = job("held")
    over, other = job(status=JobStatus.COMPLETED), uuid4()
    keep(
        database, *reversed([*runs, taken, *waiting, held, *later, over]), WorkQueue(name="held", paused=True)
    )
    with database.read() as session:
        found = [each.id for each in jobs_in_order(session, line_up(session, 100), 100, None)]
        few = [each.id for each in jobs_in_order(session, line_up(session, 4), 4, None)]
        nobodys = jobs_in_order(session, line_up(session, 100, other), 100, other)
    assert found == [each.id for each in [*runs, taken, *waiting, held, *later]]
    assert few == found[:4]
    assert list(nobodys) == []


def test_the_queue_grows_by_those_that_came_less_those_that_were_begun(database: Database) -> None:
    came = [job(scheduled_at=ago(60)) for _ in range(3)]
    old = {"scheduled_at": ago(900)}
    begun = [
        running(started_at=ago(100), **old),
        job(status=JobStatus.FAILED, started_at=ago(200), finished_at=ago(10), **old),
    ]
    long_ago = running(started_at=ago(800), **old)
    keep(database, *came, *begun, long_ago, limit=2)
    with database.read() as session:
        scene = serving(session, SETTINGS)
        load = load_of(session, scene, line_up(session, 0).turn, NOW)
        light = light_of(session, scene, line_up(session, 0).turn, NOW)
    assert (load.waiting, load.grown_by, load.longest_wait) == (3, 1, timedelta(seconds=60))
    assert (load.running, load.limit) == (2, 2)
    assert light.colour == "yellow"


@pytest.mark.parametrize("paused", [True, False])
def test_those_held_in_their_own_queue_make_nobody_look_at_the_workers(
    database: Database, paused: bool
) -> None:
    held = WorkQueue(name="held", paused=paused, concurrency_limit=1)
    keep(database, held, running("held"), job("held", scheduled_at=ago(9000)))
    with database.read() as session:
        assert light_of(session, serving(session, SETTINGS), line_up(session, 0).turn, NOW).colour == "green"
