"""Streams of events, heard over real connections: nothing missed, nothing that is not for who listens."""

import json
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import replace
from threading import Thread
from uuid import uuid4

import httpx
import pytest
from sqlalchemy import delete, update
from sqlmodel import Session, col

from casemill.db import Database
from casemill.models import ApiToken, Batch, FeedKind, Job, JobEvent, JobStatus, Role, Scope
from casemill.models.columns import utc_now
from casemill.web import feed, feed_stream
from casemill.web.app import create_app
from casemill.web.feed import Feed
from casemill.workspace import Workspace
from tests.concurrency import becomes_true
from tests.web.serving import Ear, ear, new_job, served, tell


@contextmanager
def heard_from(workspace: Workspace) -> Generator[str]:
    app = create_app(workspace)
    app.state.feed = Feed(workspace.database)
    with served(app) as url:
        yield url
        assert becomes_true(lambda: not app.state.feed.is_reading), "the feed is read for nobody"


@pytest.fixture
def url(desk: Workspace) -> Iterator[str]:
    with heard_from(desk) as url:
        yield url


@pytest.fixture
def viewer(desk: Workspace, url: str) -> Ear:
    return ear(desk.database, url)


@pytest.fixture
def database(desk: Workspace) -> Database:
    return desk.database


def test_what_changes_is_heard_by_name_with_its_place_in_the_feed(database: Database, viewer: Ear) -> None:
    job = new_job(database)
    with viewer.on("/events") as heard:
        assert heard.response.headers["content-type"].startswith("text/event-stream")
        row = tell(database, job, percent=50, message="half 🙂\nway")
        event = heard.next()
    assert (event.event, event.id) == ("progress", str(row))
    data = event.json()
    assert (data["id"], data["job_id"], data["percent"]) == (row, str(job), 50)
    assert data["message"] == "half 🙂\nway"
    assert data["occurred_at"].endswith("+00:00")


def test_a_stream_begins_now(database: Database, viewer: Ear) -> None:
    tell(database, None)
    with viewer.on("/events") as heard:
        row = tell(database, None)
        assert heard.next().id == str(row)


def test_who_comes_back_gets_what_was_missed_and_then_what_comes(database: Database, viewer: Ear) -> None:
    rows = [tell(database, None, number=number) for number in range(5)]
    with viewer.on("/events", last=rows[1]) as heard:
        rows.append(tell(database, None))
        assert [event.id for event in heard.take(4)] == [str(row) for row in rows[2:]]
    with viewer.on(f"/events?after={rows[4]}") as heard:
        assert heard.next().id == str(rows[5])


def test_more_than_one_page_may_have_been_missed(
    database: Database, viewer: Ear, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed_stream, "_PAGE", 2)
    rows = [tell(database, None) for _ in range(7)]
    with viewer.on("/events?after=0") as heard:
        assert [event.id for event in heard.take(7)] == [str(row) for row in rows]


@pytest.mark.parametrize("kinds", ["kinds=alert,worker", "kinds=alert&kinds=worker"])
def test_only_the_kinds_asked_for_are_sent(database: Database, viewer: Ear, kinds: str) -> None:
    tell(database, None, FeedKind.STEP)
    tell(database, None, FeedKind.ALERT)
    with viewer.on(f"/events?after=0&{kinds}") as heard:
        tell(database, None, FeedKind.PROGRESS)
        tell(database, None, FeedKind.WORKER)
        assert [event.event for event in heard.take(2)] == ["alert", "worker"]


@pytest.mark.parametrize(
    ("query", "headers"),
    [
        ("kinds=nonsense", {}),
        ("after=-1", {}),
        ("after=99999999999999999999", {}),
        ("", {"Last-Event-ID": "x"}),
    ],
)
def test_what_cannot_be_meant_is_said_before_the_stream_begins(
    viewer: Ear, query: str, headers: dict[str, str]
) -> None:
    answer = viewer.http.get(f"/events?{query}", headers=headers)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"


