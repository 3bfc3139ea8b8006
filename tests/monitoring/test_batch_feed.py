"""The feed follows each batch: a row whenever its figures change, and only then."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlmodel import select

from casemill.db import Database
from casemill.models import Batch, Case, CaseStep, FeedKind, Job, JobEvent, JobStatus, StepState
from casemill.models.columns import utc_now
from casemill.monitoring.batch_feed import BatchFeed
from tests.monitoring.queued import job, running


@pytest.fixture
def batch(database: Database) -> UUID:
    """Two cases of one step each, and a job that runs."""
    with database.write() as session:
        session.add(batch := Batch(steps=["parse"]))
        session.add_all(cases := [Case(name=f"case {number}") for number in range(2)])
        session.flush()
        session.add_all(CaseStep(batch_id=batch.id, case_id=case.id, step="parse") for case in cases)
        session.add(running(batch_id=batch.id))
    return batch.id


def ago(seconds: float) -> datetime:
    """By the clock that the feed looks at too."""
    return utc_now() - timedelta(seconds=seconds)


def told(database: Database) -> list[dict[str, Any]]:
    with database.read() as session:
        rows = session.exec(select(JobEvent).where(JobEvent.kind == FeedKind.BATCH).order_by(JobEvent.id))
        return [row.data for row in rows]


def look(feed: BatchFeed) -> None:
    """Whatever it may rest for."""
    feed._not_before = 0
    feed.tell_batches()


def move(database: Database, case: str, **values: Any) -> None:
    with database.write() as session:
        row = session.exec(select(CaseStep).join(Case).where(Case.name == case)).one()
        for name, value in values.items():
            setattr(row, name, value)


def end_job(database: Database, **values: Any) -> None:
    with database.write() as session:
        found = session.exec(select(Job)).one()
        for name, value in {"status": JobStatus.COMPLETED, "finished_at": utc_now(), **values}.items():
            setattr(found, name, value)


def test_each_change_is_told_once(database: Database, batch: UUID) -> None:
    feed = BatchFeed(database)
    look(feed)
    look(feed)
    [first] = told(database)
    assert first["batch_id"] == str(batch)
    figures = ("status", "percent", "done", "total", "failed", "current")
    assert [first[name] for name in figures] == ["running", 0.0, 0, 2, 0, []]

    lease = ago(-600)
    move(database, "case 0", state=StepState.RUNNING, done=1, total=4, lease_until=lease, started_at=ago(1))
    look(feed)
    look(feed)
    assert len(told(database)) == 2
    assert told(database)[-1]["percent"] == 12.5
    assert told(database)[-1]["current"] == [{"case": "case 0", "step": "parse", "done": 1, "total": 4}]


def test_the_end_of_a_batch_is_told(database: Database, batch: UUID) -> None:
    feed = BatchFeed(database)
    look(feed)
    move(database, "case 0", state=StepState.COMPLETED)
    move(database, "case 1", state=StepState.FAILED)
    end_job(database, status=JobStatus.FAILED)
    look(feed)
    look(feed)
    last = told(database)[-1]
    assert len(told(database)) == 2
    assert [last[name] for name in ("status", "done", "failed", "percent")] == ["failed", 1, 1, 100.0]


def test_what_was_told_before_a_restart_is_not_told_again_and_what_was_missed_is(
    database: Database, batch: UUID
) -> None:
    look(BatchFeed(database))
    look(BatchFeed(database))
    assert len(told(database)) == 1
    end_job(database, finished_at=ago(2 * 86400))  # while nobody recorded
    for case in ("case 0", "case 1"):
        move(database, case, state=StepState.COMPLETED)
    look(BatchFeed(database))
    assert [row["status"] for row in told(database)] == ["running", "completed"]


def test_batches_that_nobody_works_on_are_not_looked_at(database: Database, batch: UUID) -> None:
    end_job(database, finished_at=ago(86400))
    look(BatchFeed(database))
    assert told(database) == []


def test_a_batch_that_was_deleted_is_forgotten(database: Database, batch: UUID) -> None:
    feed = BatchFeed(database)
    look(feed)
    with database.write() as session:
        session.delete(session.get_one(Batch, batch))
        session.add(job(batch_id=uuid4()))
    look(feed)
    look(feed)
    assert len(told(database)) == 1
