"""Retry, resume after a crash, resume after a pause: all of them mean to run the batch again.

What the ledger calls completed is not run again. What failed is tried once more, and what a dead job left
running is taken back: a job holds its rows by a lease that it renews for as long as it lives.
"""

from datetime import timedelta
from uuid import uuid4

from casemill.models import Attempt, StepState
from casemill.models.columns import utc_now
from casemill.operations import claims
from casemill.steps.context import StepContext
from casemill.steps.registry import StepRegistry
from casemill.workspace import Workspace
from tests.conftest import NewOwner
from tests.ledger import begin, row_of, states, work


class Kettle:
    """Steps that note on which case they ran. Boiling fails as long as it is broken."""

    def __init__(self) -> None:
        self.ran: list[str] = []
        self.is_broken = False
        self.registry = StepRegistry()
        self.registry.step("fill", "Water in")(self.fill)
        self.registry.step("boil", "Water hot", requires=["fill"])(self.boil)

    def fill(self, context: StepContext) -> None:
        self.ran.append("fill")
        context.saved(1, 1)

    def boil(self, context: StepContext) -> None:
        self.ran.append("boil")
        if self.is_broken:
            raise ValueError("no current")
        context.saved(1, 1)


def test_a_failed_step_is_tried_again_and_a_completed_one_is_not(desk: Workspace, new_case: NewOwner):
    kettle, case = Kettle(), new_case(desk)
    batch = begin(desk.database, kettle.registry, [case])

    kettle.is_broken = True
    work(desk, kettle.registry, batch)
    assert states(desk.database, case) == {"fill": StepState.COMPLETED, "boil": StepState.FAILED}

    kettle.is_broken = False
    work(desk, kettle.registry, batch)
    assert states(desk.database, case) == {"fill": StepState.COMPLETED, "boil": StepState.COMPLETED}
    assert kettle.ran == ["fill", "boil", "boil"]

    work(desk, kettle.registry, batch)
    assert kettle.ran == ["fill", "boil", "boil"]


def test_what_a_dead_job_held_is_taken_back(desk: Workspace, new_case: NewOwner):
    kettle, case = Kettle(), new_case(desk)
    batch = begin(desk.database, kettle.registry, [case])
    with desk.database.write() as session:  # a job that claims a step, and is never heard of again
        row_id = row_of(desk.database, case, "fill").id
        assert claims.claim(session, claims.STEP, row_id, Attempt(uuid4()), desk.lease)

    work(desk, kettle.registry, batch)
    assert kettle.ran == []  # it may be alive still

    with desk.database.write() as session:
        later = utc_now() + desk.lease + timedelta(seconds=1)
        assert claims.take_back(session, later, Attempt(uuid4())) == 1
    work(desk, kettle.registry, batch)
    assert kettle.ran == ["fill", "boil"]
