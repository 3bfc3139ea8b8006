"""A batch is cases x steps. Starting one writes its ledger: a row for each case and step, all waiting.

Whatever happens afterwards, the ledger says what is done and what is not. Nothing else has to be remembered.
"""

from uuid import uuid4

from casemill.models import Attempt, StepState
from casemill.models.columns import utc_now
from casemill.operations.batch_progress import BatchStatus, batch_status, ledger
from casemill.operations.run_step import run_step
from casemill.operations.start_batch import start_batch
from casemill.steps.all import REGISTRY
from casemill.steps.options import BatchOptions
from casemill.workspace import Workspace
from tests.conftest import NewOwner


def test_a_batch_is_a_ledger(desk: Workspace, new_case: NewOwner):
    case = new_case(desk, "Smith v. Jones", lease="This is a lease.")

    with desk.database.write() as session:
        batch = start_batch(session, REGISTRY, [case], ["chunk"], BatchOptions())
    with desk.database.read() as session:
        rows = ledger(session, batch.id)

    # chunk was asked for; it requires parse, so parse is there, and first
    assert [(row.step, row.state) for row in rows] == [
        ("parse", StepState.PENDING),
        ("chunk", StepState.PENDING),
    ]
    assert batch_status(rows, utc_now()) == BatchStatus.PENDING

    # a job claims a row, runs its step, and leaves the row completed
    job = Attempt(uuid4())
    for row in rows:
        run_step(desk, REGISTRY, row.id, job, tries_left=0)
    with desk.database.read() as session:
        rows = ledger(session, batch.id)
    assert [(row.step, row.state) for row in rows] == [
        ("parse", StepState.COMPLETED),
        ("chunk", StepState.COMPLETED),
    ]
    assert batch_status(rows, utc_now()) == BatchStatus.COMPLETED
