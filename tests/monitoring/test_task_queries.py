"""Lists of attempts, and whose they are, the same on both databases."""

import random
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy import update as sql_update
from sqlmodel import col, select

from casemill.db import Database
from casemill.errors import BadInput
from casemill.models import AttemptStatus, Job, TaskAttempt
from casemill.monitoring.task_queries import Cursor, TaskFilter, newest_attempts, tasks, tasks_from

NOW = datetime(2025, 6, 1, 12, tzinfo=UTC)
ANNA, BORIS = UUID(int=1), UUID(int=2)
JOBS = {UUID(int=11): ANNA, UUID(int=12): BORIS, UUID(int=13): None}


@pytest.fixture
def many(database: Database) -> list[TaskAttempt]:
    chance = random.Random(3)
    with database.write() as session:
        session.add_all(Job(id=job, user_id=user, created_at=NOW) for job, user in JOBS.items())
    with database.write() as session:
        for number in range(90):
            attempt = TaskAttempt(
                task_run_id=UUID(int=number),
                attempt=1,
                function=chance.choice(["parse", "chunk"]),
                job_id=chance.choice([*JOBS, None]),
                status=chance.choice(list(AttemptStatus)),
                created_at=NOW - timedelta(minutes=chance.randrange(30)),
            )
            session.add(attempt)
    with database.read() as session:
        return list(session.exec(select(TaskAttempt)).all())


WANTED = {
    "everything": TaskFilter(),
    "a function": TaskFilter("parse"),
    "a status": TaskFilter(None, AttemptStatus.FAILED),
    "both": TaskFilter("chunk", AttemptStatus.SUCCESS),
    "a time": TaskFilter(created_from=NOW - timedelta(minutes=20), created_to=NOW - timedelta(minutes=5)),
    "a job": TaskFilter(job_id=UUID(int=12)),
    "only one's own": TaskFilter(only_of=ANNA),
    "a function, only one's own": TaskFilter("parse", only_of=BORIS),
    "another's job": TaskFilter(job_id=UUID(int=12), only_of=ANNA),
}


def matches(attempt: TaskAttempt, wanted: TaskFilter) -> bool:
    owner = JOBS[attempt.job_id] if attempt.job_id else None
    return (
        wanted.function in (None, attempt.function)
        and wanted.status in (None, attempt.status)
        and wanted.job_id in (None, attempt.job_id)
        and wanted.only_of in (None, owner)
        and (wanted.created_from is None or attempt.created_at >= wanted.created_from)
        and (wanted.created_to is None or attempt.created_at <= wanted.created_to)
    )


def listed(many: list[TaskAttempt], wanted: TaskFilter) -> list[int | None]:
    expected = [attempt for attempt in many if matches(attempt, wanted)]
    expected.sort(key=lambda attempt: (attempt.created_at, attempt.id), reverse=True)
    return [attempt.id for attempt in expected]


@pytest.mark.parametrize("wanted", WANTED.values(), ids=list(WANTED))
def test_pages_go_from_the_newest_to_the_oldest(
    database: Database, many: list[TaskAttempt], wanted: TaskFilter
) -> None:
    expected = listed(many, wanted)
    with database.read() as session:
        pages = [tasks(session, wanted, page, 10) for page in range(1, 11)]
    assert [attempt.id for page in pages for attempt in page.attempts] == expected
    for number, page in enumerate(pages[: -(-len(expected) // 10)], 1):
        assert (page.previous is None, page.next is None) == (number == 1, number * 10 >= len(expected))


@pytest.mark.parametrize("wanted", WANTED.values(), ids=list(WANTED))
def test_cursors_lead_through_the_whole_list_and_back(
    database: Database, many: list[TaskAttempt], wanted: TaskFilter
) -> None:
    """Many attempts here were created at the same moment."""
    expected = listed(many, wanted)
    with database.read() as session:
        page = tasks(session, wanted, 1, 7)
        seen = [attempt.id for attempt in page.attempts]
        while page.next:
            page = tasks_from(session, wanted, Cursor.read(str(page.next)), 7)
            seen += [attempt.id for attempt in page.attempts]
        assert seen == expected
        back = [attempt.id for attempt in page.attempts]
        while page.previous:
            page = tasks_from(session, wanted, Cursor.read(str(page.previous)), 7)
            back = [attempt.id for attempt in page.attempts] + back
            assert page.next
    assert back == expected


@pytest.mark.parametrize(
    "said", ["", "before-1", "before-x-1", "after-1-1; DROP", "before-²-1", "before-999999999999999999-1"]
)
def test_what_is_no_cursor_is_refused(said: str) -> None:
    with pytest.raises(BadInput, match="no cursor"):
        Cursor.read(said)


def test_pages_too_deep_to_be_counted_to_name_the_other_way(sqlite: Database) -> None:
    with sqlite.read() as session, pytest.raises(BadInput, match="cursor"):
        tasks(session, TaskFilter(), 2002, 50)


def test_the_newest_attempts_of_a_job_come_in_the_order_in_which_they_began(
    database: Database, many: list[TaskAttempt]
) -> None:
    job = UUID(int=11)
    expected = sorted((a for a in many if a.job_id == job), key=lambda a: (a.created_at, a.id))[-5:]
    with database.read() as session:
        assert [a.id for a in newest_attempts(session, job, 5)] == [a.id for a in expected]


def owner_of(database: Database, number: int | None) -> UUID | None:
    with database.read() as session:
        return session.get_one(TaskAttempt, number).user_id


def new_attempt(database: Database, job_id: UUID | None) -> int | None:
    with database.write() as session:
        session.add(made := TaskAttempt(task_run_id=uuid4(), attempt=1, job_id=job_id, created_at=NOW))
    return made.id


def test_an_attempt_is_its_jobs_owners_whichever_is_heard_of_first(database: Database) -> None:
    job = uuid4()
    early = new_attempt(database, job)
    assert owner_of(database, early) is None
    with database.write() as session:
        session.add(Job(id=job, created_at=NOW, user_id=ANNA))
    late, unknown = new_attempt(database, job), new_attempt(database, None)
    assert owner_of(database, early) == owner_of(database, late) == ANNA
    with database.write() as session:
        session.exec(sql_update(TaskAttempt).where(col(TaskAttempt.id) == unknown).values(job_id=job))
        session.exec(sql_update(Job).where(col(Job.id) == job).values(user_id=BORIS))
    assert {owner_of(database, number) for number in (early, late, unknown)} == {BORIS}
