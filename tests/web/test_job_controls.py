"""Controls of one job over HTTP: who may, what is answered, and what lands in the audit log."""

from uuid import UUID, uuid4

import pytest
from prefect.client.orchestration import get_client
from prefect.states import Completed, Failed, Running
from sqlmodel import select

from casemill.models import AuditRecord, Job, Role, Scope
from casemill.models.columns import utc_now
from casemill.workspace import Workspace
from tests.monitoring.steering import Steered
from tests.web.conftest import NewClient

ACTIONS = [
    ("POST", "/cancellation"),
    ("POST", "/pause"),
    ("POST", "/resumption"),
    ("POST", "/retry"),
    ("POST", "/restart"),
    ("PUT", "/pin"),
    ("DELETE", "/pin"),
    ("DELETE", ""),
]


@pytest.fixture
def steered(prefect_server: None, desk: Workspace) -> Steered:
    with get_client(sync_client=True) as client:
        yield Steered(desk, client)


def of(steered: Steered, run: UUID, user_id: UUID) -> str:
    with steered.workspace.database.write() as session:
        job = session.get_one(Job, run)
        job.user_id = user_id
        session.add(job)
    steered.client.update_flow_run(run, tags=[f"user:{user_id}"])
    return f"/api/v1/jobs/{run}"


def audit(workspace: Workspace) -> list[tuple[str, str, str | None]]:
    with workspace.database.read() as session:
        rows = session.exec(select(AuditRecord).order_by(AuditRecord.id)).all()
    return [(row.action, str(row.result), row.target) for row in rows if row.action.startswith("job.")]


def test_a_job_is_paused_resumed_cancelled_retried_restarted_pinned_and_deleted(
    steered: Steered, api_as: NewClient
) -> None:
    operator = api_as(Role.OPERATOR)
    run = steered.run(Running())
    job = of(steered, run, operator.user_id)

    def did(method: str, what: str, **given: object) -> tuple[object, ...]:
        answer = operator.request(method, f"{job}{what}", **given)
        assert answer.status_code == 202, answer.text
        told = answer.json()
        assert told["id"] == str(run)
        return told["status"], told["sub_status"], told["asked"]

    assert did("POST", "/pause") == ("paused", None, "pause")
    assert did("POST", "/resumption") == ("pending", None, None)
    assert did("POST", "/cancellation", json={"why": " not needed "}) == ("cancelled", None, "cancel")
    assert steered.job(run).asked_why == "not needed"
    assert did("POST", "/retry") == ("pending", None, None)
    steered.set(run, Running(), Failed())
    assert did("POST", "/restart") == ("pending", None, None)
    assert did("POST", "/cancellation")[0] == "cancelled"
    did("PUT", "/pin")
    assert steered.job(run).pinned
    did("DELETE", "/pin")
    assert not steered.job(run).pinned
    assert operator.delete(job).status_code == 204
    assert operator.delete(job).status_code == 404
    words = ["pause", "resume", "cancel", "retry", "restart", "cancel", "pin", "unpin", "delete"]
    assert audit(steered.workspace) == [
        *((f"job.{word}", "done", f"job:{run}") for word in words),
        ("job.delete", "refused", f"job:{run}"),
    ]


def test_what_makes_no_sense_is_refused_with_a_sentence(steered: Steered, api_as: NewClient) -> None:
    operator = api_as(Role.OPERATOR)
    job = of(steered, steered.run(Running(), Completed()), operator.user_id)
    for action in ("cancellation", "pause", "resumption", "retry"):
        answer = operator.post(f"{job}/{action}")
        assert answer.status_code == 409
        assert answer.json()["detail"].startswith("It is completed")
    assert {result for _, result, _ in audit(steered.workspace)} == {"refused"}


@pytest.mark.parametrize(("method", "action"), ACTIONS)
def test_viewers_may_not_and_of_others_nobody_is_told(
    desk: Workspace, api_as: NewClient, method: str, action: str
) -> None:
    viewer, operator, other = api_as(Role.VIEWER), api_as(Role.OPERATOR), uuid4()
    with desk.database.write() as session:
        session.add(job := Job(id=uuid4(), user_id=other, created_at=utc_now()))
    path = f"/api/v1/jobs/{job.id}{action}"
    assert viewer.request(method, path).status_code == 403
    assert operator.request(method, path).status_code == 404
    unknown = operator.request(method, f"/api/v1/jobs/{uuid4()}{action}")
    assert unknown.status_code == 404


def test_an_operator_with_the_scope_steers_what_is_others(steered: Steered, api_as: NewClient) -> None:
    job = of(steered, steered.run(), uuid4())
    assert api_as(Role.OPERATOR, Scope.ALL).post(f"{job}/cancellation").json()["status"] == "cancelled"


def test_a_reason_that_is_too_long_is_bad_input(desk: Workspace, api_as: NewClient) -> None:
    answer = api_as(Role.OPERATOR).post(f"/api/v1/jobs/{uuid4()}/cancellation", json={"why": "x" * 501})
    assert answer.status_code == 422
