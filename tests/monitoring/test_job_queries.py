"""Lists of jobs: filtered, searched, sorted and counted, the same on both databases."""

import random
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy import update as sql_update
from sqlmodel import Session, col, delete, select

from casemill.db import Database
from casemill.errors import BadInput, CasemillError
from casemill.migrations import migrate
from casemill.models import FeedKind, Job, JobEvent, JobStatus, JobText, JobType, User
from casemill.monitoring.job_history import count_same_error, history_of
from casemill.monitoring.job_queries import JobFilter, JobSort, count_jobs, jobs, matching_ids
from tests.postgres import run_sql

NOW = datetime(2025, 6, 1, 12, tzinfo=UTC)
ANNA, BORIS = UUID(int=1), UUID(int=2)


def new_job(database: Database, **given: Any) -> UUID:
    with database.write() as session:
        session.add(job := Job.model_validate({"id": uuid4(), "created_at": NOW, **given}))
    return job.id


def found(database: Database, said: str) -> set[UUID]:
    with database.read() as session:
        wanted = JobFilter(text=said)
        ids = {job.id for job in jobs(session, wanted)}
        assert count_jobs(session, wanted) == len(ids)
        assert set(matching_ids(session, wanted)) == ids
    return ids


@pytest.fixture
def many(database: Database) -> list[Job]:
    """Jobs of all kinds, many of them alike in what they are sorted by."""
    chance = random.Random(7)
    made = [
        Job(
            id=UUID(int=chance.getrandbits(128)),
            created_at=NOW - timedelta(hours=chance.randrange(20)),
            status=chance.choice(list(JobStatus)),
            type=chance.choice(list(JobType)),
            user_id=chance.choice([ANNA, BORIS, None]),
            progress=chance.choice([0.0, 12.5, 100.0]),
            name=chance.choice(["brave otter", "calm lynx"]),
        )
        for _ in range(120)
    ]
    with database.write() as session:
        session.add_all(job.model_copy() for job in made)
    return made


WANTED = {
    "everything": JobFilter(),
    "a status": JobFilter((JobStatus.FAILED,)),
    "statuses": JobFilter((JobStatus.FAILED, JobStatus.RUNNING)),
    "types": JobFilter(types=(JobType.TRIAL, JobType.SYNC)),
    "a user": JobFilter(user_id=ANNA),
    "only one's own": JobFilter(only_of=BORIS),
    "another's, seeing only one's own": JobFilter(user_id=ANNA, only_of=BORIS),
    "a time": JobFilter(created_from=NOW - timedelta(hours=9), created_to=NOW - timedelta(hours=3)),
    "a text": JobFilter(text="LYNX"),
    "all at once": JobFilter(
        (JobStatus.COMPLETED, JobStatus.PAUSED), tuple(JobType), ANNA, "otter", NOW - timedelta(days=1), NOW
    ),
}


def matches(job: Job, wanted: JobFilter) -> bool:
    return (
        (not wanted.statuses or job.status in wanted.statuses)
        and (not wanted.types or job.type in wanted.types)
        and wanted.user_id in (None, job.user_id)
        and wanted.only_of in (None, job.user_id)
        and (wanted.created_from is None or job.created_at >= wanted.created_from)
        and (wanted.created_to is None or job.created_at <= wanted.created_to)
        and (wanted.text is None or wanted.text.lower() in job.name)
    )


@pytest.mark.parametrize("wanted", WANTED.values(), ids=list(WANTED))
def test_pages_hold_what_matches_once_and_the_total_says_how_many(
    database: Database, many: list[Job], wanted: JobFilter
) -> None:
    expected = {job.id for job in many if matches(job, wanted)}
    with database.read() as session:
        assert count_jobs(session, wanted) == len(expected)
        assert set(matching_ids(session, wanted)) == expected
        pages = [jobs(session, wanted, JobSort.NEWEST, page, 17) for page in range(1, 10)]
    ids = [job.id for page in pages for job in page]
    assert (len(ids), set(ids)) == (len(expected), expected)


@pytest.mark.parametrize("name", ["created", "status", "progress"])
def test_sorted_in_reverse_is_the_same_backwards(database: Database, many: list[Job], name: str) -> None:
    def key(job: Job) -> Any:
        return (*([getattr(job, name)] if name != "created" else []), job.created_at, job.id)

    expected = [job.id for job in sorted(many, key=key)]
    with database.read() as session:
        assert [job.id for job in jobs(session, JobFilter(), JobSort(name), 1, 200)] == expected
        assert [job.id for job in jobs(session, JobFilter(), JobSort(f"-{name}"), 1, 200)] == expected[::-1]


def test_a_text_is_found_wherever_it_stands(database: Database) -> None:
    batch, case = uuid4(), uuid4()
    with database.write() as session:
        session.add(user := User(name="Chidi Obi"))
    job = new_job(
        database,
        name="extraction brave-otter",
        user_id=user.id,
        parameters={"batch_id": str(batch), "case_ids": [str(case)], "options": {"language": "Grüße 4711"}},
        error_type="ConnectionError",
        error="The model endpoint did not answer",
    )
    new_job(database, name="something else")
    whole = str(job)
    for said in (
        whole,
        whole[:8],
        whole.upper(),
        job.hex,
        str(batch),
        str(case)[3:20],
        "ave-ott",
        "grüSSe"[:3],
    ):
        assert found(database, said) == {job}, said
    for said in ("GRÜ", "4711", "nectionerr", "MODEL endpoint", "chidi", "di O"):
        assert found(database, said) == {job}, said
    assert found(database, "language") == set(), "the name of an argument is not its value"
    assert found(database, "nobody wrote this") == set()


