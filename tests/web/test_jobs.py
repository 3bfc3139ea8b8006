"""Finding jobs over the API, and all that is known of one."""

import threading
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from prefect.client.orchestration import get_client
from prefect.settings import PREFECT_API_URL, temporary_settings
from sqlalchemy import update as sql_update
from sqlmodel import col

from casemill.models import (
    AttemptStatus,
    FeedKind,
    Job,
    JobEvent,
    JobStatus,
    JobType,
    Role,
    Scope,
    TaskAttempt,
)
from casemill.web.api import jobs as endpoints
from casemill.workspace import Workspace
from tests.web.conftest import NewClient

API = "/api/v1"
NOW = datetime(2025, 6, 1, 12, tzinfo=UTC)


def new_job(desk: Workspace, **given: Any) -> str:
    values = {"id": uuid4(), "created_at": NOW, "name": "brave otter", **given}
    with desk.database.write() as session:
        session.add(job := Job.model_validate(values))
    return str(job.id)


def ids(answer: Any) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [job["id"] for job in answer.json()["jobs"]]


def test_jobs_are_filtered_and_the_total_matches(desk: Workspace, api_as: NewClient) -> None:
    admin = api_as(Role.ADMIN, name="Anna")
    batch = uuid4()
    failed = new_job(desk, status=JobStatus.FAILED, type=JobType.TRIAL, error="no answer from host")
    running = new_job(
        desk,
        status=JobStatus.RUNNING,
        user_id=admin.user_id,
        batch_id=batch,
        created_at=NOW + timedelta(hours=1),
    )
    other = new_job(desk, created_at=NOW - timedelta(hours=1))
    asked = {
        "": [running, failed, other],
        "status=failed&status=running": [running, failed],
        "type=trial": [failed],
        "user=Anna": [running],
        f"user={admin.user_id}": [running],
        f"user={uuid4()}": [],
        f"batch={batch}": [running],
        "created_from=2025-06-01T12:00:00Z": [running, failed],
        "created_to=2025-06-01T12:00:00%2B00:00": [failed, other],
        "q=no%20answer": [failed],
        "q=anna": [running],
        f"q={other[:9]}": [other],
        "sort=created": [other, failed, running],
        "status=completed": [],
    }
    for query, expected in asked.items():
        answer = admin.get(f"{API}/jobs?{query}")
        assert ids(answer) == expected, query
        assert answer.json()["total"] == len(expected), query


def test_pages_of_jobs_go_on_where_the_last_one_ended(desk: Workspace, api_as: NewClient) -> None:
    made = [new_job(desk, created_at=NOW + timedelta(minutes=minute)) for minute in range(5)]
    admin = api_as(Role.ADMIN)
    seen = [ids(admin.get(f"{API}/jobs?per_page=2&page={page}")) for page in (1, 2, 3, 4)]
    assert seen == [made[:2:-1], made[2:0:-1], made[:1], []]
    answer = admin.get(f"{API}/jobs?per_page=2&page=3").json()
    assert (answer["total"], answer["page"], answer["pages"]) == (5, 3, 3)


@pytest.mark.parametrize(
    "query",
    [
        "q=ab",
        "status=gone",
        "sort=name",
        "page=0",
        "page=99999999999999999999",
        "per_page=201",
        "user=a%00b",
        "created_from=yesterday",
        "created_from=2025-06-01T12:00:00",
    ],
)
def test_what_makes_no_sense_is_refused_with_a_reason(api_as: NewClient, query: str) -> None:
    answer = api_as(Role.VIEWER).get(f"{API}/jobs?{query}")
    assert answer.status_code == 422
    assert len(answer.json()["detail"]) > 10


def test_those_with_one_error_are_found_and_those_that_schedules_planned_left_out(
    desk: Workspace, api_as: NewClient
) -> None:
    admin = api_as(Role.ADMIN)
    rows = {
        "failed": {"status": JobStatus.FAILED, "error_fingerprint": "one"},
        "failed otherwise": {"status": JobStatus.FAILED, "error_fingerprint": "another"},
        "somebody's": {"status": JobStatus.SCHEDULED, "user_id": uuid4()},
        "mass-marten": {"status": JobStatus.SCHEDULED, "flow_name": "search-sync"},
    }
    for name, values in rows.items():
        new_job(desk, name=name, **values)

    def titles(query: str) -> set[str]:
        found = admin.get(f"/api/v1/jobs?{query}").json()
        assert found["total"] == len(found["jobs"])
        return {job["title"] for job in found["jobs"]}

    assert titles("error=one") == {"failed"}
    assert titles("status=scheduled") == {"somebody's", "Search sync"}
    assert titles("planned=false") == {"failed", "failed otherwise", "somebody's"}
    asked = {"action": "cancel", "filter": {"planned": False}, "dry_run": True}
    assert admin.post("/api/v1/jobs/bulk", json=asked).status_code == 422
    assert admin.post("/api/v1/jobs/bulk", json={**asked, "all": True}).json()["matched"] == 3


