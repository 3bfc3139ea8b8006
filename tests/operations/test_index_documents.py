"""Search holds what is ready of an owner: all of it, once, and nothing else."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from sqlmodel import select

from casemill.models import Attempt, Case, CaseDocument, ExpertDocument, ProcessingStatus
from casemill.operations.index_documents import index_owner, unindexed_owners
from casemill.operations.process_document import documents_changed, process_document
from casemill.search.contract import IndexedDocument, Owner, OwnerKind, SearchUnavailable
from casemill.search.sqlite import SqliteIndex
from casemill.workspace import Workspace
from tests.concurrency import at_once
from tests.conftest import NewOwner

ME = Attempt(uuid4())


def read_all(workspace: Workspace, model: type = CaseDocument, names: Iterable[str] = ()) -> None:
    with workspace.database.read() as session:
        waiting = session.exec(
            select(model.id, model.name).where(model.processing_status == ProcessingStatus.PENDING)
        ).all()
    for document_id, name in waiting:
        if not names or name in names:
            process_document(workspace, model, document_id, ME)


def found(workspace: Workspace, words: str) -> list[tuple[str, str, int | None]]:
    hits = workspace.index.search(words).hits
    return sorted((hit.owner_name, hit.name, hit.page) for hit in hits)


class EventfulIndex(SqliteIndex):
    """Something happens just before an owner is replaced, as long as there is something left to happen."""

    def __init__(self, path: Path, *happens: Callable[[], object]) -> None:
        super().__init__(path)
        self.happens = list(happens)
        self.replaced = 0

    def replace_owner(self, owner: Owner, documents: Iterable[IndexedDocument]) -> None:
        self.replaced += 1
        if self.happens:
            self.happens.pop(0)()
        super().replace_owner(owner, documents)


def with_index(workspace: Workspace, tmp_path: Path, *happens: Callable[[], object]) -> Workspace:
    return replace(workspace, index=EventfulIndex(tmp_path / "search.db", *happens))


def test_a_ready_document_is_found_by_the_words_of_its_pages(workspace: Workspace, new_case: NewOwner):
    case = new_case(workspace, "Smith v. Jones", lease=["A lease of land", "A covenant of quiet enjoyment"])
    read_all(workspace)
    assert index_owner(workspace, CaseDocument, case) == 1
    assert found(workspace, "covenant") == [("Smith v. Jones", "lease.pdf", 2)]
    assert found(workspace, "lease land") == [("Smith v. Jones", "lease.pdf", 1)]


def test_what_is_not_ready_is_not_indexed(workspace: Workspace, new_case: NewOwner, tmp_path: Path):
    case = new_case(workspace, read="A lease", unread="A lease that waits")
    read_all(workspace, names=["read.pdf"])
    assert index_owner(workspace, CaseDocument, case) == 1
    assert [name for _, name, _ in found(workspace, "lease")] == ["read.pdf"]


def test_many_documents_of_an_owner_are_one_replacement(
    workspace: Workspace, new_case: NewOwner, tmp_path: Path
):
    case = new_case(workspace, a="lease one", b="lease two", c="lease three")
    read_all(workspace)
    workspace = with_index(workspace, tmp_path)
    assert index_owner(workspace, CaseDocument, case) == 3
    assert workspace.index.replaced == 1


def test_owners_with_something_to_index_are_known(
    workspace: Workspace, new_case: NewOwner, new_expert: NewOwner
):
    read, _unread, _empty = (
        new_case(workspace, paper="a lease"),
        new_case(workspace, other="text"),
        new_case(workspace),
    )
    expert = new_expert(workspace, "Dr. Grey", cv="bridges")
    read_all(workspace, names=["paper.pdf"])
    read_all(workspace, ExpertDocument)
    assert unindexed_owners(workspace.database, CaseDocument) == [read]
    assert unindexed_owners(workspace.database, ExpertDocument) == [expert]
    index_owner(workspace, CaseDocument, read)
    assert unindexed_owners(workspace.database, CaseDocument) == []
    assert unindexed_owners(workspace.database, ExpertDocument) == [expert]


def test_indexing_twice_is_indexing_once(workspace: Workspace, new_case: NewOwner):
    case = new_case(workspace, "Smith", paper="a lease")
    read_all(workspace)
    for _ in range(2):
        assert index_owner(workspace, CaseDocument, case) == 1
    assert found(workspace, "lease") == [("Smith", "paper.pdf", 1)]
    assert workspace.index.count() == 1


def test_a_document_that_becomes_ready_meanwhile_is_indexed_too(
    workspace: Workspace, new_case: NewOwner, tmp_path: Path
):
    case = new_case(workspace, early="a lease", late="another lease")
    read_all(workspace, names=["early.pdf"])
    workspace = with_index(workspace, tmp_path, lambda: read_all(workspace))
    assert index_owner(workspace, CaseDocument, case) == 2
    assert [name for _, name, _ in found(workspace, "lease")] == ["early.pdf", "late.pdf"]
    assert unindexed_owners(workspace.database, CaseDocument) == []


def test_a_slow_job_does_not_leave_an_older_state_behind(
    workspace: Workspace, new_case: NewOwner, tmp_path: Path
):
    """It has read the documents, another job indexes a newer one, and then it writes."""
    case = new_case(workspace, early="a lease", late="another lease")
    read_all(workspace, names=["early.pdf"])

    def another_job() -> None:
        read_all(workspace)
        assert index_owner(workspace, CaseDocument, case) == 2

    index_owner(with_index(workspace, tmp_path, another_job), CaseDocument, case)
    assert len(found(workspace, "lease")) == 2


def test_an_owner_that_could_not_be_indexed_stays_to_be_indexed(
    workspace: Workspace, new_case: NewOwner, tmp_path: Path
):
    case = new_case(workspace, paper="a lease")
    read_all(workspace)

    def be_locked() -> None:
        raise SearchUnavailable("the search index is locked")

    with pytest.raises(SearchUnavailable):
        index_owner(with_index(workspace, tmp_path, be_locked), CaseDocument, case)
    assert unindexed_owners(workspace.database, CaseDocument) == [case]


def test_a_document_that_can_no_longer_be_read_is_no_longer_found(workspace: Workspace, new_case: NewOwner):
    case = new_case(workspace, paper="a lease")
    read_all(workspace)
    index_owner(workspace, CaseDocument, case)
    with workspace.database.write() as session:
        session.exec(select(CaseDocument)).one().processing_status = ProcessingStatus.FAILED
        documents_changed(session, CaseDocument, case)
    assert index_owner(workspace, CaseDocument, case) == 0
    assert found(workspace, "lease") == []


def test_two_jobs_that_index_an_owner_at_once_index_each_page_once(workspace: Workspace, new_case: NewOwner):
    case = new_case(workspace, "Smith", paper=["a lease", "of land"])
    read_all(workspace)
    assert at_once(4, lambda _: index_owner(workspace, CaseDocument, case)) == [1, 1, 1, 1]
    assert found(workspace, "lease") == [("Smith", "paper.pdf", 1)]
    with workspace.database.read() as session:
        case_row = session.get_one(Case, case)
        assert case_row.indexed_version == case_row.documents_version


def test_a_case_and_an_expert_are_kept_apart(workspace: Workspace, new_case: NewOwner, new_expert: NewOwner):
    case = new_case(workspace, "Smith", paper="a bridge")
    expert = new_expert(workspace, "Dr. Grey", cv="another bridge")
    for model, owner_id in ((CaseDocument, case), (ExpertDocument, expert)):
        read_all(workspace, model)
        index_owner(workspace, model, owner_id)

    def owners(kind: OwnerKind) -> list[UUID]:
        return [hit.owner.id for hit in workspace.index.search("bridge", kind=kind).hits]

    assert owners(OwnerKind.CASE) == [case]
    assert owners(OwnerKind.EXPERT) == [expert]
