"""What a step is given to work with, and the only way it can write."""

import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from uuid import UUID

from sqlmodel import Session, col, select

from casemill.errors import CasemillError
from casemill.models import Attempt, Case, CaseDocument, ProcessingStatus, StepState
from casemill.models.columns import utc_now
from casemill.operations import claims
from casemill.steps.options import BatchOptions
from casemill.workspace import Workspace


class StepTimedOut(CasemillError):
    pass


@dataclass(frozen=True)
class StepContext:
    """One step of one case under the claim of one attempt."""

    workspace: Workspace
    attempt: Attempt
    row_id: int
    case: Case
    options: BatchOptions
    deadline: float  # of time.monotonic()

    @contextmanager
    def saving(self, done: int, total: int) -> Generator[Session]:
        """One transaction for a result and the ledger: through with `done` of `total` documents.

        With the last document the row becomes completed in the same transaction. Raises, keeping nothing,
        LostClaim if another attempt owns the row by now and StepTimedOut if the step's time is over.
        """
        if time.monotonic() > self.deadline:
            raise StepTimedOut(
                f"The step was at document {done} of {total} when its time was over; what is done is kept. "
                "Divide the case, or give the step a longer timeout_seconds, and retry"
            )
        finished = {"state": StepState.COMPLETED, "finished_at": utc_now()} if done == total else {}
        with self.workspace.database.write() as session:
            claims.change(session, claims.STEP, self.row_id, self.attempt, done=done, total=total, **finished)
            yield session

    def saved(self, done: int, total: int) -> None:
        """Progress whose result is stored already."""
        with self.saving(done, total):
            pass

    def documents(self, *statuses: ProcessingStatus) -> Sequence[UUID]:
        """Ids of the case's documents in upload order, of these statuses or of any."""
        query = select(CaseDocument.id).where(CaseDocument.case_id == self.case.id)
        if statuses:
            query = query.where(col(CaseDocument.processing_status).in_(statuses))
        with self.workspace.database.read() as session:
            return session.exec(query.order_by(col(CaseDocument.uploaded_at), col(CaseDocument.id))).all()
