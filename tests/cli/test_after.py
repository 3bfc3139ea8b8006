"""What follows --after."""

from uuid import UUID

import pytest
import typer

from casemill.cli.after import jobs_to_wait_for

ONE, TWO = UUID(int=1), UUID(int=2)


def test_a_job_is_waited_for_to_succeed_if_nothing_else_is_said() -> None:
    assert jobs_to_wait_for([str(ONE), f"{TWO}:completion"]) == [
        {"job_id": str(ONE), "on": "success"},
        {"job_id": str(TWO), "on": "completion"},
    ]
    assert jobs_to_wait_for(None) == []


@pytest.mark.parametrize("given", ["", "monday", f"{ONE}:luck", f"{ONE}:success:failure"])
def test_what_is_no_job_or_no_way_to_end_is_bad_usage(given: str) -> None:
    with pytest.raises(typer.BadParameter, match="no id of a job"):
        jobs_to_wait_for([given])
