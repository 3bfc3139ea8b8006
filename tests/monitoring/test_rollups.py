"""Statistics from the rollup are those that counting every attempt gives, whatever happens to attempts."""

import random
import threading
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from uuid import UUID, uuid4

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import insert
from sqlalchemy import update as sql_update
from sqlmodel import col, delete, select

from casemill.db import Database
from casemill.migrations import FOLDER, migrate
from casemill.models import AttemptHour, AttemptStatus, Job, StaleHour, TaskAttempt
from casemill.monitoring.job_queries import JobFilter, jobs
from casemill.monitoring.periods import Period
from casemill.monitoring.rollups import (
    Tally,
    recount_stale_hours,
    tally_by_function,
    tally_by_time,
)

NOW = datetime(2025, 6, 1, 12, 34, 56, 789, tzinfo=UTC)
OVER = (AttemptStatus.SUCCESS, AttemptStatus.FAILED, AttemptStatus.CANCELLED)
FUNCTIONS = ("parse", "chunk", "index")


def attempt(chance: random.Random, finished_at: datetime | None, job_id: UUID | None = None) -> TaskAttempt:
    return TaskAttempt(
        task_run_id=uuid4(),
        attempt=1,
        function=chance.choice(FUNCTIONS),
        job_id=job_id,
        status=chance.choice(OVER) if finished_at else AttemptStatus.RUNNING,
        created_at=finished_at or NOW,
        finished_at=finished_at,
        duration=chance.choice([None, 0.5, 2.25]) if finished_at else None,
    )


def moment(chance: random.Random) -> datetime:
    """Sometimes on the hour, or a hair beside it: where mistakes are made."""
    at = NOW - timedelta(seconds=chance.uniform(0, 40 * 3600))
    if chance.random() < 0.2:
        at = at.replace(minute=0, second=0, microsecond=0)
        at += chance.choice([0, 1, -1]) * timedelta(microseconds=1)
    return at


def add(database: Database, attempts: Iterable[TaskAttempt]) -> None:
    with database.write() as session:
        session.add_all(attempts)


def everything(database: Database) -> list[TaskAttempt]:
    with database.read() as session:
        return list(session.exec(select(TaskAttempt)).all())


def brute_force(attempts: Iterable[TaskAttempt]) -> Tally:
    found = list(attempts)
    ended = [one.status for one in found]
    durations = [one.duration for one in found if one.duration is not None]
    return Tally(*(ended.count(status) for status in OVER), len(durations), sum(durations))


def finished(attempts: Iterable[TaskAttempt], after: datetime, until: datetime) -> list[TaskAttempt]:
    return [one for one in attempts if one.finished_at and after < one.finished_at <= until]


def check(database: Database, after: datetime, until: datetime, size: timedelta) -> None:
    """Rollup and brute force agree, by function and by time."""
    expected = finished(everything(database), after, until)
    with database.read() as session:
        by_function = tally_by_function(session, after, until)
        by_time = tally_by_time(session, after, until, size)
    names = {one.function for one in expected}
    assert by_function == {
        name: brute_force(one for one in expected if one.function == name) for name in names
    }
    for start, tally in by_time:
        mine = [one for one in expected if one.finished_at and start <= one.finished_at < start + size]
        assert tally == brute_force(mine), start
    assert sum((tally for _, tally in by_time), Tally()) == brute_force(expected)
    starts = [start for start, _ in by_time]
    assert all(later - earlier == size for earlier, later in pairwise(starts))
    assert starts[0] <= after + timedelta(microseconds=1) < starts[0] + size
    assert starts[-1] <= until < starts[-1] + size


def recount_all(database: Database) -> int:
    """However long it takes: one call stops after half a second."""
    done = 0
    while count := recount_stale_hours(database, NOW):
        done += count
    return done


SPANS = [(period.span, period.bucket) for period in Period] + [
    (timedelta(hours=30), timedelta(hours=1)),
    (timedelta(minutes=10), timedelta(hours=3)),
]


