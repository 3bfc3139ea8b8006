"""The queue over HTTP: operators steer their own, admins everybody's."""

from uuid import UUID, uuid4

import pytest
from prefect.client.orchestration import SyncPrefectClient
from sqlmodel import select

from casemill.models import AuditRecord, AuditResult, Role
from casemill.monitoring.jobs import submit_batch_jobs, user_queue
from casemill.workspace import Workspace
from tests.pool import in_own_pool, next_jobs
from tests.web.conftest import As, NewClient

QUEUE = "/api/v1/queue"


@pytest.fixture
def desk(desk: Workspace, prefect_client: SyncPrefectClient) -> Workspace:
    return in_own_pool(desk, prefect_client)


def submit(desk: Workspace, user_id: UUID) -> list[UUID]:
    queue = user_queue(desk.settings, user_id, desk.database)
    return submit_batch_jobs(uuid4(), [[uuid4()], [uuid4()]], user_id=user_id, queue=queue, round_id="only")


@pytest.fixture
def operator(api_as: NewClient) -> As:
    return api_as(Role.OPERATOR)


def test_an_operator_clears_their_own_queue(
    desk: Workspace, operator: As, prefect_client: SyncPrefectClient
) -> None:
    jobs = submit(desk, operator.user_id)
    own = {"user": str(operator.user_id)}
    counted = operator.get(f"{QUEUE}/cancellation", params=own).json()
    assert counted == {"running": 0, "waiting": 2, "paused": 0}
    assert next_jobs(prefect_client, desk), "counting changes nothing"
    cleared = operator.post(f"{QUEUE}/cancellation", params=own).json()
    assert (cleared["matched"], cleared["done"], cleared["paused"]) == (2, 2, True)
    assert {result["job_id"] for result in cleared["results"]} == {str(job) for job in jobs}
    assert "paused until somebody starts it" in cleared["message"]
    waiting = submit(desk, operator.user_id)
    assert next_jobs(prefect_client, desk) == []
    started = operator.post(f"{QUEUE}/start", params=own).json()
    assert not started["paused"]
    assert "No worker is there" in started["message"]
    assert next_jobs(prefect_client, desk) == waiting
    with desk.database.read() as session:
        actions = session.exec(select(AuditRecord.action, AuditRecord.target).order_by(AuditRecord.id)).all()
    target = f"queue:{operator.user_id}"
    assert actions == [("queue.cancel", target), ("queue.start", target)]


@pytest.mark.parametrize("action", ["pause", "start", "resumption", "cancellation"])
def test_operators_leave_the_queues_of_others_alone(
    desk: Workspace, operator: As, api_as: NewClient, action: str
) -> None:
    other = api_as(Role.OPERATOR, name="other")
    assert operator.post(f"{QUEUE}/{action}").status_code == 403
    denied = operator.post(f"{QUEUE}/{action}", params={"user": str(other.user_id)})
    assert denied.status_code == 403
    assert f"?user={operator.user_id}" in denied.json()["detail"]
    with desk.database.read() as session:
        assert set(session.exec(select(AuditRecord.result))) == {AuditResult.DENIED}


def test_an_admin_steers_everybodys(
    desk: Workspace, operator: As, api_as: NewClient, prefect_client: SyncPrefectClient
) -> None:
    admin, jobs = api_as(Role.ADMIN), submit(desk, operator.user_id)
    assert admin.post(f"{QUEUE}/pause").json()["name"] == desk.settings.work_pool
    assert next_jobs(prefect_client, desk) == []
    admin.post(f"{QUEUE}/resumption")
    assert next_jobs(prefect_client, desk) == jobs
    admin.post(f"{QUEUE}/pause", params={"user": str(operator.user_id)})
    assert next_jobs(prefect_client, desk) == []
    assert admin.post(f"{QUEUE}/pause", params={"user": str(uuid4())}).status_code == 404
