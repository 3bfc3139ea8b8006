"""A file is taken in once for each owner, whatever it is called and however often it comes."""

import unicodedata
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from threading import Barrier, BrokenBarrierError
from uuid import UUID, uuid4

import pytest
from sqlmodel import select

from casemill.errors import NotFound
from casemill.models import CaseDocument, ExpertDocument, ProcessingStatus
from casemill.operations.add_document import add_document, clean_name
from casemill.storage.contract import StorageUnavailable, document_key, file_sha256
from casemill.storage.folder import FolderStore
from casemill.workspace import Workspace
from tests.concurrency import at_once
from tests.conftest import NewOwner
from tests.paper import write_pdf

HOSTILE_NAMES = [
    "../../../etc/passwd",
    "..\\..\\windows\\system32\\config",
    "/absolute/path.pdf",
    "a\0b.pdf",
    "two\nlines\r\n\x1b[2J.pdf",
    "invoice\u202efdp.exe",
    "zero\u200bwidth\u2028line\u0085end.pdf",
    "bad\udcff\ud800bytes.pdf",
    "x" * 5000 + ".pdf",
    "<script>alert(1)</script>.pdf",
    "..",
    "",
    " \t ",
    "\u202e\u200b",
    "folder/",
    "naïve 契約 📄.pdf",
]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return write_pdf(tmp_path / "contract.pdf", "The text of a contract")


def document(workspace: Workspace, model: type, document_id: UUID):
    with workspace.database.read() as session:
        return session.get_one(model, document_id)


def test_an_added_document_waits_with_its_bytes_in_the_store(
    workspace: Workspace, new_case: NewOwner, file: Path
):
    case = new_case(workspace)
    added = add_document(workspace, CaseDocument, case, file)
    assert added.is_new
    found = document(workspace, CaseDocument, added.document_id)
    assert (found.owner_id, found.name, found.content_type) == (case, "contract.pdf", "application/pdf")
    assert (found.size, found.sha256) == (file.stat().st_size, file_sha256(file))
    assert found.processing_status == ProcessingStatus.PENDING
    with workspace.documents.fetch(found.storage_key) as stored:
        assert stored.read_bytes() == file.read_bytes()


def test_an_expert_has_documents_too(workspace: Workspace, new_expert: NewOwner, file: Path):
    expert = new_expert(workspace, "Dr. Grey")
    added = add_document(workspace, ExpertDocument, expert, file, "cv.pdf")
    found = document(workspace, ExpertDocument, added.document_id)
    assert (found.owner_id, found.name) == (expert, "cv.pdf")


def test_the_same_file_again_is_the_document_there_is(workspace: Workspace, new_case: NewOwner, file: Path):
    case = new_case(workspace)
    first = add_document(workspace, CaseDocument, case, file, "as it was called first.pdf")
    again = add_document(workspace, CaseDocument, case, file, "another name.pdf")
    assert (again.document_id, again.is_new) == (first.document_id, False)
    assert document(workspace, CaseDocument, first.document_id).name == "as it was called first.pdf"


def test_the_same_file_of_another_case_is_another_document(
    workspace: Workspace, new_case: NewOwner, file: Path
):
    one, other = (add_document(workspace, CaseDocument, new_case(workspace), file) for _ in range(2))
    assert one.is_new and other.is_new
    assert one.document_id != other.document_id


class MeetingStore(FolderStore):
    """Two puts happen at once."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.meeting = Barrier(2)

    def put(self, source: Path, sha256: str, *, owner: str | None = None) -> str:
        key = super().put(source, sha256, owner=owner)
        with suppress(BrokenBarrierError):
            self.meeting.wait(10)
        return key


def test_the_same_file_added_twice_at_once_is_one_document(
    workspace: Workspace, new_case: NewOwner, file: Path, tmp_path: Path
):
    """Both ask whether it is there, both hear no."""
    case = new_case(workspace)
    workspace = replace(workspace, documents=MeetingStore(tmp_path / "store"))
    one, other = at_once(2, lambda number: add_document(workspace, CaseDocument, case, file, f"{number}.pdf"))
    assert one.document_id == other.document_id
    assert {one.is_new, other.is_new} == {True, False}
    assert not workspace.documents.meeting.broken
    with workspace.database.read() as session:
        assert len(session.exec(select(CaseDocument.id)).all()) == 1


def test_an_owner_that_does_not_exist_gets_no_document(workspace: Workspace, file: Path):
    nobody = uuid4()
    with pytest.raises(NotFound, match=f"No case with id {nobody}"):
        add_document(workspace, CaseDocument, nobody, file)
    with pytest.raises(NotFound, match=f"No expert with id {nobody}"):
        add_document(workspace, ExpertDocument, nobody, file)
    assert not workspace.documents.exists(document_key(file_sha256(file)))


def test_a_document_whose_bytes_could_not_be_stored_is_not_recorded(
    desk: Workspace, new_case: NewOwner, file: Path, tmp_path: Path
):
    case = new_case(desk)
    (tmp_path / "store").rename(tmp_path / "unmounted")
    with pytest.raises(StorageUnavailable):
        add_document(desk, CaseDocument, case, file)
    with desk.database.read() as session:
        assert session.exec(select(CaseDocument)).all() == []


@pytest.mark.parametrize("name", HOSTILE_NAMES)
def test_a_hostile_name_can_be_stored_and_shown_on_one_line(
    workspace: Workspace, new_case: NewOwner, file: Path, name: str
):
    added = add_document(workspace, CaseDocument, new_case(workspace), file, name)
    found = document(workspace, CaseDocument, added.document_id)
    assert 0 < len(found.name) <= 255
    assert "/" not in found.name and "\\" not in found.name
    # no controls, no line breaks, nothing without a width, nothing that turns the direction of writing:
    # "invoice\u202efdp.exe" was stored so, and shown as invoiceexe.pdf
    assert not {unicodedata.category(character) for character in found.name} & {"Cc", "Cf", "Cs", "Zl", "Zp"}
    assert found.storage_key == document_key(found.sha256)


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("../../contract.pdf", "contract.pdf"),
        ("C:\\Users\\me\\contract.pdf", "contract.pdf"),
        ("  a \n b.pdf ", "a b.pdf"),
        ("naïve 契約 📄.pdf", "naïve 契約 📄.pdf"),
        ("نسخة.pdf", "نسخة.pdf"),
        ("\0", "unnamed"),
    ],
)
def test_what_is_left_of_a_name_is_what_people_know_it_by(name: str, shown: str):
    assert clean_name(name) == shown
