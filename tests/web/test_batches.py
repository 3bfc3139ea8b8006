"""Batches over HTTP, on a real Prefect server."""

from uuid import UUID, uuid4

import httpx
import pytest
from prefect.client.orchestration import SyncPrefectClient
from sqlmodel import select

from casemill.models import AuditRecord, AuditResult, CaseStep, Role, Scope, StepState
from casemill.models.columns import utc_now
from casemill.monitoring import jobs
from casemill.workspace import Workspace
from tests.conftest import NewOwner
from tests.pool import in_own_pool
from tests.web.conftest import As, NewClient

BATCHES = "/api/v1/batches"


@pytest.fixture
def desk(desk: Workspace, prefect_client: SyncPrefectClient) -> Workspace:
    return in_own_pool(desk, prefect_client)


@pytest.fixture
def cases(desk: Workspace, new_case: NewOwner) -> list[UUID]:
    return [new_case(desk, f"case {number}", letter=f"letter {number}") for number in range(3)]


@pytest.fixture
def operator(api_as: NewClient) -> As:
    return api_as(Role.OPERATOR)


def ids(cases: list[UUID]) -> list[str]:
    return [str(case) for case in cases]


def start(client: As, cases: list[UUID], **given: object) -> httpx.Response:
    return client.post(BATCHES, json={"case_ids": ids(cases), **given})


def records(desk: Workspace, action: str) -> list[AuditRecord]:
    with desk.database.read() as session:
        return list(session.exec(select(AuditRecord).where(AuditRecord.action == action)))


def test_a_batch_is_started_with_what_can_take_part(desk: Workspace, operator: As, cases: list[UUID]) -> None:
    unknown = uuid4()
    answer = start(operator, [*cases, unknown], steps=["chunk"], priority=3)
    assert answer.status_code == 201
    started = answer.json()
    assert (started["steps"], started["priority"], started["added"]) == (["parse", "chunk"], 3, ids(cases))
    assert started["skipped"] == [{"case_id": str(unknown), "reason": "There is no such case"}]
    assert len(started["jobs"]) == 2
    [record] = records(desk, "batch.start")
    assert record.detail["batch_id"] == started["batch_id"]
    assert (record.detail["added"], record.detail["skipped"], record.result) == (3, 1, AuditResult.DONE)


@pytest.mark.parametrize("as_header", [True, False], ids=["header", "field"])
def test_the_same_key_answers_with_the_same_batch(operator: As, cases: list[UUID], as_header: bool) -> None:
    body = {"case_ids": ids(cases)} | ({} if as_header else {"idempotency_key": "monday"})
    headers = {"Idempotency-Key": "monday"} if as_header else {}
    first, second = (operator.post(BATCHES, json=body, headers=headers) for _ in range(2))
    assert (first.status_code, second.status_code) == (201, 200)
    assert first.json() == second.json()


def test_nothing_left_is_said_with_each_reason(desk: Workspace, operator: As) -> None:
    unknown = uuid4()
    answer = start(operator, [unknown])
    assert answer.status_code == 422
    assert answer.json()["errors"] == [{"where": str(unknown), "what": "There is no such case"}]
    assert [record.result for record in records(desk, "batch.start")] == [AuditResult.REFUSED]


def test_without_prefect_the_batch_is_kept_and_the_same_request_goes_on(
    operator: As, cases: list[UUID], monkeypatch: pytest.MonkeyPatch
) -> None:
    def nobody_answers(**_: object) -> None:
        raise httpx.ConnectError("refused")

    with monkeypatch.context() as away:
        away.setattr(jobs, "get_client", nobody_answers)
        answer = start(operator, cases, idempotency_key="monday")
    assert answer.status_code == 503
    assert "is kept" in answer.json()["detail"]
    [kept] = operator.get(BATCHES).json()["batches"]
    again = start(operator, cases, idempotency_key="monday")
    assert (again.status_code, again.json()["batch_id"]) == (200, kept["batch_id"])
    assert len(again.json()["jobs"]) == 2


@pytest.mark.parametrize(
    "wrong",
    [
        {"case_ids": []},
        {"priority": 11},
        {"steps": ["ocr"]},
        {"options": {"chunk": {"size": -1}}},
        {"idempotency_key": "a\nb"},
        {"surprise": 1},
    ],
    ids=str,
)
def test_what_cannot_be_meant_is_not_started(
    operator: As, cases: list[UUID], wrong: dict[str, object]
) -> None:
    assert operator.post(BATCHES, json={"case_ids": ids(cases), **wrong}).status_code == 422
    assert operator.get(BATCHES).json()["total"] == 0


