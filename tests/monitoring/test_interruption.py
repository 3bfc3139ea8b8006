"""A job that is told to end, or to pause, leaves everything so that the next one can go on."""

import threading
import time
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest
from prefect import flow, task
from prefect.exceptions import TerminationSignal
from sqlmodel import select

from casemill.extraction.contract import ExtractionLimits
from casemill.extraction.sandbox import Sandbox, SandboxClosed
from casemill.models import Attempt, CaseDocument, CaseStep
from casemill.models.columns import utc_now
from casemill.monitoring.interruption import ending_in_order
from casemill.operations import claims
from casemill.operations.run_step import run_step
from casemill.steps.context import StepContext
from casemill.workspace import Workspace
from tests.conftest import NewOwner
from tests.ledger import begin, chain_of, states


def test_a_step_that_was_cut_off_waits_for_the_next_job(desk: Workspace, new_case: NewOwner) -> None:
    """It was marked as failed, with all that depends on it blocked, because its reader was told to end."""
    case = new_case(desk.database)

    def cut_off(context: StepContext) -> None:
        raise SandboxClosed("the sandbox was closed while it was asked")

    registry = chain_of(first=cut_off)
    begin(desk.database, registry, [case])
    with desk.database.read() as session:
        row = session.exec(select(CaseStep.id)).one()
    with pytest.raises(SandboxClosed):
        run_step(desk, registry, row, Attempt(UUID(int=1)), tries_left=0)
    assert states(desk.database, case) == {"first": "pending"}


def test_paused_the_task_at_hand_ends_under_its_claims(
    prefect_server: None, desk: Workspace, new_case: NewOwner, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The flow left its block, the lease was renewed no more, and another job took over what still ran."""
    new_case(desk, "a case", brief="Negligence.")
    with desk.database.read() as session:
        document = session.exec(select(CaseDocument.id)).one()
    attempt, begun, told = Attempt(UUID(int=2)), threading.Event(), threading.Event()
    renewed: list[bool] = []

    @task
    def at_hand() -> None:
        begun.set()
        told.wait(10)
        time.sleep(0.5)  # longer than the lease
        with desk.database.write() as session:
            claims.take_back(session, utc_now(), Attempt(UUID(int=3)))
            renewed.append(session.get_one(CaseDocument, document).claimed_by == attempt.run_id)
            renewed.append(session.get_one(CaseDocument, document).processing_status == "processing")

    monkeypatch.setattr(Workspace, "lease", property(lambda _: timedelta(seconds=0.2)))

    @flow
    def pausing() -> None:
        with desk.database.write() as session:
            assert claims.claim(session, claims.CASE_DOCUMENT, document, attempt, desk.lease)
        with ending_in_order(desk, attempt):
            at_hand.submit()
            begun.wait(10)
            told.set()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        pausing()
    assert renewed == [True, True]


def test_told_to_end_it_waits_for_no_document(desk: Workspace, limits: ExtractionLimits) -> None:
    with Sandbox(1, limits) as sandbox:
        workspace = Workspace(desk.settings, desk.database, desk.documents, desk.index, sandbox)
        with pytest.raises(TerminationSignal), ending_in_order(workspace, Attempt(UUID(int=4))):
            raise TerminationSignal(signal=15)
        with pytest.raises(SandboxClosed):
            sandbox.extract(Path("brief.pdf"))
