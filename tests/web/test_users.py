"""Users over the API: admins make and change them; everybody changes their own password."""

from uuid import uuid4

import pytest
from fastapi.testclient import TestClient
from sqlmodel import col, select

from casemill.access.passwords import verify_password
from casemill.models import AuditRecord, AuditResult, Role, User
from casemill.web.entry import COOKIE
from casemill.workspace import Workspace
from tests.access.people import PASSWORD, new_person
from tests.web.conftest import As, NewClient

API = "/api/v1"
NEW = "another good one"


@pytest.fixture
def admin(api_as: NewClient) -> As:
    return api_as(Role.ADMIN, name="boss")


def has_password(desk: Workspace, name: str, password: str) -> bool:
    with desk.database.read() as session:
        return verify_password(
            session.exec(select(User).where(User.name == name)).one().password_hash, password
        )


def test_an_admin_adds_a_user_who_then_signs_in(desk: Workspace, admin: As, stranger: TestClient):
    given = {"name": "Ana García", "role": "viewer", "email": "ana@firm.example", "password": PASSWORD}
    answer = admin.post(f"{API}/users", json=given)
    assert answer.status_code == 201
    shown = answer.json()
    assert (shown["name"], shown["role"], shown["scope"]) == ("Ana García", "viewer", "all")
    assert shown["has_password"] and "password_hash" not in shown
    session = {"name": "Ana García", "password": PASSWORD}
    assert stranger.post(f"{API}/session", json=session).status_code == 201


def test_a_user_without_a_password_comes_in_by_link_and_gives_themselves_one(
    desk: Workspace, admin: As, stranger: TestClient
):
    user = admin.post(f"{API}/users", json={"name": "ana"}).json()
    assert (user["role"], user["scope"], user["has_password"]) == ("operator", "own", False)
    link = admin.post(f"{API}/users/{user['id']}/login-link").json()
    assert stranger.get(link["path"]).status_code == 303
    headers = {"X-CSRF-Token": stranger.get(f"{API}/session").json()["csrf_token"]}
    answer = stranger.put(f"{API}/users/me/password", json={"password": PASSWORD}, headers=headers)
    assert answer.status_code == 204
    assert has_password(desk, "ana", PASSWORD)


def test_a_disabled_user_gets_no_link(admin: As):
    user = admin.post(f"{API}/users", json={"name": "ana"}).json()
    admin.patch(f"{API}/users/{user['id']}", json={"disabled": True})
    assert admin.post(f"{API}/users/{user['id']}/login-link").status_code == 409


def test_users_are_listed_by_name_in_pages(admin: As):
    for name in ("zoe", "ana", "ben"):
        admin.post(f"{API}/users", json={"name": name})
    first = admin.get(f"{API}/users", params={"per_page": 3}).json()
    assert [user["name"] for user in first["users"]] == ["ana", "ben", "boss"]
    assert (first["total"], first["page"], first["pages"]) == (4, 1, 2)
    second = admin.get(f"{API}/users", params={"per_page": 3, "page": 2}).json()
    assert [user["name"] for user in second["users"]] == ["zoe"]


def test_a_user_is_changed_in_what_is_given_only(admin: As):
    user = admin.post(f"{API}/users", json={"name": "ana", "email": "ana@firm.example"}).json()
    changed = admin.patch(f"{API}/users/{user['id']}", json={"scope": "all"}).json()
    assert changed == {**user, "scope": "all"}
    assert admin.get(f"{API}/users/{user['id']}").json() == changed
    assert admin.patch(f"{API}/users/{user['id']}", json={"email": ""}).json()["email"] is None


def test_a_name_taken_is_refused_and_the_refusal_written_down(desk: Workspace, admin: As):
    answer = admin.post(f"{API}/users", json={"name": "BOSS"})
    assert answer.status_code == 409 and "already" in answer.json()["detail"]
    with desk.database.read() as session:
        record = session.exec(select(AuditRecord)).one()
    assert (record.action, record.result, record.user_name) == ("user.create", AuditResult.REFUSED, "boss")


