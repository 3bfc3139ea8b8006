"""When a step of a case fails, what depends on it is blocked. Every other case goes on.

The frontier hands out the steps: those whose prerequisites are completed, one case after the other.
"""

from casemill.models import StepState
from casemill.steps.context import StepContext
from casemill.steps.registry import StepRegistry
from casemill.workspace import Workspace
from tests.conftest import NewOwner
from tests.ledger import begin, row_of, states, work

registry = StepRegistry()


@registry.step("weigh", "Whether the case has any weight")
def weigh(context: StepContext) -> None:
    if context.case.name == "the odd case":
        raise ValueError("it weighs less than nothing")
    context.saved(1, 1)  # through with 1 of 1 documents: the step is completed


@registry.step("label", "A label with the weight", requires=["weigh"])
def label(context: StepContext) -> None:
    context.saved(1, 1)


def test_a_failed_case_never_stops_the_others(desk: Workspace, new_case: NewOwner):
    first, odd, last = (new_case(desk, name) for name in ("the first case", "the odd case", "the last case"))
    batch = begin(desk.database, registry, [first, odd, last])

    work(desk, registry, batch, case_ids=[first, odd, last])

    assert states(desk.database, first) == {"weigh": StepState.COMPLETED, "label": StepState.COMPLETED}
    assert states(desk.database, odd) == {"weigh": StepState.FAILED, "label": StepState.BLOCKED}
    assert states(desk.database, last) == {"weigh": StepState.COMPLETED, "label": StepState.COMPLETED}
    assert row_of(desk.database, odd, "weigh").error == "it weighs less than nothing"
    assert row_of(desk.database, odd, "label").error == "Not run: step 'weigh' failed"
