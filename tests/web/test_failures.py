"""Failures of all batches, over HTTP."""

from datetime import timedelta
from uuid import UUID

import pytest

from casemill.models import Batch, CaseStep, Role, Scope, StepState
from casemill.models.columns import utc_now
from casemill.workspace import Workspace
from tests.conftest import NewOwner
from tests.web.conftest import As, NewClient

FAILURES = "/api/v1/failures"


@pytest.fixture
def operator(api_as: NewClient) -> As:
    return api_as(Role.OPERATOR)


def step(desk: Workspace, user: UUID, case: UUID, state: StepState, minutes_ago: float) -> UUID:
    """Of a batch of its own; the batch's id."""
    with desk.database.write() as session:
        session.add(batch := Batch(user_id=user, steps=["parse"]))
        session.flush()
        at = utc_now() - timedelta(minutes=minutes_ago)
        given = {"error_type": "OSError", "error": "disk full", "traceback": "Traceback ..."}
        told = given if state == StepState.FAILED else {}
        session.add(
            CaseStep(batch_id=batch.id, case_id=case, step="parse", state=state, finished_at=at, **told)
        )
    return batch.id


def test_the_latest_comes_first_with_all_that_is_known(
    desk: Workspace, operator: As, new_case: NewOwner
) -> None:
    smith, brown = new_case(desk, "Smith"), new_case(desk, "Brown")
    first = step(desk, operator.user_id, smith, StepState.FAILED, 5)
    second = step(desk, operator.user_id, brown, StepState.FAILED, 1)
    told = operator.get(FAILURES, params={"per_page": 1}).json()
    assert (told["total"], told["pages"]) == (2, 2)
    [latest] = told["failures"]
    assert (latest["batch_id"], latest["case"], latest["step"]) == (str(second), "Brown", "parse")
    assert (latest["error_type"], latest["error"], latest["traceback"]) == (
        "OSError",
        "disk full",
        "Traceback ...",
    )
    [other] = operator.get(FAILURES, params={"per_page": 1, "page": 2}).json()["failures"]
    assert other["batch_id"] == str(first)


def test_what_a_later_batch_completed_is_no_failure_any_more(
    desk: Workspace, operator: As, new_case: NewOwner
) -> None:
    mended, broken_again = new_case(desk), new_case(desk)
    step(desk, operator.user_id, mended, StepState.FAILED, 5)
    step(desk, operator.user_id, mended, StepState.COMPLETED, 1)
    step(desk, operator.user_id, broken_again, StepState.COMPLETED, 5)
    step(desk, operator.user_id, broken_again, StepState.FAILED, 1)
    told = operator.get(FAILURES).json()
    assert [failure["case_id"] for failure in told["failures"]] == [str(broken_again)]
    assert told["total"] == 1


def test_everybody_sees_those_of_their_batches(
    desk: Workspace, operator: As, api_as: NewClient, new_case: NewOwner
) -> None:
    step(desk, operator.user_id, new_case(desk), StepState.FAILED, 1)
    assert api_as(Role.OPERATOR, name="other").get(FAILURES).json()["total"] == 0
    assert api_as(Role.VIEWER, Scope.ALL).get(FAILURES).json()["total"] == 1
