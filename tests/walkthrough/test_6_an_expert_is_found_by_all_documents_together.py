"""Experts have documents too. They go through the document pipeline: read what waits, then index whose
documents changed. An expert is found by what all of their documents say together, not by one of them alone.
"""

from uuid import uuid4

from casemill.models import Attempt, ExpertDocument
from casemill.operations.document_pipeline import MODELS, waiting_documents
from casemill.operations.index_documents import index_owner, unindexed_owners
from casemill.operations.process_document import process_document
from casemill.workspace import Workspace
from tests.conftest import NewOwner


def test_an_expert_is_found_by_all_documents_together(desk: Workspace, new_expert: NewOwner):
    new_expert(desk, "Dr. Grey", cv="Forty years of bridges.", report="The corrosion of steel cables.")
    new_expert(desk, "Dr. Brown", cv="A life among bridges.")

    job = Attempt(uuid4())
    for document in waiting_documents(desk.database, only=[], tried=[]):
        process_document(desk, MODELS[document.kind], document.id, job)
    for expert in unindexed_owners(desk.database, ExpertDocument):
        index_owner(desk, ExpertDocument, expert)

    assert desk.index.search("bridges corrosion").total == 0  # no page holds both
    (found,) = desk.index.search_experts("bridges corrosion").experts
    assert found.owner_name == "Dr. Grey"
    assert found.matching_documents == 2
