"""The audit log over the API."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from casemill.models import AuditRecord, AuditResult, Role
from casemill.workspace import Workspace
from tests.web.conftest import As, NewClient

AUDIT = "/api/v1/audit"
START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
ANA = uuid4()


@pytest.fixture
def admin(desk: Workspace, api_as: NewClient) -> As:
    """Who reads a log of six records, a minute apart."""
    results = [AuditResult.DONE, AuditResult.DENIED]
    with desk.database.write() as session:
        for number in range(6):
            session.add(
                AuditRecord(
                    at=START + timedelta(minutes=number),
                    user_id=ANA if number < 4 else None,
                    user_name="ana" if number < 4 else "mallory",
                    via="token",
                    address="192.0.2.1",
                    action="job.cancel" if number < 3 else "session.create",
                    target=f"job:{number}",
                    result=results[number % 2],
                )
            )
    return api_as(Role.ADMIN)


def targets(admin: As, **query: str | int) -> list[str]:
    return [record["target"] for record in admin.get(AUDIT, params=query).json()["records"]]


def test_the_newest_comes_first(admin: As):
    assert targets(admin) == [f"job:{number}" for number in (5, 4, 3, 2, 1, 0)]


def test_a_record_says_who_what_on_what_from_where_and_the_result(admin: As):
    record = admin.get(AUDIT, params={"target": "job:1"}).json()["records"][0]
    assert record["user_id"] == str(ANA) and record["user_name"] == "ana" and record["via"] == "token"
    assert (record["action"], record["address"], record["result"]) == ("job.cancel", "192.0.2.1", "denied")
    assert datetime.fromisoformat(record["at"]) == START + timedelta(minutes=1)


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"user": str(ANA)}, [3, 2, 1, 0]),
        ({"user": "mallory"}, [5, 4]),
        ({"action": "job.cancel"}, [2, 1, 0]),
        ({"result": "denied"}, [5, 3, 1]),
        ({"target": "job:4"}, [4]),
        ({"from": "2026-03-02T09:02:00Z", "to": "2026-03-02T09:04:00Z"}, [3, 2]),
        ({"user": str(ANA), "action": "session.create"}, [3]),
        ({"user": "nobody"}, []),
    ],
)
def test_it_is_filtered(admin: As, query: dict[str, str], found: list[int]):
    assert targets(admin, **query) == [f"job:{number}" for number in found]
    assert admin.get(AUDIT, params=query).json()["total"] == len(found)


def test_it_comes_in_pages_with_a_total_that_matches(admin: As):
    pages = [admin.get(AUDIT, params={"page": page, "per_page": 4}).json() for page in (1, 2, 3)]
    assert [len(page["records"]) for page in pages] == [4, 2, 0]
    assert {(page["total"], page["pages"]) for page in pages} == {(6, 2)}


@pytest.mark.parametrize(
    "query",
    [
        {"from": "2026-03-02T09:02:00"},
        {"from": "never"},
        {"result": "perhaps"},
        {"page": 0},
        {"per_page": 201},
        {"user": "a\x00"},
        {"page": 10**30},
    ],
)
def test_questions_that_make_no_sense_are_bad_input(admin: As, query: dict[str, str | int]):
    assert admin.get(AUDIT, params=query).status_code == 422


def test_it_tells_which_actions_are_on_record(admin: As, api_as: NewClient):
    assert admin.get(f"{AUDIT}/actions").json() == {"actions": ["job.cancel", "session.create"]}
    assert api_as(Role.OPERATOR).get(f"{AUDIT}/actions").status_code == 403