def test_somebody_hears_of_their_own_jobs_and_batches_and_of_workers(
    workspace: Workspace, database: Database, url: str
) -> None:
    mine = ear(database, url, Role.OPERATOR, Scope.OWN)
    stranger = ear(database, url, Role.OPERATOR, Scope.OWN)
    my_job, other_job = new_job(database, mine.user_id), new_job(database, stranger.user_id)
    my_batch, other_batch = (Batch(user_id=who.user_id, steps=[]) for who in (mine, stranger))
    with database.write() as session:
        session.add_all([my_batch, other_batch])

    def tell_of_all() -> list[int]:
        rows = [
            tell(database, other_job),
            tell(database, my_job),
            tell(database, None, FeedKind.BATCH, batch_id=str(other_batch.id)),
            tell(database, None, FeedKind.BATCH, batch_id=str(my_batch.id)),
            tell(database, None, FeedKind.BATCH, batch_id="nonsense"),
            tell(database, None, FeedKind.STEP),
            tell(database, None, FeedKind.WORKER),
            tell(database, None, FeedKind.ALERT),
        ]
        return [rows[number] for number in (1, 3, 6, 7)]

    missed = tell_of_all()
    with mine.on("/events?after=0") as heard:
        live = tell_of_all()
        assert [event.json()["id"] for event in heard.take(8)] == [*missed, *live]


