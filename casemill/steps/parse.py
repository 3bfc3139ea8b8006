"""Step parse: text out of every document of the case."""

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from uuid import UUID

from casemill.models import CaseDocument, ProcessingStatus
from casemill.models.columns import utc_now
from casemill.operations import claims
from casemill.operations.process_document import process_document
from casemill.steps.context import StepContext
from casemill.steps.registry import step

_WAIT_FOR_OTHERS_SECONDS = 1


@step("parse", "Text of each document")
def parse(context: StepContext) -> None:
    """An unreadable document is an outcome, not an error: the step completes, the document says why.

    Documents that another job is reading right now are waited for; if that job dies they are taken over.
    """
    while pending := _undone(context):
        with ThreadPoolExecutor(context.workspace.settings.processes, "parse") as readers:
            reading = [
                readers.submit(process_document, context.workspace, CaseDocument, document, context.attempt)
                for document in pending
            ]
            try:
                read_here = sum(_counted(context, future.result()) for future in as_completed(reading))
            except BaseException:
                readers.shutdown(cancel_futures=True)
                raise
        if not read_here:
            time.sleep(_WAIT_FOR_OTHERS_SECONDS)
            with context.workspace.database.write() as session:
                claims.take_back(session, utc_now(), context.attempt)
    total = len(context.documents())
    context.saved(total, total)


def _undone(context: StepContext) -> Sequence[UUID]:
    return context.documents(ProcessingStatus.PENDING, ProcessingStatus.PROCESSING)


def _counted(context: StepContext, outcome: ProcessingStatus | None) -> bool:
    """Shows the progress; True if the document was read here and not by another job."""
    if left := len(_undone(context)):
        total = len(context.documents())
        context.saved(total - left, total)
    return outcome is not None
