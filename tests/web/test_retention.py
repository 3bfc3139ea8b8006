"""Retention over HTTP: everybody reads it, admins change it, the next cleanup goes by it."""

from uuid import uuid4

import pytest
from sqlmodel import select

from casemill.models import AuditRecord, CleanupReport, Job, JobStatus, JobType, RetentionName, Role
from casemill.models.columns import utc_now
from casemill.workspace import Workspace
from tests.web.conftest import NewClient

RETENTION = "/api/v1/retention"


def cleaned(desk: Workspace, status: JobStatus = JobStatus.COMPLETED, **values: object) -> Job:
    at = utc_now()
    job = Job(
        id=uuid4(), type=JobType.MAINTENANCE, status=status, flow_name="job-cleanup",
        created_at=at, finished_at=at, **{"parameters": {"dry_run": False}, **values},
    )  # fmt: skip
    with desk.database.write() as session:
        session.add(job)
    return job


def report(desk: Workspace, job: Job, removed: dict[str, int], *, dry_run: bool = False) -> None:
    rows = [{"what": what, "removed": count, "left": 0, "why": ""} for what, count in removed.items()]
    with desk.database.write() as session:
        session.add(CleanupReport(id=job.id, finished_at=utc_now(), dry_run=dry_run, removed=rows))


def test_an_admin_changes_how_long_something_is_kept(desk: Workspace, api_as: NewClient) -> None:
    admin, viewer = api_as(Role.ADMIN), api_as(Role.VIEWER)
    changed = admin.put(f"{RETENTION}/failed_run_days", json={"value": 14}).json()
    assert (changed["value"], changed["default"], changed["unit"]) == (14, 7, "days")
    assert changed["changed_by"] == str(admin.user_id)
    shown = {one["name"]: one for one in viewer.get(RETENTION).json()["retention"]}
    assert list(shown) == list(RetentionName)
    assert shown["failed_run_days"] == changed
    assert (shown["feed_days"]["value"], shown["feed_days"]["changed_at"]) == (7, None)
    assert all(one["covers"] and one["least"] <= one["default"] <= one["most"] for one in shown.values())
    with desk.database.read() as session:
        record = session.exec(select(AuditRecord).where(AuditRecord.action == "retention.change")).one()
    assert record.target == "retention:failed_run_days"
    assert record.detail == {"before": 7, "value": 14}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("history_days", 30),
        ("failed_run_days", 0.5),
        ("failed_run_days", 91),
        ("temporary_file_hours", 1),
        ("feed_days", -1),
        ("feed_days", "NaN"),
        ("feed_days", 1e300),
        ("moonlight", 3),
    ],
)
def test_what_would_lose_what_is_needed_is_refused(api_as: NewClient, name: str, value: float) -> None:
    admin = api_as(Role.ADMIN)
    refused = admin.put(f"{RETENTION}/{name}", json={"value": value})
    assert refused.status_code == 422
    assert {one["changed_at"] for one in admin.get(RETENTION).json()["retention"]} == {None}


def test_others_change_nothing(api_as: NewClient) -> None:
    for role in (Role.VIEWER, Role.OPERATOR):
        assert api_as(role).put(f"{RETENTION}/feed_days", json={"value": 4}).status_code == 403


def test_each_class_says_how_many_the_last_cleanup_removed(desk: Workspace, api_as: NewClient) -> None:
    viewer = api_as(Role.VIEWER)
    assert viewer.get(RETENTION).json()["last_cleanup"] is None
    report(desk, cleaned(desk), {"sessions": 2, "tokens": 3, "failed runs": 4, "jobs": 0})
    found = viewer.get(RETENTION).json()
    removed = {one["name"]: one["removed"] for one in found["retention"]}
    assert (removed["credential_days"], removed["failed_run_days"], removed["history_days"]) == (5, 4, 0)
    assert found["last_cleanup"]["removed"][2]["what"] == "failed runs"
    assert found["last_cleanup"] == viewer.get("/api/v1/queue").json()["last_cleanup"]


def test_the_last_cleanup_is_the_last_that_deleted_and_a_failed_one_is_shown_as_failed(
    desk: Workspace, api_as: NewClient
) -> None:
    """By hand it is a dry run unless told otherwise; a second one beside a first is cancelled."""
    failed = cleaned(desk, JobStatus.FAILED, state_message="3 jobs removed; not all could be: stale claims")
    cleaned(desk, JobStatus.CANCELLED)
    for parameters in ({}, {"dry_run": True}, None, {"dry_run": "banana"}, {"dry_run": None}):
        dry = cleaned(desk, parameters=parameters)
        report(desk, dry, {"jobs": 100}, dry_run=True)
    found = api_as(Role.VIEWER).get(RETENTION).json()["last_cleanup"]
    assert (found["job_id"], found["status"]) == (str(failed.id), "failed")
    assert "not all could be" in found["result"]
    assert found["removed"] == []


def test_what_a_dry_run_found_is_shown_by_its_job(desk: Workspace, api_as: NewClient) -> None:
    dry = cleaned(desk, parameters={})
    report(desk, dry, {"jobs": 100}, dry_run=True)
    viewer = api_as(Role.VIEWER)
    found = viewer.get(f"/api/v1/cleanups/{dry.id}").json()
    assert (found["dry_run"], found["removed"][0]["removed"]) == (True, 100)
    assert viewer.get(f"/api/v1/cleanups/{uuid4()}").status_code == 404
