"""Trials over HTTP: for admins alone, and whatever is sent."""

import json
from uuid import UUID, uuid4

import pytest
from sqlmodel import select

from casemill.models import AuditRecord, Role
from casemill.workspace import Workspace
from tests.web.conftest import As, NewClient, new_user

GIVEN = {"plan": " Team ", "starts_at": "2026-06-01T00:00:00+02:00", "ends_at": "2026-06-20T12:00:00Z"}


@pytest.fixture
def admin(api_as: NewClient) -> As:
    return api_as(Role.ADMIN)


@pytest.fixture
def user_id(desk: Workspace) -> UUID:
    return new_user(desk.database, Role.OPERATOR, name="Ada")


def test_a_trial_is_given_shown_converted_and_taken_away(admin: As, user_id: UUID, desk: Workspace) -> None:
    of_user = f"/api/v1/users/{user_id}/trial"
    given = admin.put(of_user, json=GIVEN)
    assert given.status_code == 200
    assert (given.json()["user"], given.json()["plan"], given.json()["state"]) == ("Ada", "Team", "active")
    assert admin.put(of_user, json=GIVEN).json() == given.json()
    shown = admin.get("/api/v1/trials").json()
    assert shown == {"trials": [given.json()], "total": 1, "page": 1, "pages": 1}
    assert admin.get("/api/v1/trials", params={"state": "expired"}).json()["trials"] == []
    assert admin.get("/api/v1/trials", params={"user": [str(user_id), str(uuid4())]}).json() == shown
    assert admin.get("/api/v1/trials", params={"user": str(uuid4())}).json()["total"] == 0
    assert admin.post(f"{of_user}/conversion").json()["state"] == "converted"
    assert admin.put(of_user, json=GIVEN).status_code == 409
    assert admin.delete(of_user).status_code == 204
    assert admin.delete(of_user).status_code == 404
    with desk.database.read() as session:
        log = [(row.action, row.target, row.result) for row in session.exec(select(AuditRecord))]
    assert log[0] == ("trial.give", f"user:{user_id}", "done")
    assert [result for action, _, result in log if action == "trial.delete"] == ["done", "refused"]


@pytest.mark.parametrize("role", [Role.VIEWER, Role.OPERATOR])
def test_only_admins_give_and_see_trials(api_as: NewClient, user_id: UUID, role: Role) -> None:
    client, of_user = api_as(role), f"/api/v1/users/{user_id}/trial"
    answers = [
        client.get("/api/v1/trials"),
        client.put(of_user, json=GIVEN),
        client.post(f"{of_user}/conversion"),
        client.delete(of_user),
    ]
    assert [answer.status_code for answer in answers] == [403] * 4


@pytest.mark.parametrize(
    "wrong",
    [
        {"plan": ""},
        {"plan": "   "},
        {"plan": "a\nBcc: everybody@example.org"},
        {"plan": "\ud800"},
        {"plan": "x" * 101},
        {"starts_at": "2026-06-01T00:00:00"},
        {"ends_at": "2026-05-01T00:00:00Z"},
        {"ends_at": "0001-01-01T00:00:00+14:00"},
        {"ends_at": "9999-12-31T23:59:59-14:00"},
        {"ends_at": None},
    ],
    ids=repr,
)
def test_what_makes_no_trial_is_refused(admin: As, user_id: UUID, wrong: dict[str, object]) -> None:
    answer = admin.put(
        f"/api/v1/users/{user_id}/trial",
        content=json.dumps(GIVEN | wrong),
        headers={"Content-Type": "application/json"},
    )
    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")
    assert admin.get("/api/v1/trials").json()["total"] == 0


def test_a_user_who_does_not_exist_has_no_trial(admin: As) -> None:
    assert admin.put(f"/api/v1/users/{uuid4()}/trial", json=GIVEN).status_code == 404
