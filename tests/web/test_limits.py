"""Limits over HTTP: everybody reads them, admins change them."""

import pytest
from prefect.client.orchestration import SyncPrefectClient
from sqlmodel import select

from casemill.models import AuditRecord, LimitName, Role
from casemill.workspace import Workspace
from tests.pool import in_own_pool
from tests.web.conftest import NewClient

LIMITS = "/api/v1/limits"


@pytest.fixture
def desk(desk: Workspace, prefect_client: SyncPrefectClient) -> Workspace:
    return in_own_pool(desk, prefect_client)


def test_an_admin_changes_a_limit(
    desk: Workspace, api_as: NewClient, prefect_client: SyncPrefectClient
) -> None:
    admin, viewer = api_as(Role.ADMIN), api_as(Role.VIEWER)
    changed = admin.put(f"{LIMITS}/jobs_at_once", json={"value": 4}).json()
    assert (changed["value"], changed["default"], changed["changed_by"]) == (4, 10, str(admin.user_id))
    assert prefect_client.read_work_pool(desk.settings.work_pool).concurrency_limit == 4
    shown = {limit["name"]: limit for limit in viewer.get(LIMITS).json()["limits"]}
    assert set(shown) == set(LimitName)
    assert shown["jobs_at_once"] == changed
    assert (shown["job_seconds"]["value"], shown["job_seconds"]["changed_at"]) == (72 * 3600, None)
    with desk.database.read() as session:
        record = session.exec(select(AuditRecord).where(AuditRecord.action == "limit.change")).one()
    assert record.detail == {"before": 10, "value": 4}


@pytest.mark.parametrize(
    ("name", "value", "status"),
    [("jobs_at_once", 0, 422), ("jobs_at_once", 5000, 422), ("moonlight", 3, 422), ("job_seconds", 59, 422)],
)
def test_a_limit_that_makes_no_sense_is_refused(
    api_as: NewClient, name: str, value: int, status: int
) -> None:
    assert api_as(Role.ADMIN).put(f"{LIMITS}/{name}", json={"value": value}).status_code == status


def test_others_change_no_limit(api_as: NewClient) -> None:
    for role in (Role.VIEWER, Role.OPERATOR):
        assert api_as(role).put(f"{LIMITS}/jobs_at_once", json={"value": 4}).status_code == 403