def test_operators_find_only_their_own_jobs(desk: Workspace, api_as: NewClient) -> None:
    operator, other = api_as(Role.OPERATOR, name="Boris"), api_as(Role.OPERATOR, name="Chidi")
    mine, theirs = new_job(desk, user_id=operator.user_id), new_job(desk, user_id=other.user_id)
    nobodys = new_job(desk)
    for query in ("", "?q=otter", "?q=chi", f"?user={other.user_id}"):
        assert set(ids(operator.get(f"{API}/jobs{query}"))) <= {mine}, query
    assert operator.get(f"{API}/jobs?user=Chidi").status_code == 404
    assert operator.get(f"{API}/jobs/{mine}").status_code == 200
    for job in (theirs, nobodys, uuid4()):
        for path in ("", "/logs", "/poll"):
            assert operator.get(f"{API}/jobs/{job}{path}").status_code == 404
    everything = api_as(Role.OPERATOR, Scope.ALL, name="Dana")
    assert set(ids(everything.get(f"{API}/jobs"))) == {mine, theirs, nobodys}


def test_a_job_is_shown_with_all_that_is_known(desk: Workspace, api_as: NewClient) -> None:
    admin = api_as(Role.ADMIN)
    job = new_job(
        desk,
        status=JobStatus.FAILED,
        parameters={"case_ids": ["<script>"]},
        traceback="Traceback ...",
        error_fingerprint="f" * 32,
        user_id=admin.user_id,
    )
    new_job(desk, error_fingerprint="f" * 32)
    with desk.database.write() as session:
        for percent in (10, 60):
            told = {"percent": percent, "message": "reading", "processed": percent // 10}
            session.add(JobEvent(kind=FeedKind.PROGRESS, job_id=UUID(job), occurred_at=NOW, data=told))
        ended = {"status": "failed", "sub_status": None, "state": "Failed", "message": "why", "attempt": 1}
        session.add(JobEvent(kind=FeedKind.JOB, job_id=UUID(job), occurred_at=NOW, data=ended))
        session.add(
            TaskAttempt(
                task_run_id=uuid4(),
                attempt=1,
                function="parse",
                job_id=UUID(job),
                status=AttemptStatus.FAILED,
                created_at=NOW,
            )
        )
    shown = admin.get(f"{API}/jobs/{job}").json()
    assert [(then["percent"], then["processed"]) for then in shown["progress_history"]] == [(10, 1), (60, 6)]
    assert [(then["status"], then["message"]) for then in shown["state_history"]] == [("failed", "why")]
    assert [(task["function"], task["status"]) for task in shown["attempts_of_tasks"]] == [
        ("parse", "failed")
    ]
    assert (shown["parameters"], shown["traceback"]) == ({"case_ids": ["<script>"]}, "Traceback ...")
    assert (shown["error_fingerprint"], shown["same_error"]) == ("f" * 32, 1)
    assert shown["prefect_url"].endswith(f"/runs/flow-run/{job}")
    assert shown["waiting"] is None


def test_a_waiting_job_says_what_holds_it(desk: Workspace, api_as: NewClient) -> None:
    job = new_job(desk, status=JobStatus.PENDING, scheduled_at=NOW)
    assert api_as(Role.ADMIN).get(f"{API}/jobs/{job}").json()["waiting"]["reasons"]


def test_a_link_to_prefect_never_holds_its_password(
    desk: Workspace, api_as: NewClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    job, viewer = new_job(desk), api_as(Role.VIEWER, Scope.ALL)
    expected = {
        "PREFECT_API_URL": "https://prefect.firm.example:444",
        "PREFECT_UI_URL": "https://ui.firm.example/prefect",
    }
    given = {
        "PREFECT_API_URL": "https://me:secret@prefect.firm.example:444/api",
        "PREFECT_UI_URL": "https://me:secret@ui.firm.example/prefect/",
    }
    for name in expected:
        monkeypatch.delenv(name, raising=False)
    page = f"/runs/flow-run/{job}"
    shown = viewer.get(f"{API}/jobs/{job}").json()["prefect_url"]
    assert shown == f"http://127.0.0.1:{desk.settings.prefect_port}{page}"
    for name, base in expected.items():
        monkeypatch.setenv(name, given[name])
        assert viewer.get(f"{API}/jobs/{job}").json()["prefect_url"] == base + page


def test_a_poll_answers_at_once_when_there_is_news(desk: Workspace, api_as: NewClient) -> None:
    """With a timeout that the test would not survive."""
    viewer = api_as(Role.VIEWER, Scope.ALL)
    running, done = new_job(desk, status=JobStatus.RUNNING), new_job(desk, status=JobStatus.COMPLETED)
    for job, query in ((running, "&status=pending"), (done, "&status=completed"), (done, "")):
        assert viewer.get(f"{API}/jobs/{job}/poll?timeout=60{query}").json()["id"] == job
    assert viewer.get(f"{API}/jobs/{running}/poll?timeout=0").json()["status"] == "running"
    assert viewer.get(f"{API}/jobs/{running}/poll?timeout=61").status_code == 422


def test_a_poll_waits_for_the_change(
    desk: Workspace, api_as: NewClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    viewer, job = api_as(Role.VIEWER, Scope.ALL), new_job(desk, status=JobStatus.RUNNING)
    looked = threading.Event()
    read = endpoints._read  # pyright: ignore[reportPrivateUsage]

    def look(*given: Any) -> Job:
        found = read(*given)
        looked.set()
        return found

    def complete() -> None:
        assert looked.wait(30)
        with desk.database.write() as session:  # a poll that kept its transaction would see none of this
            session.exec(sql_update(Job).where(col(Job.id) == UUID(job)).values(status=JobStatus.COMPLETED))

    monkeypatch.setattr(endpoints, "_read", look)
    completing = threading.Thread(target=complete)
    completing.start()
    assert viewer.get(f"{API}/jobs/{job}/poll?timeout=60").json()["status"] == "completed"
    completing.join()


def test_logs_come_from_prefect_page_by_page_as_plain_text(
    desk: Workspace, api_as: NewClient, prefect_server: None
) -> None:
    job = new_job(desk)
    hostile = "\x1b[31m<script>alert(1)</script>\x1b[0m\a password=hunter2\r\n\tnext"
    said = [(20, f"line {number}") for number in range(205)] + [(45, hostile)]
    with get_client(sync_client=True) as client:
        client.create_logs(
            {
                "name": "prefect.flow_runs",
                "level": level,
                "message": message,
                "timestamp": (NOW + timedelta(seconds=number)).isoformat(),
                "flow_run_id": job,
            }
            for number, (level, message) in enumerate(said)
        )
    viewer = api_as(Role.VIEWER, Scope.ALL)
    first = viewer.get(f"{API}/jobs/{job}/logs").json()
    rest = viewer.get(f"{API}/jobs/{job}/logs?after={first['next']}").json()
    lines = first["logs"] + rest["logs"]
    assert [line["message"] for line in lines[:-1]] == [message for _, message in said[:-1]]
    assert (len(first["logs"]), rest["next"]) == (200, 206)
    assert lines[-1]["message"] == "<script>alert(1)</script> password=***\n\tnext"
    assert (lines[0]["level"], lines[-1]["level"]) == ("info", "error")
    errors = viewer.get(f"{API}/jobs/{job}/logs?level=warning").json()
    assert [line["level"] for line in errors["logs"]] == ["error"]
    assert viewer.get(f"{API}/jobs/{job}/logs?after=206").json() == {"logs": [], "next": 206}


@pytest.mark.parametrize("address", ["http://127.0.0.1:9/api", None], ids=["nobody answers", "not named"])
def test_without_prefect_logs_are_unavailable_and_the_job_is_not(
    desk: Workspace, api_as: NewClient, address: str | None
) -> None:
    viewer, job = api_as(Role.VIEWER, Scope.ALL), new_job(desk)
    with temporary_settings({PREFECT_API_URL: address}):
        answer = viewer.get(f"{API}/jobs/{job}/logs")
        assert (answer.status_code, answer.json()["status"]) == (503, 503)
        assert viewer.get(f"{API}/jobs/{job}").status_code == 200