def test_the_only_admin_cannot_shut_everybody_out(admin: As):
    for change in ({"disabled": True}, {"role": "viewer"}):
        answer = admin.patch(f"{API}/users/{admin.user_id}", json=change)
        assert answer.status_code == 409 and "only enabled admin" in answer.json()["detail"]


@pytest.mark.parametrize(
    "given",
    [
        {"name": "ana", "role": "owner"},
        {"name": "ana\x00"},
        {"name": "<b>ana</b>"},
        {"name": ""},
        {"name": "ana", "email": "nowhere"},
        {"name": "ana", "password": "too short"},
        {"name": "Ana Garcia Perez", "password": "ana garcia perez"},
        {"name": "ana", "is_admin": True},
    ],
)
def test_what_cannot_be_a_user_is_bad_input_and_says_no_password_back(admin: As, given: dict[str, object]):
    answer = admin.post(f"{API}/users", json=given)
    assert answer.status_code == 422
    assert "password" not in given or str(given["password"]) not in answer.text


def test_half_a_character_is_bad_input(admin: As):
    body = b'{"name": "\\ud800"}'
    answer = admin.post(f"{API}/users", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 422


def test_a_user_who_is_not_there_is_not_found(admin: As):
    assert admin.get(f"{API}/users/{uuid4()}").status_code == 404
    assert admin.put(f"{API}/users/{uuid4()}/password", json={"password": NEW}).status_code == 404


def test_an_admin_gives_a_new_password_and_the_users_old_ways_in_end(
    desk: Workspace, admin: As, api_as: NewClient
):
    ana = api_as(Role.OPERATOR, name="ana")
    answer = admin.put(f"{API}/users/{ana.user_id}/password", json={"password": NEW})
    assert answer.status_code == 204
    assert has_password(desk, "ana", NEW)
    assert ana.get(f"{API}/session").status_code == 401
    assert admin.get(f"{API}/session").status_code == 200


def test_the_token_that_changes_a_password_goes_on(admin: As):
    assert admin.put(f"{API}/users/{admin.user_id}/password", json={"password": NEW}).status_code == 204
    assert admin.get(f"{API}/session").status_code == 200


@pytest.fixture
def browser(desk: Workspace, stranger: TestClient) -> TestClient:
    """Ana's, signed in, sending the token against forged requests."""
    new_person(desk.database, "ana")
    shown = stranger.post(f"{API}/session", json={"name": "ana", "password": PASSWORD}).json()
    stranger.headers["X-CSRF-Token"] = shown["csrf_token"]
    return stranger


def test_ones_own_password_is_changed_with_the_old_one_and_this_browser_stays_signed_in(
    desk: Workspace, browser: TestClient
):
    before = browser.cookies[COOKIE]
    answer = browser.put(f"{API}/users/me/password", json={"old": PASSWORD, "password": NEW})
    assert answer.status_code == 204
    assert has_password(desk, "ana", NEW)
    assert browser.get(f"{API}/session").json()["name"] == "ana"
    old = browser.get(f"{API}/session", headers={"Cookie": f"{COOKIE}={before}"})
    assert old.status_code == 401


def test_without_the_old_password_nothing_changes_and_guessing_it_is_slow(
    desk: Workspace, browser: TestClient
):
    """A browser left open would otherwise be enough to take the account over."""
    for given in [{"password": NEW}] + [{"old": "wrong password", "password": NEW}] * 4:
        assert browser.put(f"{API}/users/me/password", json=given).status_code == 403
    answer = browser.put(f"{API}/users/me/password", json={"old": PASSWORD, "password": NEW})
    assert answer.status_code == 429 and "Retry-After" in answer.headers
    assert has_password(desk, "ana", PASSWORD)
    with desk.database.read() as session:
        tries = select(AuditRecord.result).where(AuditRecord.action == "user.password")
        results = session.exec(tries.order_by(col(AuditRecord.id))).all()
    assert results == [AuditResult.DENIED] * 5 + [AuditResult.REFUSED]
