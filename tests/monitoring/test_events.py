"""Events become rows, and the rows are the same whatever happens to the events on their way."""

import random
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

import pytest
from prefect.client.orchestration import SyncPrefectClient
from prefect.events import Event
from sqlalchemy import delete
from sqlmodel import col, select

from casemill.db import Database
from casemill.models import Job, JobEvent, TaskAttempt
from casemill.models.columns import utc_now
from casemill.monitoring.apply_changes import apply_changes
from casemill.monitoring.events import changes_of
from casemill.monitoring.reconcile import Reconciler
from casemill.monitoring.tracebacks import fetch_tracebacks
from tests.monitoring.conftest import Recording, wait_for


def hear(database: Database, events: Iterable[Event]) -> None:
    for event in events:
        with database.write() as session:
            apply_changes(session, changes_of(event, 20_000))


def forget(database: Database) -> None:
    with database.write() as session:
        for model in (JobEvent, TaskAttempt, Job):
            session.exec(delete(model))


def rows(
    database: Database, recording: Recording, *, without: set[str] = frozenset()
) -> list[dict[str, Any]]:
    """Jobs and attempts, but for the moments at which we wrote them and the numbers of rows."""
    mine = [recording.good, recording.bad, recording.cancelled]
    with database.read() as session:
        jobs = session.exec(select(Job).where(col(Job.id).in_(mine)).order_by(col(Job.id))).all()
        attempts = session.exec(
            select(TaskAttempt)
            .where(col(TaskAttempt.job_id).in_(mine))
            .order_by(col(TaskAttempt.task_run_id), col(TaskAttempt.attempt))
        ).all()
    return [job.model_dump(exclude={"recorded_at", *without}) for job in jobs] + [
        attempt.model_dump(exclude={"id", *without}) for attempt in attempts
    ]


def reconciled(database: Database, recording: Recording, client: SyncPrefectClient) -> None:
    reconciler = Reconciler(client, database, 20_000)
    reconciler.refresh([recording.good, recording.bad, recording.cancelled])
    reconciler.reconcile(None)


def test_a_job_and_its_attempts_are_what_happened(database: Database, recording: Recording) -> None:
    hear(database, recording.events)
    with database.read() as session:
        good, bad, cancelled = (
            session.get_one(Job, job) for job in (recording.good, recording.bad, recording.cancelled)
        )
        tries = session.exec(
            select(TaskAttempt).where(TaskAttempt.job_id == recording.good).order_by(col(TaskAttempt.attempt))
        ).all()
        feed = session.exec(
            select(JobEvent).where(JobEvent.job_id == recording.good).order_by(col(JobEvent.id))
        ).all()
    assert (good.status, good.type, good.user_id, good.batch_id, good.progress, good.processed) == (
        *("completed", "extraction", recording.user, recording.batch, 100.0, 2),
    )
    assert (bad.status, bad.error_type, bad.error) == ("failed", "RuntimeError", "the whole job is broken")
    assert (bad.type, cancelled.status) == ("document_processing", "cancelled")
    assert [(attempt.attempt, attempt.status, attempt.error_type) for attempt in tries] == [
        (1, "failed", "ConnectionError"),
        (2, "failed", "ConnectionError"),
        (3, "success", None),
    ]
    assert all("in flaky" in (attempt.traceback or "") for attempt in tries[:2])
    assert tries[0].error_fingerprint == tries[1].error_fingerprint, "the same error, try after try"
    assert (tries[2].result, tries[2].function) == ({"found": "it", "api_key": "***"}, "flaky")
    assert [event.data["status"] for event in feed if event.kind == "job"] == [
        "pending",
        "running",
        "completed",
    ]
    assert [event.data["percent"] for event in feed if event.kind == "progress"] == [50, 90]


@pytest.mark.parametrize("seed", range(8))
def test_doubled_and_shuffled_events_end_with_the_same_rows(
    database: Database, recording: Recording, seed: int
) -> None:
    hear(database, recording.events)
    expected = rows(database, recording)
    forget(database)
    chance = random.Random(seed)
    again = [*recording.events, *chance.sample(recording.events, len(recording.events) // 2)]
    chance.shuffle(again)
    hear(database, again)
    assert rows(database, recording) == expected


@pytest.mark.parametrize("seed", range(4))
def test_with_events_lost_reconciling_ends_with_the_same_rows(
    database: Database, recording: Recording, prefect_client: SyncPrefectClient, seed: int
) -> None:
    """But for what only events say: progress, results, and errors of tries that others followed."""
    told = {"progress_at", "progress_message", "processed", "heartbeat_at"}
    told |= {"result", "error_type", "error", "traceback", "error_fingerprint"}
    hear(database, recording.events)
    reconciled(database, recording, prefect_client)
    expected = rows(database, recording, without=told)
    forget(database)
    chance = random.Random(seed)
    hear(database, [event for event in recording.events if chance.random() < 0.25 * seed])
    reconciled(database, recording, prefect_client)
    assert rows(database, recording, without=told) == expected
    assert len(expected) == 3 + 3 + 1


def test_the_feed_never_goes_back(sqlite: Database, recording: Recording) -> None:
    """Nobody who follows it sees a job run that is over."""
    for seed in range(20):
        shuffled = list(recording.events)
        random.Random(seed).shuffle(shuffled)
        hear(sqlite, shuffled)
        with sqlite.read() as session:
            feed = session.exec(select(JobEvent).order_by(col(JobEvent.id))).all()
        for job_id in (recording.good, recording.bad, recording.cancelled):
            times = [event.occurred_at for event in feed if event.job_id == job_id and event.kind == "job"]
            assert times == sorted(times)
            assert times
        forget(sqlite)


def test_a_full_traceback_comes_from_the_log(
    sqlite: Database, recording: Recording, prefect_client: SyncPrefectClient
) -> None:
    hear(sqlite, recording.events)

    def fetched() -> bool:
        fetch_tracebacks(prefect_client, sqlite, utc_now(), timedelta(hours=1))
        with sqlite.read() as session:
            job = session.get_one(Job, recording.bad)
            attempt = session.exec(select(TaskAttempt).where(TaskAttempt.job_id == recording.bad)).one()
        return bool(job.traceback and attempt.traceback)

    wait_for(fetched)
    with sqlite.read() as session:
        job = session.get_one(Job, recording.bad)
        attempt = session.exec(select(TaskAttempt).where(TaskAttempt.job_id == recording.bad)).one()
    assert (job.error_type, job.error) == ("RuntimeError", "the whole job is broken")
    assert "in bad_job" in (job.traceback or "")
    assert attempt.error_type == "KeyError"
    assert "in broken" in (attempt.traceback or "")


def test_parameters_are_kept_without_secrets(
    sqlite: Database, recording: Recording, prefect_client: SyncPrefectClient
) -> None:
    Reconciler(prefect_client, sqlite, 20_000).refresh([recording.good])
    with sqlite.read() as session:
        job = session.get_one(Job, recording.good)
    assert job.parameters["password"] == "***"
    assert set(job.parameters) == {"key", "password"}


def test_an_event_that_is_not_what_it_should_be_changes_nothing() -> None:
    """Anybody who reaches Prefect may emit events."""
    for payload in ({}, {"percent": "much"}, {"percent": None}, {"percent": []}):
        event = Event(
            event="casemill.progress", resource={"prefect.resource.id": "prefect.flow-run.x"}, payload=payload
        )
        assert changes_of(event, 1000) == []
