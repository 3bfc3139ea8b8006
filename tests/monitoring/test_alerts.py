"""Alerts are what is wrong now: raised once, gone when it is over."""

from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from sqlmodel import select

from casemill.db import Database
from casemill.models import (
    Alert,
    FeedKind,
    Job,
    JobEvent,
    JobStatus,
    JobSubStatus,
    Severity,
    Worker,
    WorkQueue,
)
from casemill.models.columns import utc_now
from casemill.monitoring.alerts import Alerts, Facts, Space, Wrong, find_wrong, gather, space_of
from casemill.monitoring.alerts import keep as keep_alerts
from casemill.monitoring.serving import serving
from casemill.settings import Settings
from tests.monitoring.queued import NOW, ago, job, keep, running, user_queue

SETTINGS = Settings.model_validate({})
USER = uuid4()
MINE = f"user-{USER}"
PLENTY = Space(free=500 << 30, total=1000 << 30)


def wrong(database: Database, space: Space = PLENTY) -> dict[str, Wrong]:
    with database.read() as session:
        return find_wrong(gather(session, SETTINGS, space, NOW))


def failed(**values: Any) -> Job:
    return job(status=JobStatus.FAILED, **{"finished_at": ago(60), **values})


def test_nothing_is_wrong_with_a_queue_that_is_served(database: Database) -> None:
    keep(database, running(), job(scheduled_at=ago(2)), failed(), job(status=JobStatus.COMPLETED))
    assert wrong(database) == {}


def test_no_worker_is_wrong_only_while_there_is_something_to_do(database: Database) -> None:
    keep(database, workers=0)
    assert wrong(database) == {}
    with database.write() as session:
        session.add(job(scheduled_at=ago(2)))
    found = wrong(database)
    assert found["no-worker"].severity == Severity.CRITICAL
    assert "1 job waits" in found["no-worker"].message


def test_a_paused_queue_is_wrong_once_jobs_wait_in_it(database: Database) -> None:
    keep(
        database, user_queue(USER, paused=True), WorkQueue(name="default", paused=True), job(MINE), job(MINE)
    )
    found = wrong(database)
    assert list(found) == [f"queue-paused:{MINE}"]
    assert "2 jobs wait" in found[f"queue-paused:{MINE}"].message


def test_a_paused_pool_is_one_alert(database: Database) -> None:
    keep(database, job(MINE, scheduled_at=ago(3600)), paused=True)
    assert list(wrong(database)) == ["queue-paused:all"]


def test_a_long_wait_that_nobody_chose_is_wrong(database: Database) -> None:
    """Also one in a worker's hands that never begins. Waiting for a limit is as somebody wanted it."""
    limited = [user_queue(USER, concurrency_limit=1), running(MINE), job(MINE, scheduled_at=ago(7200))]
    keep(database, *limited, job("default", scheduled_at=ago(899)))
    assert wrong(database) == {}
    with database.write() as session:
        session.add(job("default", scheduled_at=ago(901)))
        session.add(job("default", state_name="Submitting", state_at=ago(1000)))
    found = wrong(database)
    assert list(found) == ["waits-long"]
    assert "2 jobs wait" in found["waits-long"].message


def test_waiting_for_a_full_pool_is_as_somebody_wanted_it(database: Database) -> None:
    keep(database, running(), job(scheduled_at=ago(7200)), limit=1)
    assert wrong(database) == {}


def test_jobs_given_up_are_wrong_for_an_hour(database: Database) -> None:
    crashed = {"sub_status": JobSubStatus.CRASHED}
    just_now = failed(**crashed, finished_at=ago(5))  # it may be about to be begun again
    keep(database, failed(**crashed), failed(), failed(**crashed, finished_at=ago(3700)), just_now)
    found = wrong(database)
    assert list(found) == ["given-up"]
    assert found["given-up"].message.startswith("1 job crashed")


def test_the_same_error_in_many_jobs_is_one_alert_without_their_texts(database: Database) -> None:
    said = {"error_fingerprint": "f1", "error_type": "ConnectionError", "error": "secret of a case"}
    keep(database, *[failed(**said) for _ in range(5)], *[failed(error_fingerprint="f2") for _ in range(4)])
    found = wrong(database)
    assert list(found) == ["failing:f1"]
    assert found["failing:f1"].message.endswith("ConnectionError")


@pytest.mark.parametrize(
    ("free_gb", "severity"), [(100, None), (3, None), (1, Severity.WARNING), (0.1, Severity.CRITICAL)]
)
def test_a_disk_is_nearly_full_in_time(free_gb: float, severity: Severity | None, sqlite: Database) -> None:
    with sqlite.read() as session:
        scene = serving(session, SETTINGS)
    found = find_wrong(Facts(scene, space=Space(int(free_gb * 2**30), 200 << 30)))
    assert (found["disk-full"].severity if found else None) == severity


def test_a_small_disk_may_be_fuller(sqlite: Database) -> None:
    with sqlite.read() as session:
        scene = serving(session, SETTINGS)
    assert find_wrong(Facts(scene, space=Space(free=1 << 30, total=10 << 30))) == {}


def test_a_folder_that_is_not_there_has_no_space_to_speak_of(tmp_path: Path) -> None:
    assert space_of(tmp_path / "gone") is None
    space = space_of(tmp_path)
    assert space
    assert 0 < space.free <= space.total


def feed(database: Database) -> list[tuple[str, bool]]:
    with database.read() as session:
        rows = session.exec(select(JobEvent).order_by(JobEvent.id))
        return [(row.data["key"], row.data["over"]) for row in rows if row.kind == FeedKind.ALERT]


def waiting_since_now() -> Job:
    return job(MINE, created_at=utc_now(), scheduled_at=utc_now())


def test_alerts_come_change_and_go_and_the_feed_says_when(database: Database) -> None:
    watch = Alerts(database, SETTINGS).watch_for_trouble
    keep(database, user_queue(USER, paused=True), (first := waiting_since_now()))
    watch()
    with database.write() as session:
        since = session.get_one(Alert, f"queue-paused:{MINE}").since
        session.add(waiting_since_now())
    watch()
    with database.read() as session:
        alert = session.get_one(Alert, f"queue-paused:{MINE}")
        assert (alert.since, "2 jobs wait" in alert.message) == (since, True)
    with database.write() as session:
        session.get_one(WorkQueue, MINE).paused = False
    watch()
    with database.read() as session:
        assert session.get(Alert, f"queue-paused:{MINE}") is None
        assert session.get(Job, first.id)
    assert feed(database) == [(f"queue-paused:{MINE}", False), (f"queue-paused:{MINE}", True)]


def test_alerts_of_others_are_left_alone(database: Database) -> None:
    theirs = Alert(key=f"still-there:{uuid4()}", severity=Severity.WARNING, message="its process is there")
    with database.write() as session:
        session.add(theirs)
        keep_alerts(session, {}, NOW)
    with database.read() as session:
        assert session.get(Alert, theirs.key)
    assert feed(database) == []


def test_a_worker_of_long_ago_is_no_worker(database: Database) -> None:
    keep(database, Worker(name="old", online=False, last_heartbeat_at=ago(9000)), running(), workers=0)
    assert "shown as running" in wrong(database)["no-worker"].message
