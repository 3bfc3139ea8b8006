"""Runs one step of one case under a claim in the ledger."""

import time
import traceback
from contextlib import suppress
from enum import StrEnum
from uuid import UUID

from sqlalchemy import update
from sqlmodel import Session, col

from casemill.errors import CasemillError, LostClaim
from casemill.extraction.contract import clean_text
from casemill.extraction.sandbox import SandboxClosed
from casemill.models import Attempt, Batch, Case, CaseStep, StepState
from casemill.models.columns import utc_now
from casemill.operations import claims
from casemill.steps.context import StepContext
from casemill.steps.options import BatchOptions
from casemill.steps.registry import Step, StepRegistry
from casemill.workspace import Workspace


class StepOutcome(StrEnum):
    COMPLETED = "completed"
    ALREADY_DONE = "already done"
    ELSEWHERE = "another job works on it"


class StepUnfinished(CasemillError):
    """A step returned without saving its last document: a bug in the step."""


def run_step(
    workspace: Workspace, registry: StepRegistry, row_id: int, attempt: Attempt, tries_left: int
) -> StepOutcome:
    """Claims the row, runs the step, and leaves the row completed.

    If the step raises, the row says so before the error goes on: pending when a transient error will be
    tried again, failed otherwise, with every step that depends on it blocked.
    """
    with workspace.database.write() as session:
        row = session.get_one(CaseStep, row_id)
        if row.state == StepState.COMPLETED:
            return StepOutcome.ALREADY_DONE
        if not claims.claim(
            session,
            claims.STEP,
            row_id,
            attempt,
            workspace.lease,
            started_at=utc_now(),
            finished_at=None,
            done=0,
            total=None,
            error_type=None,
            error=None,
            traceback=None,
        ):
            return StepOutcome.ELSEWHERE
        step = registry[row.step]
        case = session.get_one(Case, row.case_id)
        batch = session.get_one(Batch, row.batch_id)
    try:
        options = BatchOptions.model_validate(batch.options)
        deadline = time.monotonic() + step.timeout_seconds
        step.run(StepContext(workspace, attempt, row_id, case, options, deadline))
        with workspace.database.read() as session:
            if session.get_one(CaseStep, row_id).state != StepState.COMPLETED:
                raise StepUnfinished(
                    f"Step {step.name!r} ended without saving its last document; call saving(done, total) "
                    "with done == total when it is through"
                )
    except LostClaim:
        raise
    except BaseException as error:
        again = tries_left > 0 and step.retry.applies_to(error)
        # What went wrong is told even where the row is another's by now: an interrupted attempt has to end.
        with suppress(LostClaim), workspace.database.write() as session:
            _give_up(session, registry, row, step, attempt, error, again=again)
        raise
    return StepOutcome.COMPLETED


def _give_up(
    session: Session,
    registry: StepRegistry,
    row: CaseStep,
    step: Step,
    attempt: Attempt,
    error: BaseException,
    *,
    again: bool,
) -> None:
    # An interrupted step (cancelled, suspended, shut down) did not fail: it waits for the next job.
    interrupted = isinstance(error, SandboxClosed) or not isinstance(error, Exception)
    failed = not interrupted and not again
    claims.change(
        session,
        claims.STEP,
        row.id,
        attempt,
        state=StepState.FAILED if failed else StepState.PENDING,
        finished_at=utc_now() if failed else None,
        error_type=type(error).__name__,
        error=clean_text(str(error)) or type(error).__name__,
        traceback=clean_text("".join(traceback.format_exception(error))),
    )
    if failed:
        session.exec(
            update(CaseStep)
            .where(
                col(CaseStep.batch_id) == row.batch_id,
                col(CaseStep.case_id) == row.case_id,
                col(CaseStep.step).in_(registry.dependents(step.name)),
                col(CaseStep.state) == StepState.PENDING,
            )
            .values(state=StepState.BLOCKED, error=f"Not run: step {step.name!r} failed")
        )


def reopen(session: Session, batch_id: UUID, case_ids: list[UUID] | None = None) -> int:
    """Failed and blocked rows wait again; the number of them. What is completed stays."""
    rows = update(CaseStep).where(
        col(CaseStep.batch_id) == batch_id,
        col(CaseStep.state).in_([StepState.FAILED, StepState.BLOCKED]),
    )
    if case_ids is not None:
        rows = rows.where(col(CaseStep.case_id).in_(case_ids))
    return session.exec(rows.values(state=StepState.PENDING)).rowcount
