"""Deleting documents, cases and experts: all of it goes, and nothing that somebody else needs."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from sqlmodel import select

from casemill.errors import NotFound, Refused
from casemill.models import (
    Attempt,
    Batch,
    Case,
    CaseDocument,
    CaseStep,
    Chunk,
    Expert,
    ExpertDocument,
    Job,
    JobStatus,
    JobType,
    ProcessingStatus,
    StepState,
)
from casemill.models.columns import utc_now
from casemill.operations.add_document import add_document
from casemill.operations.busy import why_busy
from casemill.operations.content import lock_content
from casemill.operations.delete_document import delete_document
from casemill.operations.delete_owner import delete_owner
from casemill.operations.index_documents import index_owner, unindexed_owners
from casemill.operations.process_document import process_document
from casemill.operations.reprocess_document import reprocess_document
from casemill.search.contract import SearchUnavailable
from casemill.storage.folder import FolderStore
from casemill.workspace import Workspace
from tests.concurrency import second_comes_while_the_first_is_not_through
from tests.conftest import NewOwner
from tests.paper import write_pdf


def documents(workspace: Workspace) -> list[CaseDocument]:
    with workspace.database.read() as session:
        return list(session.exec(select(CaseDocument).order_by(CaseDocument.name)))


def read_all(workspace: Workspace, case: UUID) -> None:
    for document in documents(workspace):
        process_document(workspace, CaseDocument, document.id, Attempt(uuid4()))
    index_owner(workspace, CaseDocument, case)


def found(workspace: Workspace, words: str) -> int:
    return workspace.index.search(words).total


def test_a_deleted_document_leaves_the_others(workspace: Workspace, new_case: NewOwner) -> None:
    case = new_case(workspace, "Smith", a="apples", b="pears")
    read_all(workspace, case)
    first, second = documents(workspace)
    delete_document(workspace, first.id)
    assert [document.id for document in documents(workspace)] == [second.id]
    assert (found(workspace, "apples"), found(workspace, "pears")) == (0, 1)
    assert not workspace.documents.exists(first.storage_key)
    assert workspace.documents.exists(second.storage_key)
    with workspace.database.read() as session:
        assert {chunk.case_document_id for chunk in session.exec(select(Chunk))} == {second.id}
    assert unindexed_owners(workspace.database, CaseDocument) == [case], "the next job indexes it again"
    with pytest.raises(NotFound):
        delete_document(workspace, first.id)


def test_a_file_of_two_documents_goes_with_the_last(
    workspace: Workspace, new_case: NewOwner, new_expert: NewOwner, tmp_path: Path
) -> None:
    file = write_pdf(tmp_path / "shared.pdf", "the same bytes")
    case, expert = new_case(workspace, "Smith"), new_expert(workspace, "Dr. Grey")
    one = add_document(workspace, CaseDocument, case, file).document_id
    other = add_document(workspace, ExpertDocument, expert, file).document_id
    key = documents(workspace)[0].storage_key
    delete_document(workspace, one)
    assert workspace.documents.exists(key)
    delete_document(workspace, other)
    assert not workspace.documents.exists(key)


class DeletedMeanwhile(FolderStore):
    """The last document of the same bytes is deleted just after a new one's were put."""

    happens: Callable[[], object] | None = None

    def put(self, source: Path, sha256: str, *, owner: str | None = None) -> str:
        key = super().put(source, sha256, owner=owner)
        if happens := self.happens:
            self.happens = None
            happens()
        return key


def test_a_file_that_is_added_while_its_last_document_goes_is_there(
    workspace: Workspace, new_case: NewOwner, tmp_path: Path
) -> None:
    """The new document had no file: the old one took it along."""
    store = DeletedMeanwhile(tmp_path / "store")
    workspace = replace(workspace, documents=store)
    old = new_case(workspace, "old", a="the same bytes")
    document = documents(workspace)[0]
    store.happens = lambda: delete_document(workspace, document.id)
    new = new_case(workspace, "new")
    with store.fetch(document.storage_key) as path:
        kept = tmp_path / "kept.pdf"
        kept.write_bytes(path.read_bytes())
    assert add_document(workspace, CaseDocument, new, kept).is_new
    assert [document.case_id for document in documents(workspace)] == [new] != [old]
    assert workspace.documents.exists(document.storage_key)


def test_adding_and_deleting_the_same_file_take_turns(workspace: Workspace, new_case: NewOwner) -> None:
    case = new_case(workspace, "Smith")
    sha256, key = "ab" * 32, f"documents/ab/ab/{'ab' * 32}"

    def add(session) -> None:
        lock_content(session, sha256)
        session.add(CaseDocument(case_id=case, name="a", size=1, sha256=sha256, storage_key=key))

    def forget(session) -> list[UUID]:
        lock_content(session, sha256)
        return list(session.exec(select(CaseDocument.id).where(CaseDocument.sha256 == sha256)))

    _, seen = second_comes_while_the_first_is_not_through(workspace.database, add, forget)
    assert len(seen) == 1


def test_a_store_that_does_not_let_go_of_a_file_keeps_nobody_from_deleting(
    desk: Workspace, new_case: NewOwner
) -> None:
    case = new_case(desk, "Smith", a="apples")
    desk.documents.folder.rename(desk.documents.folder.parent / "unmounted")
    gone = delete_owner(desk, CaseDocument, case)
    assert (gone.name, gone.documents, gone.files_left) == ("Smith", 1, 1)


def test_an_index_that_is_away_keeps_a_case_from_being_deleted(desk: Workspace, new_case: NewOwner) -> None:
    """What it holds of the case would be found for ever: nothing indexes a case that is not there."""
    case = new_case(desk, "Smith", a="apples")
    read_all(desk, case)
    desk.index.close()
    with pytest.raises(SearchUnavailable):
        delete_owner(desk, CaseDocument, case)
    assert len(documents(desk)) == 1
    assert unindexed_owners(desk.database, CaseDocument) == [case]


