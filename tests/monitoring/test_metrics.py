"""Metrics say what the tables say."""

from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest
from prometheus_client.parser import text_string_to_metric_families

from casemill.models import (
    Alert,
    AttemptStatus,
    FeedKind,
    Job,
    JobEvent,
    JobStatus,
    JobType,
    RecorderMark,
    Severity,
    TaskAttempt,
    Worker,
    WorkQueue,
)
from casemill.models.columns import utc_now
from casemill.monitoring.metrics import Metrics
from casemill.workspace import Workspace
from tests.conftest import NewOwner


def figures(text: bytes) -> dict[tuple[str, tuple[str, ...]], float]:
    """By name, and by the labels' values in the order of the labels' names."""
    return {
        (sample.name.removeprefix("casemill_"), tuple(value for _, value in sorted(sample.labels.items()))): (
            sample.value
        )
        for family in text_string_to_metric_families(text.decode())
        for sample in family.samples
    }


def test_metrics_say_what_the_tables_say(workspace: Workspace, new_case: NewOwner) -> None:
    new_case(workspace, a="text")
    now = utc_now()

    def job(status: JobStatus, ago: float) -> Job:
        return Job(
            id=uuid4(), status=status, type=JobType.EXTRACTION, created_at=now - timedelta(seconds=ago)
        )

    def attempt(function: str, hours_ago: float) -> TaskAttempt:
        finished = now - timedelta(hours=hours_ago)
        return TaskAttempt(
            task_run_id=uuid4(),
            attempt=1,
            function=function,
            status=AttemptStatus.FAILED,
            created_at=finished,
            finished_at=finished,
        )

    with workspace.database.write() as session:
        session.add_all(
            [
                job(JobStatus.PENDING, 100),
                job(JobStatus.PENDING, 5),
                job(JobStatus.FAILED, 1000),
                attempt('parse "x"\n', 1),
                attempt('parse "x"\n', 23),
                attempt("old", 25),
                Worker(name="here", online=True),
                Worker(name="gone", online=False),
                WorkQueue(name="casemill", is_pool=True),
                WorkQueue(name="user-1", paused=True),
                Alert(key="no-worker", severity=Severity.CRITICAL, message="No worker"),
                RecorderMark(seen_at=now - timedelta(seconds=7)),
                JobEvent(kind=FeedKind.JOB, occurred_at=now - timedelta(seconds=3), recorded_at=now, data={}),
            ]
        )
    found = figures(Metrics(workspace).text())
    assert found["jobs", ("pending", "extraction")] == 2
    assert found["jobs", ("failed", "extraction")] == 1
    assert found["attempts_last_day", ('parse "x"\n', "failed")] == 2
    assert ("attempts_last_day", ("old", "failed")) not in found
    assert found["waiting_oldest_seconds", ()] == pytest.approx(100, abs=30)
    assert found["documents", ("case", "pending")] == 1
    assert found["workers_online", ()] == 1
    assert found["queue_paused", ("pool", "casemill")] == 0
    assert found["queue_paused", ("queue", "user-1")] == 1
    assert found["limit", ("jobs_at_once",)] == workspace.settings.jobs_at_once
    assert (found["alerts", ("critical",)], found["alerts", ("warning",)]) == (1, 0)
    assert found["recorder_age_seconds", ()] == pytest.approx(7, abs=30)
    assert found["feed_lag_seconds", ()] == pytest.approx(3)


def test_an_empty_database_has_metrics_too(desk: Workspace) -> None:
    found = figures(Metrics(desk).text())
    assert (found["waiting_oldest_seconds", ()], found["workers_online", ()]) == (0, 0)
    assert ("recorder_age_seconds", ()) not in found


def test_who_asks_often_is_answered_from_memory(desk: Workspace) -> None:
    metrics = Metrics(replace(desk))
    before = metrics.text()
    with desk.database.write() as session:
        session.add(Worker(name="here", online=True))
    assert metrics.text() == before
    metrics._until = 0
    assert metrics.text() != before
