"""Bulk actions over HTTP: counted first, then done, each job with its answer."""

from uuid import UUID, uuid4

import pytest
from sqlmodel import func, select

from casemill.models import AuditRecord, Job, JobStatus, JobType, Role
from casemill.models.columns import utc_now
from casemill.workspace import Workspace
from tests.web.conftest import As, NewClient

BULK = "/api/v1/jobs/bulk"


@pytest.fixture
def operator(api_as: NewClient) -> As:
    return api_as(Role.OPERATOR)


def add_jobs(desk: Workspace, user_id: UUID, *statuses: JobStatus, kind: JobType = JobType.SYNC) -> list[str]:
    jobs = [
        Job(id=uuid4(), status=status, user_id=user_id, type=kind, created_at=utc_now())
        for status in statuses
    ]
    ids = [str(job.id) for job in jobs]
    with desk.database.write() as session:
        session.add_all(jobs)
    return ids


def test_a_dry_run_counts_by_status_and_changes_nothing(desk: Workspace, operator: As) -> None:
    add_jobs(desk, operator.user_id, *[JobStatus.COMPLETED] * 60, *[JobStatus.RUNNING] * 2)
    add_jobs(desk, operator.user_id, JobStatus.COMPLETED, kind=JobType.TRIAL)
    add_jobs(desk, uuid4(), JobStatus.COMPLETED)
    answer = operator.post(
        BULK, json={"action": "delete", "filter": {"type": ["sync"]}, "dry_run": True}
    ).json()
    assert (answer["matched"], answer["applicable"], answer["done"], answer["results"]) == (62, 60, 0, [])
    assert answer["by_status"] == [
        {"status": "running", "matched": 2, "applicable": 0},
        {"status": "completed", "matched": 60, "applicable": 60},
    ]
    with desk.database.read() as session:
        assert session.exec(select(func.count()).select_from(Job)).one() == 64


def test_each_job_answers_for_itself(desk: Workspace, operator: As, prefect_server: None) -> None:
    done, runs = add_jobs(desk, operator.user_id, JobStatus.COMPLETED, JobStatus.RUNNING)
    [theirs] = add_jobs(desk, uuid4(), JobStatus.COMPLETED)
    answer = operator.post(BULK, json={"action": "delete", "ids": [done, runs, theirs]}).json()
    results = {result["job_id"]: (result["done"], result["detail"]) for result in answer["results"]}
    assert results == {
        done: (True, "Deleted"),
        runs: (False, "It is running; there is nothing to delete"),
        theirs: (False, f"No job {theirs} among those you can see"),
    }
    assert (answer["matched"], answer["applicable"], answer["done"]) == (2, 1, 1)
    with desk.database.read() as session:
        records = session.exec(select(AuditRecord).order_by(AuditRecord.id)).all()
    assert [(record.action, record.target) for record in records] == [
        ("job.delete", f"job:{done}"),
        ("job.bulk", "action:delete"),
    ]
    assert records[1].detail == {"matched": 2, "applicable": 1, "done": 1}


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"ids": []},
        {"filter": {}},
        {"filter": {"q": "  "}},
        {"filter": {"status": ["asleep"]}},
        {"filter": {"statuses": ["failed"]}},
        {"ids": ["0198c0de-0000-7000-8000-000000000000"], "filter": {"status": ["failed"]}},
        {"filter": {"created_from": "2026-01-01T00:00:00"}},
    ],
    ids=str,
)
def test_jobs_have_to_be_named(operator: As, wrong: dict[str, object]) -> None:
    assert operator.post(BULK, json={"action": "delete", **wrong}).status_code == 422


def test_all_jobs_are_meant_only_when_it_is_said(desk: Workspace, operator: As) -> None:
    add_jobs(desk, operator.user_id, JobStatus.COMPLETED)
    asked = {"action": "delete", "filter": {}, "dry_run": True, "all": True}
    assert operator.post(BULK, json=asked).json()["matched"] == 1


def test_viewers_change_nothing(api_as: NewClient) -> None:
    asked = {"action": "cancel", "filter": {}, "all": True}
    assert api_as(Role.VIEWER).post(BULK, json=asked).status_code == 403
