"""Where a batch is, is read off its ledger."""

from collections import Counter
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from sqlmodel import select

from casemill.errors import NotFound
from casemill.extraction.contract import Reason
from casemill.models import Batch, CaseDocument, CaseStep, ProcessingStatus, StepState
from casemill.models.columns import utc_now
from casemill.operations.batch_progress import (
    BatchStatus,
    batch_named,
    batch_status,
    case_results,
    ledger,
    step_progress,
)
from casemill.workspace import Workspace
from tests.conftest import NewOwner
from tests.ledger import begin, chain_of, do_nothing

NOW = utc_now()
PENDING, COMPLETED, FAILED, BLOCKED = (
    StepState.PENDING,
    StepState.COMPLETED,
    StepState.FAILED,
    StepState.BLOCKED,
)


def row(state: StepState, step: str = "parse", **given: object) -> CaseStep:
    return CaseStep(batch_id=UUID(int=1), case_id=uuid4(), step=step, state=state, **given)


def running(*, lease: timedelta, **given: object) -> CaseStep:
    return row(StepState.RUNNING, lease_until=NOW + lease, **given)


MINUTE = timedelta(minutes=1)


@pytest.mark.parametrize(
    ("rows", "status"),
    [
        ([row(PENDING), row(PENDING)], BatchStatus.PENDING),
        ([row(COMPLETED), row(PENDING), row(FAILED)], BatchStatus.PENDING),
        ([row(COMPLETED), running(lease=MINUTE), row(FAILED)], BatchStatus.RUNNING),
        ([row(COMPLETED), running(lease=-MINUTE)], BatchStatus.PENDING),
        ([row(COMPLETED), row(FAILED), row(BLOCKED)], BatchStatus.FAILED),
        ([row(COMPLETED), row(COMPLETED)], BatchStatus.COMPLETED),
    ],
    ids=["not begun", "not through", "at work", "left by a dead job", "through, not all well", "all well"],
)
def test_a_batch_is_what_its_rows_are(rows: list[CaseStep], status: BatchStatus):
    assert batch_status(rows, NOW) == status


def test_a_running_case_counts_by_its_documents():
    batch = Batch(steps=["parse", "chunk"])
    rows = [
        row(COMPLETED),
        row(FAILED),
        running(lease=MINUTE, done=3, total=4),
        running(lease=MINUTE),
        row(PENDING),
        row(BLOCKED, "chunk"),
    ]
    parse, chunk = step_progress(batch, rows)
    assert (parse.name, parse.done, parse.total) == ("parse", 2.75, 5)
    assert parse.cases == Counter(completed=1, failed=1, running=2, pending=1)
    assert parse.words == "1 pending, 2 running, 1 completed, 1 failed"
    assert (chunk.name, chunk.done, chunk.total, chunk.words) == ("chunk", 1, 1, "1 blocked")


def test_results_list_every_case_with_its_steps_and_documents(workspace: Workspace, new_case: NewOwner):
    smith = new_case(workspace, "Smith", letter="a letter", contract="a contract")
    brown = new_case(workspace, "Brown")
    new_case(workspace, "Not in the batch", letter="other text")
    batch_id = begin(workspace.database, chain_of(parse=do_nothing, chunk=do_nothing), [smith, brown])
    with workspace.database.write() as session:
        letter = session.exec(
            select(CaseDocument).where(CaseDocument.case_id == smith, CaseDocument.name == "letter.pdf")
        ).one()
        letter.processing_status, letter.text = ProcessingStatus.READY, "text"
        letter.page_count, letter.characters = 3, 4
        contract = session.exec(select(CaseDocument).where(CaseDocument.name == "contract.pdf")).one()
        contract.processing_status, contract.failure_reason = ProcessingStatus.FAILED, Reason.TOO_LARGE
        contract.failure_detail = "split it"
    with workspace.database.read() as session:
        of_brown, of_smith = case_results(session, batch_named(session, batch_id))
    assert (of_brown.name, of_brown.documents) == ("Brown", ())
    assert (of_smith.id, list(of_smith.steps)) == (smith, ["parse", "chunk"])
    first, second = of_smith.documents
    assert (first.name, first.status, first.reason, first.detail) == (
        "contract.pdf",
        ProcessingStatus.FAILED,
        Reason.TOO_LARGE,
        "split it",
    )
    assert (second.name, second.pages, second.characters, second.reason) == ("letter.pdf", 3, 4, None)


def test_the_ledger_is_in_the_order_in_which_it_was_written(workspace: Workspace, new_case: NewOwner):
    cases = [new_case(workspace) for _ in range(3)]
    batch_id = begin(workspace.database, chain_of(parse=do_nothing, chunk=do_nothing), cases)
    with workspace.database.read() as session:
        found = [(row.case_id, row.step) for row in ledger(session, batch_id)]
    assert found == [(case, step) for case in cases for step in ("parse", "chunk")]


def test_a_batch_that_does_not_exist_is_not_found(workspace: Workspace):
    with workspace.database.read() as session, pytest.raises(NotFound, match="No batch"):
        batch_named(session, uuid4())
