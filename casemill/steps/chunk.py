"""Step chunk: each document's text in pieces that know their pages."""

from casemill.models import CaseDocument, ProcessingStatus
from casemill.operations.chunk_document import chunk_rows, store_chunks
from casemill.operations.process_document import documents_changed
from casemill.steps.context import StepContext
from casemill.steps.registry import step


@step("chunk", "Text in pieces that know their pages", requires=["parse"])
def chunk(context: StepContext) -> None:
    options = context.options.chunk
    documents = context.documents(ProcessingStatus.READY)
    for done, document in enumerate(documents, start=1):
        with context.workspace.database.read() as session:
            rows = chunk_rows(session, CaseDocument, document, options)
        with context.saving(done, len(documents)) as session:
            store_chunks(session, CaseDocument, document, rows, options)
            documents_changed(session, CaseDocument, context.case.id)
    if not documents:
        context.saved(0, 0)