def test_the_job_of_another_is_not_found(
    database: Database, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from casemill.web.api import events

    monkeypatch.setattr(events, "_RECORDED_WITHIN_SECONDS", 0)
    mine = ear(database, url, Role.OPERATOR, Scope.OWN)
    for job in (new_job(database, uuid4()), uuid4()):
        assert mine.http.get(f"/jobs/{job}/events").status_code == 404


def test_a_job_that_was_started_just_now_is_waited_for(database: Database, viewer: Ear) -> None:
    """Whoever starts a job and listens at once was told that there is no such job."""
    job = Job(id=uuid4(), status=JobStatus.COMPLETED, created_at=utc_now())

    def record() -> None:
        time.sleep(0.3)
        with database.write() as session:
            session.add(job)

    recorder = Thread(target=record)
    recorder.start()
    with viewer.on(f"/jobs/{job.id}/events") as heard:
        assert [event.event for event in heard.rest()] == ["end"]
    recorder.join()


def test_a_jobs_stream_tells_its_story_and_closes_when_it_is_over(database: Database, viewer: Ear) -> None:
    job = new_job(database)
    tell(database, job, FeedKind.JOB, status="running")
    tell(database, new_job(database))
    with viewer.on(f"/jobs/{job}/events") as heard:
        assert heard.next().json()["status"] == "running"
        tell(database, job, percent=100)
        with database.write() as session:
            finish(session, job, JobStatus.FAILED)
        tell(database, job, FeedKind.STEP, status="failed")  # known only after the job's end
        rest = heard.rest()
    assert [event.event for event in rest] == ["progress", "job", "step", "end"]
    assert rest[-1].json()["status"] == "failed"
    assert rest[-1].json()["job_id"] == str(job)
    with viewer.on(f"/jobs/{job}/events") as again:
        assert [event.event for event in again.rest()] == ["job", "progress", "job", "step", "end"]


def test_the_end_is_told_whatever_kinds_were_asked_for(database: Database, viewer: Ear) -> None:
    job = new_job(database)
    with viewer.on(f"/jobs/{job}/events?kinds=progress") as heard:
        tell(database, job)
        heard.next()
        with database.write() as session:
            finish(session, job, JobStatus.COMPLETED)
        assert [event.event for event in heard.rest()] == ["end"]


def test_the_end_comes_after_what_the_feed_has_yet_to_bring(
    database: Database, viewer: Ear, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The job's row was over when it was looked at, and its last event was read a moment later: too late."""
    monkeypatch.setattr(feed, "_PAUSE_SECONDS", 2 * feed_stream._LINGER_SECONDS)
    job = new_job(database)
    with viewer.on(f"/jobs/{job}/events") as heard:
        tell(database, job, FeedKind.JOB, status="failed")  # it is brought back, so this is no end
        assert heard.next().json()["status"] == "failed"
        with database.write() as session:
            finish(session, job, JobStatus.COMPLETED)
        assert [event.event for event in heard.rest()] == ["job", "end"]


def test_a_job_that_crashed_and_was_brought_back_is_not_over(database: Database, viewer: Ear) -> None:
    job = new_job(database)
    with viewer.on(f"/jobs/{job}/events") as heard:
        tell(database, job, FeedKind.JOB, status="failed")
        tell(database, job, FeedKind.JOB, status="pending")
        assert [event.json()["status"] for event in heard.take(2)] == ["failed", "pending"]
        time.sleep(feed_stream._LINGER_SECONDS)  # when it would have ended
        with database.write() as session:
            finish(session, job, JobStatus.COMPLETED)
        assert [event.event for event in heard.rest()] == ["job", "end"]


def finish(session: Session, job_id: object, status: JobStatus) -> None:
    session.exec(update(Job).where(col(Job.id) == job_id).values(status=status, finished_at=utc_now()))
    data = {"status": status}
    session.add(JobEvent(kind=FeedKind.JOB, job_id=job_id, occurred_at=utc_now(), data=data))


def test_who_was_away_longer_than_the_feed_keeps_is_told_to_load_again(
    database: Database, viewer: Ear
) -> None:
    rows = [tell(database, None) for _ in range(4)]
    with database.write() as session:
        session.exec(delete(JobEvent).where(col(JobEvent.id) < rows[2]))
    with viewer.on("/events", last=rows[0]) as heard:
        reset = heard.next()
        assert (reset.event, reset.id) == ("reset", str(rows[3]))
        assert heard_next(heard, database) == "progress"
    with viewer.on("/events", last=rows[1]) as heard:  # nothing is missing after this one
        assert [event.id for event in heard.take(2)] == [str(row) for row in rows[2:]]
    with viewer.on("/events", last=rows[3] + 100) as heard:  # of a database that was replaced
        assert heard.next().event == "reset"


def heard_next(heard, database: Database) -> str:
    tell(database, None)
    return heard.next().event


def test_a_quiet_stream_beats_its_heart(
    database: Database, viewer: Ear, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed_stream.FeedStream, "heartbeat", 0.05)
    with viewer.http.stream("GET", "/events") as answer:
        lines = answer.iter_lines()
        said = [next(lines) for _ in range(5)]
    assert said == [": connected", "", ": still here", "", ": still here"]


def test_a_stream_ends_soon_after_the_token_is_revoked(
    database: Database, viewer: Ear, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed_stream.FeedStream, "check", 0.05)
    with viewer.http.stream("GET", "/events") as answer:
        lines = answer.iter_lines()
        assert next(lines) == ": connected"
        with database.write() as session:
            session.exec(
                update(ApiToken).where(col(ApiToken.id) == viewer.token_id).values(revoked_at=utc_now())
            )
        assert [line for line in lines if line] == [": signed out"]
    assert viewer.http.get("/events").status_code == 401


def test_half_a_character_in_a_message_breaks_no_stream(workspace: Workspace, viewer: Ear) -> None:
    """JSON may hold one, bytes may not: the reader of all streams would have died of it."""
    if workspace.database.engine.dialect.name == "sqlite":  # PostgreSQL takes none
        with viewer.on("/events") as heard:
            tell(workspace.database, None, message="\ud83d")
            assert json.loads(heard.next().data)["message"] == "\ud83d"


def test_nobody_is_listened_to_without_a_token(url: str) -> None:
    for path in ("/api/v1/events", f"/api/v1/jobs/{uuid4()}/events"):
        assert httpx.get(f"{url}{path}").status_code == 401


def test_what_commits_late_is_heard_once_and_by_who_comes_back(desk: Workspace, postgres_url: str) -> None:
    workspace = replace(desk, database=Database(postgres_url))
    database = workspace.database
    with heard_from(workspace) as url:
        viewer = ear(database, url)
        first = tell(database, None)
        with viewer.on("/events") as always, database.write() as slow:
            slow.add(early := JobEvent(kind=FeedKind.PROGRESS, occurred_at=utc_now()))
            slow.flush()
            late = tell(database, None)
            assert always.next().json()["id"] == late
            with viewer.on(f"/events?after={first}") as heard:
                overtaking = heard.next()
                assert (overtaking.json()["id"], overtaking.id) == (late, str(first))
                slow.commit()
                last = tell(database, None)
                assert [event.json()["id"] for event in heard.take(2)] == [early.id, last]
            assert [event.json()["id"] for event in always.take(2)] == [early.id, last]
        with viewer.on("/events", last=overtaking.id) as back:
            assert [event.id for event in back.take(3)] == [str(early.id), str(late), str(last)]
    database.close()


def test_who_cannot_follow_is_cut_off_and_can_come_back(
    database: Database, viewer: Ear, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed, "_MOST_WAITING", 2)
    before = tell(database, None)
    with viewer.http.stream("GET", "/events") as answer:
        lines = answer.iter_lines()
        next(lines)
        with database.write() as session:
            session.add_all(JobEvent(kind=FeedKind.ALERT, occurred_at=utc_now()) for _ in range(3))
        assert [line for line in lines if line] == [": cut off: come back with Last-Event-ID"]
    with viewer.on("/events", last=before) as heard:
        assert [event.event for event in heard.take(3)] == ["alert"] * 3
