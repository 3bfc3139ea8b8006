"""Whether it lives, whether it can work, and what it says of itself to whom."""

from datetime import timedelta

import pytest
from fastapi.testclient import TestClient
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import text

from casemill.models import RecorderMark, Role
from casemill.models.columns import utc_now
from casemill.web.app import create_app
from casemill.workspace import Workspace
from tests.web.conftest import BASE, NewClient


@pytest.fixture
def stranger(desk: Workspace) -> TestClient:
    return TestClient(create_app(desk), base_url=BASE, raise_server_exceptions=False)


def mark(workspace: Workspace, ago: timedelta) -> None:
    with workspace.database.write() as session:
        session.add(RecorderMark(seen_at=utc_now() - ago))


def test_a_process_that_answers_is_healthy(desk: Workspace, stranger: TestClient) -> None:
    desk.database.close()
    assert stranger.get("/health").json() == {"status": "ok"}


def test_it_is_ready_when_all_it_depends_on_is_there(
    desk: Workspace, stranger: TestClient, prefect_server: None
) -> None:
    mark(desk, timedelta(seconds=1))
    answer = stranger.get("/ready")
    checks = {"database": True, "schema": True, "recorder": True, "prefect": True}
    assert (answer.status_code, answer.json()) == (200, {"status": "ready", "checks": checks})


def test_it_says_what_is_missing_and_nothing_more(
    desk: Workspace,
    stranger: TestClient,
    without_prefect: None,
) -> None:
    mark(desk, timedelta(minutes=5))
    answer = stranger.get("/ready")
    checks = {"database": True, "schema": True, "recorder": False, "prefect": False}
    assert (answer.status_code, answer.json()) == (503, {"status": "not ready", "checks": checks})


def test_an_old_schema_is_not_ready(
    desk: Workspace,
    stranger: TestClient,
    without_prefect: None,
) -> None:
    with desk.database.write() as session:
        session.connection().execute(text("UPDATE alembic_version SET version_num = '0001'"))
    checks = stranger.get("/ready").json()["checks"]
    assert (checks["database"], checks["schema"]) == (True, False)


def test_metrics_are_for_those_who_are_signed_in(stranger: TestClient, api_as: NewClient) -> None:
    assert stranger.get("/metrics").status_code == 401
    answer = api_as(Role.VIEWER).get("/metrics")
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert {family.name for family in text_string_to_metric_families(answer.text)} >= {
        "casemill_jobs",
        "casemill_limit",
    }
