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
_SHOW_EVERY_SECONDS = 0.5


@step("parse", "Text of each document")
def parse(context: StepContext) -> None:
    """An unreadable document is an outcome, not an error: the step completes, the document says why.

    Documents that another job is reading right now are waited for; if that job dies they are taken over.
    """
    while undone := _undone(context):
        if not _read(context, undone):
            time.sleep(_WAIT_FOR_OTHERS_SECONDS)
            with context.workspace.database.write() as session:
                claims.take_back(session, utc_now(), context.attempt)
        _show_progress(context)
    total = len(context.documents())
    context.saved(total, total)


def _read(context: StepContext, documents: Sequence[UUID]) -> int:
    """How many of the documents were read here, and not by another job."""
    read_here, shown_at = 0, time.monotonic()
    with ThreadPoolExecutor(context.workspace.settings.processes, "parse") as readers:
        reading = [
            readers.submit(process_document, context.workspace, CaseDocument, document, context.attempt)
            for document in documents
        ]
        try:
            for future in as_completed(reading):
                read_here += future.result() is not None
                if time.monotonic() - shown_at > _SHOW_EVERY_SECONDS:
                    _show_progress(context)
                    shown_at = time.monotonic()
        except BaseException:
            readers.shutdown(cancel_futures=True)
            raise
    return read_here


def _undone(context: StepContext) -> Sequence[UUID]:
    return context.documents(ProcessingStatus.PENDING, ProcessingStatus.PROCESSING)


def _show_progress(context: StepContext) -> None:
    if left := len(_undone(context)):
        total = len(context.documents())
        context.saved(total - left, total)
