"""The feed is followed without a hole, in whatever order its rows become visible."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import uuid4

import pytest
from sqlalchemy import delete
from sqlmodel import Session, col

from casemill.db import Database
from casemill.models import Batch, FeedKind, Job, JobEvent, User
from casemill.models.columns import utc_now
from casemill.monitoring import feed_reader
from casemill.monitoring.feed_reader import FeedReader, Gap, Position, has_lost, rows_between
from tests.concurrency import becomes_true


def row(session: Session, **values: object) -> int:
    session.add(event := JobEvent(kind=FeedKind.PROGRESS, occurred_at=utc_now()))
    for name, value in values.items():
        setattr(event, name, value)
    session.flush()
    assert event.id is not None
    return event.id


def tell(database: Database, **values: object) -> int:
    with database.write() as session:
        return row(session, **values)


@contextmanager
def postgresql(url: str) -> Iterator[Database]:
    database = Database(url)
    yield database
    database.close()


def test_each_row_is_read_once_with_where_to_go_on(database: Database) -> None:
    tell(database)
    reader = FeedReader(database)
    start = reader.start()
    rows = [tell(database) for _ in range(3)]
    look = reader.look()
    assert [(found.id, found.resume_at) for found in look.rows] == [(id, id) for id in rows]
    assert (look.position.last, look.position.safe, look.is_full) == (rows[-1], rows[-1], False)
    assert reader.look().rows == []
    with database.read() as session:
        assert [found.id for found in rows_between(session, start.last, look.position)] == rows


def test_more_than_one_look_takes_is_said_to_be_there(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed_reader, "_AT_ONCE", 2)
    reader = FeedReader(database)
    reader.start()
    rows = [tell(database) for _ in range(3)]
    first, second = reader.look(), reader.look()
    assert ([found.id for found in first.rows], first.is_full) == (rows[:2], True)
    assert ([found.id for found in second.rows], second.is_full) == (rows[2:], False)


def test_a_row_that_commits_after_a_higher_one_is_not_lost(postgres_url: str) -> None:
    """Its reader had gone on past it: PostgreSQL gives ids when rows are written, not when they commit."""
    with postgresql(postgres_url) as database:
        reader = FeedReader(database)
        tell(database)
        reader.start()
        with database.write() as slow:
            early = [row(slow) for _ in range(2)]
            late = tell(database)
            overtaken = reader.look()
            assert [(found.id, found.resume_at) for found in overtaken.rows] == [(late, early[0] - 1)]
            assert overtaken.position.may_bring(early[0])
            time.sleep(feed_reader._SETTLED_SECONDS)  # an open transaction may take its time
            assert [reader.look().rows for _ in range(3)] == [[], [], []]
        caught_up = reader.look()
        assert [found.id for found in caught_up.rows] == early
        assert caught_up.rows[-1].resume_at == caught_up.position.safe == late


def test_who_begins_while_a_row_is_outstanding_gets_it_too(postgres_url: str) -> None:
    with postgresql(postgres_url) as database:
        tell(database)
        with database.write() as slow:
            early = row(slow)
            late = tell(database)
            reader = FeedReader(database)
            position = reader.start()
            assert (position.last, position.safe) == (late, early - 1)
        assert [found.id for found in reader.look().rows] == [early]


def test_what_was_rolled_back_is_not_waited_for(postgres_url: str) -> None:
    with postgresql(postgres_url) as database:
        reader = FeedReader(database)
        before = tell(database)
        reader.start()
        with pytest.raises(ZeroDivisionError), database.write() as session:
            row(session)
            raise ZeroDivisionError
        after = tell(database)
        assert reader.look().rows[0].resume_at == before
        assert becomes_true(lambda: reader.look().position.safe == after)


def test_what_was_deleted_at_the_beginning_is_not_waited_for(postgres_url: str) -> None:
    with postgresql(postgres_url) as database:
        rows = [tell(database) for _ in range(3)]
        with database.write() as session:
            session.exec(delete(JobEvent).where(col(JobEvent.id) < rows[2]))
        assert FeedReader(database).start() == Position(rows[2])


def test_rows_name_whose_job_or_batch_they_are_about(database: Database) -> None:
    user = User(name="somebody")
    batch, job = Batch(user_id=user.id, steps=[]), Job(id=uuid4(), user_id=user.id, created_at=utc_now())
    with database.write() as session:
        session.add(user)
        session.flush()
        session.add_all([batch, job])
    reader = FeedReader(database)
    start = reader.start()
    tell(database, job_id=job.id)
    tell(database, kind=FeedKind.BATCH, data={"batch_id": str(batch.id)})
    tell(database, kind=FeedKind.BATCH, data={"batch_id": "of nobody"})
    tell(database, job_id=uuid4())
    tell(database, kind=FeedKind.ALERT)
    look = reader.look()
    assert [found.user_id for found in look.rows] == [user.id, user.id, None, None, None]
    with database.read() as session:
        theirs = rows_between(session, start.last, look.position, only_of=user.id)
        alone = rows_between(session, start.last, look.position, job_id=job.id)
        told = rows_between(session, start.last, look.position, kinds=[FeedKind.ALERT], at_most=1)
    shown = [FeedKind.PROGRESS, FeedKind.BATCH, FeedKind.BATCH, FeedKind.ALERT]
    assert [found.kind for found in theirs] == shown  # of batches the stream decides
    assert [found.job_id for found in alone] == [job.id]
    assert [found.kind for found in told] == [FeedKind.ALERT]


def test_a_feed_says_whether_it_still_has_all_that_came_after_a_row(database: Database) -> None:
    with database.read() as session:
        assert not has_lost(session, 0)
        assert has_lost(session, 1)
    rows = [tell(database) for _ in range(4)]
    with database.write() as session:
        session.exec(delete(JobEvent).where(col(JobEvent.id) < rows[2]))
    with database.read() as session:
        answers = {after: has_lost(session, after) for after in (0, *rows, rows[3] + 1)}
    assert list(answers.values()) == [False, True, False, False, False, True]


@pytest.mark.parametrize(
    ("there", "left"),
    [
        ([], [(5, 9)]),
        ([7], [(5, 6), (8, 9)]),
        ([5, 9], [(6, 8)]),
        ([5, 6, 7, 8, 9], []),
        ([4, 10], [(5, 9)]),
    ],
)
def test_a_gap_closes_from_wherever_rows_come(there: list[int], left: list[tuple[int, int]]) -> None:
    assert [(gap.first, gap.last) for gap in Gap(5, 9, 0.0).without(there)] == left
