"""The steps there are, over HTTP."""

from casemill.models import Role
from tests.web.conftest import NewClient


def test_steps_come_in_order_with_all_that_they_require(api_as: NewClient) -> None:
    steps = api_as(Role.VIEWER).get("/api/v1/steps").json()["steps"]
    known = {step["name"]: step for step in steps}
    assert known["parse"] == {
        "name": "parse",
        "title": "Text of each document",
        "requires": [],
        "requires_all": [],
    }
    assert known["index"]["requires"] == ["chunk"]
    assert known["index"]["requires_all"] == ["parse", "chunk"]
    names = [step["name"] for step in steps]
    assert all(
        names.index(before) < names.index(step["name"]) for step in steps for before in step["requires"]
    )