@pytest.mark.parametrize(
    "said", ["100%", "a_b", "%%%", "___", 'say "x"', "it's", "back\\slash", "a*b OR c", "NOT x"]
)
def test_characters_mean_themselves(database: Database, said: str) -> None:
    job = new_job(database, name=f"before {said} after")
    new_job(database, name="before 100 a b aXb say x its backslash aab or c not after")
    assert found(database, said) == {job}


@pytest.mark.parametrize("said", ["a", "ab", " ab ", "\0ab"])
def test_less_than_three_characters_are_refused(database: Database, said: str) -> None:
    with pytest.raises(BadInput, match="at least 3"), database.read() as session:
        count_jobs(session, JobFilter(text=said))


def test_what_is_searched_follows_every_change_of_the_row(database: Database) -> None:
    """Triggers do it, so that it holds for whoever writes."""
    job, other = new_job(database, name="before"), new_job(database, name="other")
    with database.write() as session:
        session.exec(sql_update(Job).where(col(Job.id) == job).values(name="behind", error="broken pipe"))
    assert found(database, "before") == set()
    assert found(database, "behind") == found(database, "broken") == {job}
    with database.write() as session:
        session.exec(sql_update(Job).where(col(Job.id) == job).values(parameters={"x": "needle"}, error=None))
    assert found(database, "broken") == set()
    assert found(database, "needle") == {job}
    with database.write() as session:
        session.exec(delete(Job).where(col(Job.id) == job))
    assert found(database, "needle") == set()
    new_job(database, name="newer")
    assert found(database, "needle") == set(), "a number that is used again brings nothing back"
    assert found(database, "other") == {other}
    with database.read() as session:
        assert len(session.exec(select(JobText)).all()) == 2


def test_a_job_whose_arguments_the_index_cannot_read_is_recorded_all_the_same(database: Database) -> None:
    job = new_job(database, name="strange one")
    broken = '{"a": "needle \\u0000", "b": NaN}' if is_sqlite(database) else '{"a": "needle \\u0000"}'
    with database.write() as session:
        session.execute(text("UPDATE jobs SET parameters = :given"), {"given": broken})
    assert found(database, "strange") == {job}


def test_a_renamed_user_is_found_by_the_new_name(database: Database) -> None:
    with database.write() as session:
        session.add(user := User(name="Dana Weiss"))
    job = new_job(database, user_id=user.id)
    with database.write() as session:
        session.exec(sql_update(User).values(name="Dana Schwarz"))
    assert found(database, "schwarz") == {job}
    assert found(database, "weiss") == set()


def test_the_history_of_a_job_is_its_states_and_progress_in_order(database: Database) -> None:
    job = new_job(database)
    kinds = [FeedKind.JOB, FeedKind.STEP, FeedKind.PROGRESS, FeedKind.PROGRESS]
    with database.write() as session:
        for number, kind in enumerate(kinds):
            session.add(JobEvent(kind=kind, job_id=job, occurred_at=NOW, data={"percent": number}))
        session.add(JobEvent(kind=FeedKind.JOB, job_id=uuid4(), occurred_at=NOW))
    with database.read() as session:
        assert [event.data["percent"] for event in history_of(session, job)] == [0, 2, 3]


def test_other_jobs_with_the_same_error_are_counted_among_those_one_sees(database: Database) -> None:
    mine = new_job(database, user_id=ANNA, error_fingerprint="f" * 32)
    for user in (ANNA, BORIS, None):
        new_job(database, user_id=user, error_fingerprint="f" * 32)
    other = new_job(database, user_id=ANNA)

    def same(session: Session, job_id: UUID, only_of: UUID | None) -> int:
        return count_same_error(session, session.get_one(Job, job_id), only_of)

    with database.read() as session:
        assert [same(session, mine, only) for only in (None, ANNA, BORIS)] == [3, 1, 1]
        assert same(session, other, None) == 0


def is_sqlite(database: Database) -> bool:
    return database.engine.dialect.name == "sqlite"


def test_without_the_extension_for_searching_migrating_says_what_to_do(postgres: str) -> None:
    """Who may not create it reads what to ask for, instead of a bare error of the database."""
    name = f"poor_{uuid4().hex}"
    run_sql(postgres, f"CREATE ROLE {name} LOGIN", f"CREATE DATABASE {name}")
    with psycopg.connect(host=postgres, user="postgres", dbname=name, autocommit=True) as connection:
        connection.execute(f"GRANT ALL ON SCHEMA public TO {name}".encode())
    database = Database(f"postgresql+psycopg://{name}@/{name}?host={postgres}")
    with pytest.raises(CasemillError, match="CREATE EXTENSION pg_trgm"):
        migrate(database)
    database.close()
