"""API tokens: made, shown once, seen by their owner, revoked."""

from datetime import datetime, timedelta
from uuid import uuid4

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlmodel import select

from casemill.models import ApiToken, AuditRecord, Role
from casemill.models.columns import utc_now
from casemill.workspace import Workspace
from tests.web.conftest import BASE, NewClient

API = "/api/v1"


def with_token(app: FastAPI, secret: str) -> TestClient:
    return TestClient(app, base_url=BASE, headers={"Authorization": f"Bearer {secret}"})


def test_a_token_is_shown_once_and_signs_in(desk: Workspace, app: FastAPI, api_as: NewClient):
    ana = api_as(Role.OPERATOR)
    made = ana.post(f"{API}/tokens", json={"name": "nightly import"})
    assert made.status_code == 201
    secret = made.json()["secret"]
    assert secret.startswith(made.json()["hint"])
    assert with_token(app, secret).get(f"{API}/session").json()["user_id"] == str(ana.user_id)
    assert secret not in ana.get(f"{API}/tokens").text
    with desk.database.read() as session:
        kept = str(
            [
                row.model_dump()
                for row in [*session.exec(select(ApiToken)), *session.exec(select(AuditRecord))]
            ]
        )
    assert secret not in kept


def test_a_token_can_end_by_itself(api_as: NewClient):
    made = api_as(Role.VIEWER).post(f"{API}/tokens", json={"name": "trial", "expires_in_days": 30}).json()
    until = datetime.fromisoformat(made["expires_at"]) - utc_now()
    assert timedelta(days=29, hours=23) < until <= timedelta(days=30)


def test_a_token_says_when_it_was_used(app: FastAPI, api_as: NewClient):
    ana = api_as(Role.OPERATOR)
    made = ana.post(f"{API}/tokens", json={"name": "script"}).json()
    assert made["used_at"] is None
    with_token(app, made["secret"]).get(f"{API}/session")
    shown = {token["id"]: token for token in ana.get(f"{API}/tokens").json()["tokens"]}
    assert shown[made["id"]]["used_at"] is not None


def test_a_revoked_token_lets_nobody_in_and_is_not_revoked_twice(app: FastAPI, api_as: NewClient):
    ana = api_as(Role.OPERATOR)
    made = ana.post(f"{API}/tokens", json={"name": "script"}).json()
    assert ana.delete(f"{API}/tokens/{made['id']}").status_code == 204
    assert with_token(app, made["secret"]).get(f"{API}/session").status_code == 401
    assert ana.delete(f"{API}/tokens/{made['id']}").status_code == 409


def test_one_sees_and_revokes_ones_own_tokens_only(api_as: NewClient):
    ana, ben = api_as(Role.OPERATOR, name="ana"), api_as(Role.OPERATOR, name="ben")
    bens = ben.post(f"{API}/tokens", json={"name": "ben's"}).json()
    assert "ben's" not in ana.get(f"{API}/tokens").text
    assert ana.get(f"{API}/tokens", params={"user": str(ben.user_id)}).status_code == 403
    assert ana.get(f"{API}/tokens", params={"user": "all"}).status_code == 403
    assert ana.delete(f"{API}/tokens/{bens['id']}").status_code == 404
    assert ana.delete(f"{API}/tokens/{uuid4()}").status_code == 404


def test_admins_see_and_revoke_everybodys(api_as: NewClient):
    boss, ben = api_as(Role.ADMIN), api_as(Role.OPERATOR)
    bens = ben.post(f"{API}/tokens", json={"name": "ben's"}).json()
    assert "ben's" not in boss.get(f"{API}/tokens").text
    assert boss.get(f"{API}/tokens", params={"user": str(ben.user_id)}).json()["total"] == 2
    assert boss.get(f"{API}/tokens", params={"user": "all"}).json()["total"] == 3
    assert boss.delete(f"{API}/tokens/{bens['id']}").status_code == 204


@pytest.mark.parametrize(
    "given", [{}, {"name": ""}, {"name": "x" * 81}, {"name": "a\x00"}, {"name": "x", "expires_in_days": 0}]
)
def test_what_cannot_be_a_token_is_bad_input(api_as: NewClient, given: dict[str, object]):
    assert api_as(Role.VIEWER).post(f"{API}/tokens", json=given).status_code == 422


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer ", "Basic YTpi", "Bearer cm_wrong", "cm_wrong"])
def test_what_is_no_token_lets_nobody_in(app: FastAPI, header: str):
    answer = TestClient(app, base_url=BASE).get(f"{API}/session", headers={"Authorization": header})
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == "Bearer"
