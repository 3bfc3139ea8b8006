"""Step index: the case's documents into search."""

from casemill.models import CaseDocument, ProcessingStatus
from casemill.operations.index_documents import index_owner
from casemill.steps.context import StepContext
from casemill.steps.registry import step


@step("index", "Documents findable by search", requires=["chunk"])
def index(context: StepContext) -> None:
    index_owner(context.workspace, CaseDocument, context.case.id)
    total = len(context.documents(ProcessingStatus.READY))
    context.saved(total, total)