@pytest.mark.parametrize("seed", range(4))
def test_the_rollup_says_what_counting_says(database: Database, seed: int) -> None:
    """With attempts that come late, are corrected and are deleted between any two recounts."""
    chance = random.Random(seed)
    add(database, (attempt(chance, moment(chance)) for _ in range(150)))
    add(database, [attempt(chance, None)])
    for _ in range(5):
        if chance.random() < 0.8:
            recount_stale_hours(database, NOW - timedelta(hours=chance.choice([0, 0, 7])))
        add(database, (attempt(chance, moment(chance)) for _ in range(5)))
        some = [one.id for one in chance.sample(everything(database), 12)]
        with database.write() as session:
            for number in some[:8]:
                values = chance.choice(
                    [
                        {"finished_at": moment(chance)},
                        {"status": chance.choice(OVER)},
                        {"duration": chance.uniform(0, 9) // 0.25 * 0.25},
                        {"function": chance.choice(FUNCTIONS)},
                        {"finished_at": None},
                    ]
                )
                changed = sql_update(TaskAttempt).where(col(TaskAttempt.id) == number).values(**values)
                session.exec(changed)
            session.exec(delete(TaskAttempt).where(col(TaskAttempt.id).in_(some[8:])))
        for span, size in SPANS:
            check(database, NOW - span, NOW, size)
        hour = NOW.replace(minute=0, second=0, microsecond=0)
        check(database, hour - timedelta(hours=5), hour, timedelta(hours=1))


def test_recounting_again_changes_nothing(database: Database) -> None:
    chance = random.Random(1)
    add(database, (attempt(chance, moment(chance)) for _ in range(80)))

    def rollup() -> list[dict[str, object]]:
        with database.read() as session:
            order = (col(AttemptHour.hour), col(AttemptHour.function), col(AttemptHour.status))
            return [row.model_dump() for row in session.exec(select(AttemptHour).order_by(*order))]

    assert recount_all(database) > 30
    before = rollup()
    assert recount_stale_hours(database, NOW) == 0
    with database.write() as session:
        session.add_all(StaleHour(hour=hour) for hour in {row["hour"] for row in before})  # pyright: ignore[reportArgumentType]
    recount_all(database)
    assert rollup() == before


def test_an_hour_is_recounted_when_it_is_over(database: Database) -> None:
    chance = random.Random(1)
    hour = NOW.replace(minute=0, second=0, microsecond=0)
    add(database, [attempt(chance, hour)])
    assert recount_stale_hours(database, hour + timedelta(minutes=59)) == 0
    assert recount_stale_hours(database, hour + timedelta(hours=1)) == 1


def test_attempts_deleted_with_their_job_are_not_counted_any_more(database: Database) -> None:
    chance = random.Random(1)
    job = uuid4()
    add(database, (attempt(chance, NOW - timedelta(hours=5), job) for _ in range(3)))
    with database.write() as session:
        session.add(Job(id=job, created_at=NOW))
    recount_stale_hours(database, NOW)
    with database.write() as session:
        session.exec(delete(TaskAttempt).where(col(TaskAttempt.job_id) == job))
        session.exec(delete(Job).where(col(Job.id) == job))
    for _ in range(2):
        with database.read() as session:
            assert tally_by_function(session, NOW - timedelta(days=1), NOW) == {}
        recount_stale_hours(database, NOW)


def test_what_does_not_change_the_count_marks_nothing(database: Database) -> None:
    """A late result must not make the recorder count hours again and again."""
    chance = random.Random(1)
    add(database, [attempt(chance, NOW - timedelta(hours=5)), attempt(chance, None)])
    recount_all(database)
    with database.write() as session:
        session.exec(sql_update(TaskAttempt).values(result={"pages": 3}, status=TaskAttempt.status))
    with database.read() as session:
        assert session.exec(select(StaleHour)).all() == []


def test_a_recount_leaves_an_hour_in_which_somebody_is_writing(postgres_url: str) -> None:
    """It counted without what was not committed yet, and took away the mark that asked for another count."""
    database = Database(postgres_url)
    chance = random.Random(1)
    at = NOW - timedelta(hours=5)
    add(database, [attempt(chance, at)])
    with database.write() as writing:
        writing.add(attempt(chance, at))
        writing.flush()
        recounting = threading.Thread(target=recount_stale_hours, args=(database, NOW))
        recounting.start()
        recounting.join(30)
        assert not recounting.is_alive(), "the recorder waits for whoever writes"
    with database.read() as session:
        assert (
            sum(tally.total for tally in tally_by_function(session, NOW - timedelta(days=1), NOW).values())
            == 2
        )
    assert recount_stale_hours(database, NOW) == 1
    check(database, NOW - timedelta(days=1), NOW, timedelta(hours=1))
    database.close()


def test_a_database_from_before_the_rollup_is_counted_and_found(database: Database) -> None:
    """At once row by row, and from the rollup once the recorder has made it."""
    alembic = Config()
    alembic.set_main_option("script_location", str(FOLDER))
    job, user, hours_ago = uuid4(), uuid4(), NOW - timedelta(hours=5)
    with database.write() as session:
        connection = alembic.attributes["connection"] = session.connection()
        command.downgrade(alembic, "0003")
        row = Job(id=job, created_at=NOW, user_id=user, name="long ago").model_dump()
        session.connection().execute(insert(Job).values(row))
        one = attempt(random.Random(1), hours_ago, job).model_dump(exclude={"id", "user_id"})
        connection.execute(insert(TaskAttempt).values(one))
    migrate(database)
    with database.read() as session:
        assert [found.id for found in jobs(session, JobFilter(text="ong ag"))] == [job]
        assert [found.user_id for found in session.exec(select(TaskAttempt))] == [user]
        assert session.exec(select(StaleHour.hour)).all() == [
            hours_ago.replace(minute=0, second=0, microsecond=0)
        ]
    check(database, NOW - timedelta(days=1), NOW, timedelta(hours=1))
    assert recount_stale_hours(database, NOW) == 1
    check(database, NOW - timedelta(days=1), NOW, timedelta(hours=1))


def test_a_span_with_nothing_has_all_its_buckets(database: Database) -> None:
    with database.read() as session:
        found = tally_by_time(session, NOW - timedelta(hours=1), NOW, timedelta(minutes=1))
    assert len(found) == 61, "the first and the last minute are cut"
    assert {tally for _, tally in found} == {Tally()}
    assert Tally().average is None
