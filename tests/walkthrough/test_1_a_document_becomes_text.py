"""Read these files first, in the order of their names: each shows one idea of Casemill, with real parts.

A document is a file that somebody uploaded for a case (or for an expert). Adding it stores its bytes and says
what it is; reading it, later and in the background, turns it into text, or into a reason why there is none.
"""

from pathlib import Path
from uuid import uuid4

from casemill.extraction.contract import PAGE_BREAK, Reason
from casemill.models import Attempt, CaseDocument, ProcessingStatus
from casemill.operations.add_document import add_document
from casemill.operations.process_document import process_document
from casemill.workspace import Workspace
from tests.conftest import NewOwner
from tests.paper import write_pdf


def test_a_document_becomes_text(desk: Workspace, new_case: NewOwner, tmp_path: Path):
    case = new_case(desk, "Smith v. Jones")
    file = write_pdf(tmp_path / "lease.pdf", "This is a lease.", "Signed by both parties.")

    added = add_document(desk, CaseDocument, case, file)
    with desk.database.read() as session:
        lease = session.get_one(CaseDocument, added.document_id)
    assert lease.name == "lease.pdf"
    assert lease.processing_status == ProcessingStatus.PENDING

    job = Attempt(run_id=uuid4(), number=1)  # who reads it: a try of a job
    assert process_document(desk, CaseDocument, lease.id, job) == ProcessingStatus.READY
    with desk.database.read() as session:
        lease = session.get_one(CaseDocument, added.document_id)
    assert lease.text == f"This is a lease.{PAGE_BREAK}Signed by both parties."
    assert lease.page_count == 2


def test_or_it_says_why_it_did_not(desk: Workspace, new_case: NewOwner, tmp_path: Path):
    (tmp_path / "empty.pdf").touch()
    added = add_document(desk, CaseDocument, new_case(desk), tmp_path / "empty.pdf")

    job = Attempt(uuid4())
    assert process_document(desk, CaseDocument, added.document_id, job) == ProcessingStatus.FAILED
    with desk.database.read() as session:
        document = session.get_one(CaseDocument, added.document_id)
    assert document.failure_reason == Reason.EMPTY_FILE
    assert document.failure_detail == "empty.pdf is empty (0 bytes); upload it again"