def test_a_batch_shows_where_it_is_and_what_failed(desk: Workspace, operator: As, cases: list[UUID]) -> None:
    batch_id = start(operator, cases, steps=["chunk"]).json()["batch_id"]
    with desk.database.write() as session:
        rows = session.exec(select(CaseStep).order_by("id")).all()
        rows[0].state, rows[0].finished_at = StepState.FAILED, utc_now()
        rows[0].error_type, rows[0].error, rows[0].traceback = "OSError", "disk full", "Traceback ..."
        rows[1].state = StepState.BLOCKED
        session.add_all(rows[:2])
    shown = operator.get(f"{BATCHES}/{batch_id}", params={"per_page": 2}).json()
    assert (shown["status"], shown["case_count"], shown["pages"]) == ("pending", 3, 2)
    assert shown["percent"] == pytest.approx(100 * 2 / 6)
    assert shown["step_progress"][0] == {
        "name": "parse",
        "done": 1.0,
        "total": 3,
        "states": {"pending": 2, "failed": 1},
    }
    assert [case["case"] for case in shown["cases"]] == ["case 0", "case 1"]
    assert shown["cases"][0]["steps"]["parse"]["state"] == "failed"
    assert shown["cases"][0]["documents"][0]["name"] == "letter.pdf"
    [failure] = shown["failures"]
    assert (failure["case"], failure["step"], failure["error"]) == ("case 0", "parse", "disk full")
    assert failure["traceback"] == "Traceback ..."
    assert shown["job_count"] == len(shown["jobs"]) == 2
    rest = operator.get(f"{BATCHES}/{batch_id}", params={"per_page": 2, "page": 2}).json()
    assert [case["case"] for case in rest["cases"]] == ["case 2"]


def test_batches_are_steered_and_each_action_is_audited(
    desk: Workspace, operator: As, cases: list[UUID]
) -> None:
    batch_id = start(operator, cases).json()["batch_id"]
    for action, status, jobs_asked in (
        ("pause", "paused", 2),
        ("resumption", "pending", 2),
        ("cancellation", "cancelled", 2),
        ("restart", "pending", 2),
    ):
        answer = operator.post(f"{BATCHES}/{batch_id}/{action}")
        assert answer.status_code == 202
        steered = answer.json()
        assert (steered["batch"]["status"], len(steered["results"])) == (status, jobs_asked)
        assert all(result["done"] for result in steered["results"])
    refused = operator.post(f"{BATCHES}/{batch_id}/retry")
    assert (refused.status_code, refused.headers["content-type"]) == (409, "application/problem+json")
    for action in ("pause", "resume", "cancel", "restart"):
        [record] = records(desk, f"batch.{action}")
        assert (record.target, record.detail) == (f"batch:{batch_id}", {"jobs": 2, "done": 2})
    assert [record.result for record in records(desk, "batch.retry")] == [AuditResult.REFUSED]


def test_what_failed_of_one_case_is_tried_again(desk: Workspace, operator: As, cases: list[UUID]) -> None:
    batch_id = start(operator, cases).json()["batch_id"]
    operator.post(f"{BATCHES}/{batch_id}/cancellation")
    with desk.database.write() as session:
        for row in session.exec(select(CaseStep)).all():
            row.state = StepState.FAILED
            session.add(row)
    answer = operator.post(f"{BATCHES}/{batch_id}/retry", json={"case_ids": ids(cases[:1])})
    assert (answer.status_code, len(answer.json()["results"])) == (202, 1)
    with desk.database.read() as session:
        waiting = session.exec(select(CaseStep.case_id).where(CaseStep.state == StepState.PENDING)).all()
    assert set(waiting) == {cases[0]}
    assert operator.post(f"{BATCHES}/{batch_id}/retry", json={"case_ids": []}).status_code == 422


def test_who_sees_whose_batches(api_as: NewClient, operator: As, cases: list[UUID]) -> None:
    batch_id = start(operator, cases).json()["batch_id"]
    other = api_as(Role.OPERATOR, name="other")
    assert other.get(BATCHES).json()["total"] == 0
    assert other.get(f"{BATCHES}/{batch_id}").status_code == 404
    assert other.post(f"{BATCHES}/{batch_id}/cancellation").status_code == 404
    for sees_all in (api_as(Role.ADMIN), api_as(Role.VIEWER, Scope.ALL)):
        [shown] = sees_all.get(BATCHES, params={"status": "pending"}).json()["batches"]
        assert (shown["batch_id"], shown["user_id"]) == (batch_id, str(operator.user_id))
        assert sees_all.get(BATCHES, params={"status": ["failed", "completed"]}).json()["batches"] == []


def test_viewers_start_and_steer_nothing(api_as: NewClient, operator: As, cases: list[UUID]) -> None:
    batch_id = start(operator, cases).json()["batch_id"]
    viewer = api_as(Role.VIEWER, Scope.ALL)
    assert start(viewer, cases).status_code == 403
    for action in ("pause", "resumption", "cancellation", "retry", "restart"):
        assert viewer.post(f"{BATCHES}/{batch_id}/{action}").status_code == 403
