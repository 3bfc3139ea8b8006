"""Batches by the clock over HTTP, on a real Prefect server."""

from collections.abc import Iterator
from typing import Any
from uuid import UUID, uuid4

import pytest
from prefect import flow
from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import WorkPoolCreate
from sqlmodel import col, select

from casemill.models import AuditRecord, AuditResult, Role, Scope
from casemill.workspace import Workspace
from tests.web.conftest import As, NewClient

PATH = "/api/v1/batch-schedules"
NIGHTLY = {"name": "nightly", "cron": "0 22 * * *", "timezone": "Europe/Berlin", "all_cases": True}


@flow(name="scheduled-batch")
def scheduled_flow(schedule_id: UUID, by_hand: bool = False) -> None:
    pass


@pytest.fixture
def deployed(prefect_server: None) -> Iterator[None]:
    pool = f"pool-{uuid4()}"
    with get_client(sync_client=True) as client:
        client.create_work_pool(WorkPoolCreate(name=pool, type="process"))
        deployment = scheduled_flow.to_deployment("default").apply(work_pool_name=pool)
        yield
        client.delete_deployment(deployment)


@pytest.mark.usefixtures("deployed")
def test_a_schedule_is_made_steered_started_and_deleted(desk: Workspace, api_as: NewClient) -> None:
    operator = api_as(Role.OPERATOR)
    answer = operator.post(PATH, json={**NIGHTLY, "steps": ["chunk"], "priority": 2})
    assert answer.status_code == 201, answer.text
    made = answer.json()
    assert (made["name"], made["status"], made["user_id"]) == ("nightly", "active", str(operator.user_id))
    assert (made["steps"], made["priority"], len(made["next_runs"])) == (["parse", "chunk"], 2, 3)
    one = f"{PATH}/{made['id']}"
    assert operator.get(one).json() == made
    assert operator.get(PATH).json() == {"schedules": [made]}
    assert operator.post(f"{one}/pause").json()["status"] == "paused"
    assert operator.post(f"{one}/resumption").json()["status"] == "active"
    started = operator.post(f"{one}/runs")
    assert started.status_code == 202
    assert operator.get(f"/api/v1/jobs/{started.json()['job_id']}").status_code == 200, "its owner sees it"
    assert operator.delete(one).status_code == 204
    assert operator.get(one).status_code == 404
    with desk.database.read() as session:
        actions = session.exec(select(AuditRecord.action).order_by(col(AuditRecord.id))).all()
    assert list(actions) == [
        f"batch-schedule.{verb}" for verb in ("create", "pause", "resume", "run", "delete")
    ]


@pytest.mark.usefixtures("deployed")
def test_who_sees_a_schedule(api_as: NewClient) -> None:
    owner, other = api_as(Role.OPERATOR, name="owner"), api_as(Role.OPERATOR, name="other")
    one = f"{PATH}/{owner.post(PATH, json=NIGHTLY).json()['id']}"
    assert other.get(one).status_code == 404
    assert other.get(PATH).json() == {"schedules": []}
    for action in ("pause", "resumption", "runs"):
        assert other.post(f"{one}/{action}").status_code == 404
    assert other.delete(one).status_code == 404
    viewer = api_as(Role.VIEWER, Scope.ALL)
    assert viewer.get(one).status_code == 200
    assert viewer.post(f"{one}/pause").status_code == 403
    assert api_as(Role.ADMIN).post(f"{one}/pause").status_code == 200


@pytest.fixture
def operator(api_as: NewClient) -> As:
    return api_as(Role.OPERATOR)


@pytest.mark.parametrize(
    "wrong",
    [
        {"cron": "nonsense"},
        {"cron": None, "at": "2020-01-01T22:00"},
        {"timezone": "Mars/Olympus"},
        {"timezone": "UTC\x00"},
        {"cron": None, "at": "2999-01-01T22:00\x00"},
        {"name": "a\u202eb"},
        {"all_cases": False},
        {"steps": ["nonsense"]},
        {"unknown": 1},
    ],
    ids=str,
)
def test_what_is_wrong_is_said_in_a_sentence(operator: As, wrong: dict[str, Any]) -> None:
    answer = operator.post(PATH, json=NIGHTLY | wrong)
    assert answer.status_code == 422
    assert answer.json()["detail"]


def test_what_makes_no_sense_is_in_the_audit_log_as_refused(desk: Workspace, operator: As) -> None:
    assert operator.post(PATH, json=NIGHTLY | {"cron": "0 0 31 2 *"}).status_code == 422
    with desk.database.read() as session:
        [record] = session.exec(select(AuditRecord)).all()
    assert (record.action, record.result) == ("batch-schedule.create", AuditResult.REFUSED)


def test_without_prefect_nothing_is_kept_and_it_is_worth_another_try(
    operator: As,
    without_prefect: None,
) -> None:
    for _ in range(2):  # the name is still free
        answer = operator.post(PATH, json=NIGHTLY)
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert operator.get(PATH).status_code == 200, "there is none, whatever Prefect says"