def test_a_document_is_deleted_even_while_the_index_is_away(desk: Workspace, new_case: NewOwner) -> None:
    case = new_case(desk, "Smith", a="apples")
    desk.index.close()
    delete_document(desk, documents(desk)[0].id)
    assert documents(desk) == []
    assert unindexed_owners(desk.database, CaseDocument) == [case]


@pytest.mark.parametrize("model", [CaseDocument, ExpertDocument])
def test_an_owner_goes_with_all_documents(
    workspace: Workspace, new_case: NewOwner, new_expert: NewOwner, model: type
) -> None:
    case = new_case(workspace, "Smith", a="apples", b="pears")
    expert = new_expert(workspace, "Smith", a="apples", c="plums")
    for each, owner in ((CaseDocument, case), (ExpertDocument, expert)):
        with workspace.database.read() as session:
            ids = session.exec(select(each.id)).all()
        for id in ids:
            process_document(workspace, each, id, Attempt(uuid4()))
        index_owner(workspace, each, owner)
    gone = delete_owner(workspace, model, case if model is CaseDocument else expert)
    assert (gone.name, gone.documents, gone.files_left) == ("Smith", 2, 0)
    with workspace.database.read() as session:
        left = session.exec(select(Case.id)).all(), session.exec(select(Expert.id)).all()
    assert left == (([], [expert]) if model is CaseDocument else ([case], []))
    assert found(workspace, "apples") == 1
    assert found(workspace, "pears") + found(workspace, "plums") == 1
    with pytest.raises(NotFound):
        delete_owner(workspace, model, case if model is CaseDocument else expert)


def working(workspace: Workspace, case: UUID, what: str, live: bool) -> None:
    """Something is at work on the case; where it is not live, it died long ago."""
    until = utc_now() + timedelta(minutes=1 if live else -1)
    status = JobStatus.PAUSED if live else JobStatus.FAILED
    with workspace.database.write() as session:
        if what == "document":
            document = session.exec(select(CaseDocument)).one()
            document.processing_status, document.lease_until = ProcessingStatus.PROCESSING, until
        elif what == "indexing":
            session.get_one(Case, case).documents_version += 1
            running = JobStatus.RUNNING if live else JobStatus.COMPLETED
            job = Job(id=uuid4(), type=JobType.DOCUMENT_PROCESSING, status=running, created_at=utc_now())
            session.add(job)
        else:
            session.add(batch := Batch(steps=["parse"]))
            session.flush()
            row = CaseStep(batch_id=batch.id, case_id=case, step="parse")
            if what == "step":
                row.state, row.lease_until = StepState.RUNNING, until
            else:
                session.add(Job(id=uuid4(), batch_id=batch.id, status=status, created_at=utc_now()))
            session.add(row)


@pytest.mark.parametrize(
    ("what", "said"),
    [
        ("document", "1 of its documents is being read"),
        ("step", "A batch is working on it"),
        ("batch", "A batch is working on it"),
        ("indexing", "Its documents are being made searchable"),
    ],
)
def test_what_is_worked_on_stays(workspace: Workspace, new_case: NewOwner, what: str, said: str) -> None:
    case = new_case(workspace, "Smith", a="apples")
    working(workspace, case, what, live=True)
    with workspace.database.read() as session:
        assert why_busy(session, CaseDocument, case, utc_now()) == said
    with pytest.raises(Refused, match=said):
        delete_owner(workspace, CaseDocument, case)
    with pytest.raises(Refused, match=said):
        delete_document(workspace, documents(workspace)[0].id)
    assert len(documents(workspace)) == 1


@pytest.mark.parametrize("what", ["document", "step", "batch", "indexing"])
def test_what_died_holds_nothing(workspace: Workspace, new_case: NewOwner, what: str) -> None:
    case = new_case(workspace, "Smith", a="apples")
    working(workspace, case, what, live=False)
    delete_document(workspace, documents(workspace)[0].id)
    assert delete_owner(workspace, CaseDocument, case).documents == 0


def test_a_document_that_is_read_again_waits_once(workspace: Workspace, new_case: NewOwner) -> None:
    case = new_case(workspace, "Smith", a="apples")
    read_all(workspace, case)
    document = documents(workspace)[0]
    for _ in range(2):
        with workspace.database.write() as session:
            reprocess_document(session, document.id, utc_now())
    again = documents(workspace)[0]
    assert (again.processing_status, again.text) == (ProcessingStatus.PENDING, document.text)
    working(workspace, case, "document", live=True)
    with workspace.database.write() as session, pytest.raises(Refused, match="being read right now"):
        reprocess_document(session, document.id, utc_now())
    working(workspace, case, "document", live=False)
    with workspace.database.write() as session:
        reprocess_document(session, document.id, utc_now())
    assert documents(workspace)[0].processing_status == ProcessingStatus.PENDING


def test_an_owner_deleted_while_a_file_is_added_gets_none(
    workspace: Workspace, new_case: NewOwner, tmp_path: Path
) -> None:
    store = DeletedMeanwhile(tmp_path / "store")
    workspace = replace(workspace, documents=store)
    case = new_case(workspace, "Smith")
    store.happens = lambda: delete_owner(workspace, CaseDocument, case)
    with pytest.raises(NotFound, match="No case with id"):
        add_document(workspace, CaseDocument, case, write_pdf(tmp_path / "a.pdf", "apples"))
    assert [path for path in (store.folder / "documents").rglob("*") if path.is_file()] == []
