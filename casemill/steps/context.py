"""What a step is given to work with, and the only way it can write."""

import logging
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from uuid import UUID

from sqlmodel import Session, col, select

from casemill.models import Attempt, Case, CaseDocument, ProcessingStatus, StepState
from casemill.models.columns import utc_now
from casemill.operations import claims
from casemill.steps.options import BatchOptions
from casemill.workspace import Workspace

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class StepContext:
    """One step of one case under the claim of one attempt."""

    workspace: Workspace
    attempt: Attempt
    row_id: int
    case: Case
    options: BatchOptions

    @contextmanager
    def saving(self, done: int, total: int) -> Generator[Session]:
        """One transaction for a result and the ledger: through with `done` of `total` documents.

        With the last document the row becomes completed in the same transaction. Raises LostClaim, keeping
        nothing, if another attempt owns the row by now.
        """
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
