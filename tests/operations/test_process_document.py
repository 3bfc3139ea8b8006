"""Reading one document ends in ready, in failed with a reason, or back among those that wait."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from fpdf import FPDF
from sqlmodel import col, select

from casemill.errors import LostClaim
from casemill.extraction.contract import PAGE_BREAK, Extracted, Reason, Unreadable
from casemill.extraction.registry import Extraction
from casemill.models import (
    Attempt,
    Case,
    CaseDocument,
    Chunk,
    Citation,
    Expert,
    ExpertDocument,
    ProcessingStatus,
)
from casemill.models.columns import utc_now
from casemill.operations import claims
from casemill.operations.add_document import add_document
from casemill.operations.process_document import process_document
from casemill.storage.contract import StorageRefused, StorageUnavailable
from casemill.workspace import Workspace
from tests.concurrency import EventfulStore, FickleDatabase
from tests.conftest import NewOwner
from tests.paper import write_docx

ME = Attempt(uuid4())
PENDING, READY, FAILED = ProcessingStatus.PENDING, ProcessingStatus.READY, ProcessingStatus.FAILED


def only(workspace: Workspace, model: type = CaseDocument):
    """The only document there is."""
    with workspace.database.read() as session:
        return session.exec(select(model)).one()


def process(workspace: Workspace, attempt: Attempt = ME) -> ProcessingStatus | None:
    return process_document(workspace, CaseDocument, only(workspace).id, attempt)


def add(workspace: Workspace, case: UUID, path: Path, content: bytes) -> None:
    path.write_bytes(content)
    add_document(workspace, CaseDocument, case, path)


def raising(error: BaseException) -> Callable[[], None]:
    def happen() -> None:
        raise error

    return happen


def with_store(workspace: Workspace, tmp_path: Path, happens: Callable[[], object]) -> Workspace:
    return replace(workspace, documents=EventfulStore(tmp_path / "store", happens))


def set_status(workspace: Workspace, status: ProcessingStatus) -> None:
    with workspace.database.write() as session:
        session.exec(select(CaseDocument)).one().processing_status = status


def test_a_readable_document_becomes_ready_with_its_text(workspace: Workspace, new_case: NewOwner):
    new_case(workspace, paper=["The first page", "The second page"])
    before = utc_now()
    assert process(workspace) == READY
    found = only(workspace)
    assert found.text == f"The first page{PAGE_BREAK}The second page"
    assert (found.page_count, found.characters) == (2, len(found.text))
    assert (found.failure_reason, found.failure_detail, found.chunked_as) == (None, None, None)
    assert before <= found.processed_at <= utc_now()


def test_a_word_file_has_text_and_no_pages(workspace: Workspace, new_case: NewOwner, tmp_path: Path):
    file = write_docx(tmp_path / "letter.docx", "Dear Sir,", "no.")
    add_document(workspace, CaseDocument, new_case(workspace), file)
    assert process(workspace) == READY
    found = only(workspace)
    assert "Dear Sir," in found.text
    assert found.page_count is None
    assert found.content_type.endswith("wordprocessingml.document")


def test_a_document_of_an_expert_is_read_alike(workspace: Workspace, new_expert: NewOwner):
    new_expert(workspace, "Dr. Grey", cv="Bridges and tunnels")
    document = only(workspace, ExpertDocument)
    assert process_document(workspace, ExpertDocument, document.id, ME) == READY
    assert only(workspace, ExpertDocument).text == "Bridges and tunnels"
    with workspace.database.read() as session:
        assert session.exec(select(Expert.documents_version)).one() == 1


def locked_pdf() -> bytes:
    pdf = FPDF()
    pdf.add_page()
    pdf.set_encryption(owner_password="owner", user_password="user")
    return bytes(pdf.output())


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", Reason.EMPTY_FILE),
        (b"%PDF-1.7\nand nothing else", Reason.CORRUPT_FILE),
        (b"PK\3\4 not a zip", Reason.CORRUPT_FILE),
        (b"\x89PNG\r\n\x1a\n" + bytes(100), Reason.UNSUPPORTED_FORMAT),
        (locked_pdf(), Reason.PASSWORD_PROTECTED),
    ],
    ids=["empty", "half a pdf", "no zip", "picture", "locked"],
)
def test_an_unreadable_document_fails_with_its_reason(
    workspace: Workspace, new_case: NewOwner, tmp_path: Path, content: bytes, reason: Reason
):
    add(workspace, new_case(workspace), tmp_path / "brief.pdf", content)
    assert process(workspace) == FAILED
    found = only(workspace)
    if reason != Reason.CORRUPT_FILE:
        assert found.failure_reason == reason
    else:  # some files are too damaged to tell what they were
        assert found.failure_reason in (reason, Reason.UNSUPPORTED_FORMAT)
    assert "brief.pdf" in found.failure_detail
    assert found.text is None
    assert found.processed_at is not None


def test_a_document_whose_file_is_gone_fails_and_says_so(workspace: Workspace, new_case: NewOwner):
    new_case(workspace, paper="text")
    workspace.documents.delete(only(workspace).storage_key)
    assert process(workspace) == FAILED
    found = only(workspace)
    assert found.failure_reason == Reason.FILE_MISSING
    assert "upload the document again" in found.failure_detail


@pytest.mark.parametrize(
    "error",
    [
        StorageUnavailable("the bucket is away"),
        StorageRefused("the password was changed"),
        KeyboardInterrupt(),
        SystemExit(),
        ZeroDivisionError("a bug of ours"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_a_document_that_is_not_to_blame_waits_again(
    workspace: Workspace, new_case: NewOwner, tmp_path: Path, error: BaseException
):
    new_case(workspace, paper="text")
    with pytest.raises(type(error)):
        process(with_store(workspace, tmp_path, raising(error)))
    assert only(workspace).processing_status == PENDING
    assert process(workspace, Attempt(uuid4())) == READY
    assert only(workspace).attempts == 2


@pytest.mark.parametrize("status", [READY, FAILED])
def test_a_document_that_does_not_wait_is_left_alone(
    workspace: Workspace, new_case: NewOwner, status: ProcessingStatus
):
    new_case(workspace, paper="text")
    set_status(workspace, status)
    before = only(workspace).model_dump()
    assert process(workspace) is None
    assert only(workspace).model_dump() == before


def test_a_document_that_another_job_reads_is_left_to_it(
    workspace: Workspace, new_case: NewOwner, tmp_path: Path
):
    new_case(workspace, paper="text")
    told: list[ProcessingStatus | None] = []
    meanwhile = with_store(workspace, tmp_path, lambda: told.append(process(workspace, Attempt(uuid4()))))
    assert process(meanwhile) == READY
    assert told == [None]


def take_over(workspace: Workspace) -> None:
    """Gives the document to another job, as if the one that reads it were dead."""
    document, other = only(workspace), Attempt(uuid4())
    with workspace.database.write() as session:
        claims.take_back(session, utc_now(), other, dead=[document.claimed_by])
        assert claims.claim(session, claims.CASE_DOCUMENT, document.id, other, workspace.lease)


def test_an_attempt_that_was_given_up_for_dead_stores_no_text(
    workspace: Workspace, new_case: NewOwner, tmp_path: Path
):
    case = new_case(workspace, paper="text")
    with pytest.raises(LostClaim):
        process(with_store(workspace, tmp_path, lambda: take_over(workspace)))
    found = only(workspace)
    assert (found.processing_status, found.text) == (ProcessingStatus.PROCESSING, None)
    with workspace.database.read() as session:
        assert session.get_one(Case, case).documents_version == 0


@pytest.mark.parametrize("error", [KeyboardInterrupt(), StorageUnavailable("away")])
def test_an_attempt_that_was_given_up_for_dead_ends_by_its_own_error(
    workspace: Workspace, new_case: NewOwner, tmp_path: Path, error: BaseException
):
    """A job that was told to stop had lost its claim before: it heard of that instead, and went on."""
    new_case(workspace, paper="text")

    def happen() -> None:
        take_over(workspace)
        raise error

    with pytest.raises(type(error)):
        process(with_store(workspace, tmp_path, happen))
    assert only(workspace).processing_status == ProcessingStatus.PROCESSING


def test_a_document_is_tried_again_whose_text_could_not_be_stored(
    desk: Workspace, sqlite_url: str, new_case: NewOwner, tmp_path: Path
):
    """The database restarted while a document was read. The document stayed claimed, its next try was told
    that another job has it, and the step waited for that job, which was itself, for ever."""
    database = FickleDatabase(sqlite_url)
    new_case(desk, paper="text")

    def go_away() -> None:
        database.is_away = True

    with pytest.raises(Exception, match="the database is restarting"):
        process(replace(with_store(desk, tmp_path, go_away), database=database))
    database.is_away = False
    assert only(desk).processing_status == ProcessingStatus.PROCESSING
    assert process(replace(desk, database=database)) == READY
    database.close()


class Babbler:
    """A sandbox whose reader was taken over by a document: what it says is anything at all."""

    def extract(self, path: Path, name: str | None = None) -> Extraction:
        return Extraction("application/pdf", Unreadable(Reason.CORRUPT_FILE, "odd \0 \ud800 words"))


def test_a_reason_may_hold_anything(workspace: Workspace, new_case: NewOwner):
    new_case(workspace, paper="text")
    assert process(replace(workspace, sandbox=Babbler())) == FAILED
    assert only(workspace).failure_detail == "odd   words"


class Unstorable:
    def extract(self, path: Path, name: str | None = None) -> Extraction:
        return Extraction("application/pdf", Extracted(("a lone surrogate: \ud800",), paged=True))


def test_a_text_that_cannot_be_stored_leaves_no_claim_behind(workspace: Workspace, new_case: NewOwner):
    """Storing was outside of what gives the document back: it stayed "processing" while its job lived."""
    new_case(workspace, paper="text")
    with pytest.raises(UnicodeEncodeError):
        process(replace(workspace, sandbox=Unstorable()))
    assert only(workspace).processing_status == PENDING


def test_reading_again_forgets_what_the_older_text_gave(workspace: Workspace, new_case: NewOwner):
    case = new_case(workspace, paper="text")
    process(workspace)
    document = only(workspace)
    with workspace.database.write() as session:
        session.add(Chunk(case_document_id=document.id, ordinal=0, start=0, end=4, text="text"))
        session.add(
            Citation(case_document_id=document.id, ordinal=0, kind="rule", text="text", start=0, end=4)
        )
        read = session.get_one(CaseDocument, document.id)
        read.processing_status, read.language, read.chunked_as = PENDING, "en", "somehow"
    workspace.documents.delete(document.storage_key)
    assert process(workspace) == FAILED
    found = only(workspace)
    assert (found.text, found.page_count, found.characters, found.language) == (None, None, None, None)
    assert found.chunked_as is None
    with workspace.database.read() as session:
        assert session.exec(select(col(Chunk.id))).all() == []
        assert session.exec(select(col(Citation.id))).all() == []
        assert session.get_one(Case, case).documents_version == 2
