"""Attempts of tasks over the API, and statistics about them."""

from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any
from uuid import UUID, uuid4

import pytest

from casemill.models import AttemptStatus, Job, Role, Scope, TaskAttempt
from casemill.models.columns import utc_now
from casemill.monitoring.rollups import recount_stale_hours
from casemill.workspace import Workspace
from tests.web.conftest import NewClient

API = "/api/v1"


def new_job(desk: Workspace, user_id: UUID | None = None) -> UUID:
    with desk.database.write() as session:
        session.add(job := Job(id=uuid4(), created_at=utc_now(), user_id=user_id))
    return job.id


def new_attempt(desk: Workspace, job_id: UUID | None = None, **given: Any) -> int:
    values = {"task_run_id": uuid4(), "attempt": 1, "function": "parse", "created_at": utc_now(), **given}
    with desk.database.write() as session:
        session.add(attempt := TaskAttempt.model_validate({**values, "job_id": job_id}))
    assert attempt.id
    return attempt.id


def ids(answer: Any) -> list[int]:
    assert answer.status_code == 200, answer.text
    return [task["id"] for task in answer.json()["tasks"]]


def test_attempts_are_filtered(desk: Workspace, api_as: NewClient) -> None:
    admin = api_as(Role.ADMIN)
    job = new_job(desk)
    day = datetime.fromisoformat("2025-06-01T12:00:00+00:00")
    first = new_attempt(desk, job, created_at=day)
    second = new_attempt(
        desk, function="chunk", status=AttemptStatus.FAILED, created_at=day + timedelta(hours=1)
    )
    asked = {
        "": [second, first],
        "?name=chunk": [second],
        "?status=pending": [first],
        f"?job={job}": [first],
        "?from=2025-06-01T12:30:00Z": [second],
        "?to=2025-06-01T12:30:00Z": [first],
        "?name=parse&status=failed": [],
    }
    for query, expected in asked.items():
        assert ids(admin.get(f"{API}/tasks{query}")) == expected, query


def test_fifty_attempts_are_a_page_and_pages_lead_to_their_neighbours(
    desk: Workspace, api_as: NewClient
) -> None:
    admin = api_as(Role.ADMIN)
    with desk.database.write() as session:
        session.add_all(TaskAttempt(task_run_id=uuid4(), attempt=1, created_at=utc_now()) for _ in range(101))
    numbered = [ids(admin.get(f"{API}/tasks?page={page}")) for page in (1, 2, 3, 4)]
    assert [len(page) for page in numbered] == [50, 50, 1, 0]
    seen: list[list[int]] = []
    neighbours: list[tuple[bool, bool]] = []
    query = ""
    while query is not None:
        answer = admin.get(f"{API}/tasks{query}")
        seen.append(ids(answer))
        page = answer.json()
        neighbours.append((page["has_previous"], page["has_next"]))
        query = f"?cursor={page['next']}" if page["next"] else None
    assert seen == numbered[:3]
    assert neighbours == [(False, True), (True, True), (True, False)]
    assert ids(admin.get(f"{API}/tasks?cursor={page['previous']}")) == numbered[1]
    for wrong in ("cursor=x", "page=2002", "page=0"):
        assert admin.get(f"{API}/tasks?{wrong}").status_code == 422


def test_an_attempt_is_shown_whole(desk: Workspace, api_as: NewClient) -> None:
    number = new_attempt(
        desk,
        new_job(desk),
        tags=["step:parse"],
        result={"pages": 3},
        error="x" * 3000,
        error_type="KeyError",
        traceback="Traceback\n" + "y" * 9000,
        error_fingerprint="f" * 32,
        status=AttemptStatus.FAILED,
    )
    admin = api_as(Role.ADMIN)
    shown = admin.get(f"{API}/tasks/{number}").json()
    assert (shown["labels"], shown["result"], shown["error_type"]) == (
        ["step:parse"],
        {"pages": 3},
        "KeyError",
    )
    assert (len(shown["error"]), len(shown["traceback"])) == (3000, 9010)
    assert shown["error_fingerprint"] == "f" * 32
    [listed] = admin.get(f"{API}/tasks").json()["tasks"]
    assert len(listed["error"]) == 1000, "a page of whole errors could be megabytes"


@pytest.mark.parametrize("wrong", ["0", "x", "99999999999999999999"])
def test_an_attempt_that_cannot_be_is_refused(api_as: NewClient, wrong: str) -> None:
    assert api_as(Role.VIEWER).get(f"{API}/tasks/{wrong}").status_code == 422


def test_operators_see_the_attempts_of_their_own_jobs_and_everybodys_statistics(
    desk: Workspace, api_as: NewClient
) -> None:
    operator = api_as(Role.OPERATOR)
    ended = {"status": AttemptStatus.SUCCESS, "finished_at": utc_now() - timedelta(minutes=5)}
    mine = new_attempt(desk, new_job(desk, operator.user_id), **ended)
    job = new_job(desk, uuid4())
    others = [new_attempt(desk, job, **ended), new_attempt(desk, **ended)]
    assert ids(operator.get(f"{API}/tasks")) == [mine]
    assert ids(operator.get(f"{API}/tasks?job={job}")) == []
    assert operator.get(f"{API}/tasks/{mine}").status_code == 200
    assert {operator.get(f"{API}/tasks/{number}").status_code for number in (*others, 4711)} == {404}
    assert operator.get(f"{API}/tasks/stats").json()["total"] == 3
    assert len(ids(api_as(Role.VIEWER, Scope.ALL).get(f"{API}/tasks"))) == 3


def test_statistics_count_every_try_and_agree_with_each_other(desk: Workspace, api_as: NewClient) -> None:
    now, viewer = utc_now(), api_as(Role.VIEWER)
    ages = {
        "1h": timedelta(minutes=2),
        "24h": timedelta(hours=20),
        "30d": timedelta(days=20),
        "": timedelta(days=40),
    }
    for age in ages.values():
        ended = {"finished_at": now - age, "created_at": now - age}
        new_attempt(desk, status=AttemptStatus.FAILED, duration=1.0, **ended)  # tried again:
        new_attempt(desk, status=AttemptStatus.SUCCESS, duration=3.0, **ended)
        new_attempt(desk, status=AttemptStatus.CANCELLED, function="chunk", **ended)
    recount_stale_hours(desk.database, now)
    for period, times in {"1h": 1, "6h": 1, "24h": 2, "7d": 2, "30d": 3}.items():
        stats = viewer.get(f"{API}/tasks/stats?period={period}").json()
        counts = [stats[name] for name in ("total", "success", "failed", "cancelled")]
        assert counts == [3 * times, times, times, times], period
        assert stats["average_duration"] == 2.0
        assert [(one["name"], one["total"]) for one in stats["functions"]] == [
            ("parse", 2 * times),
            ("chunk", times),
        ]
        names = viewer.get(f"{API}/tasks/names?period={period}").json()["names"]
        assert names == [{"name": "parse", "count": 2 * times}, {"name": "chunk", "count": times}]
        throughput = viewer.get(f"{API}/tasks/throughput?period={period}").json()
        buckets = throughput["buckets"]
        assert sum(bucket["total"] for bucket in buckets) == 3 * times
        assert 24 <= len(buckets) <= 74
        starts = [datetime.fromisoformat(bucket["start"]) for bucket in buckets]
        steps = {later - earlier for earlier, later in pairwise(starts)}
        assert steps == {timedelta(seconds=throughput["bucket_seconds"])}
    assert viewer.get(f"{API}/tasks/stats?period=2h").status_code == 422
