"""Search is compared with what is ready, and made to hold it."""

import sqlite3
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from sqlalchemy import delete, update
from sqlmodel import col, select

from casemill.models import Case, CaseDocument, Chunk, Expert, ExpertDocument, ProcessingStatus
from casemill.operations import index_documents
from casemill.operations.index_documents import index_owner, unindexed_owners
from casemill.operations.process_document import documents_changed
from casemill.operations.search_sync import (
    NAMED,
    Difference,
    Findings,
    ReadyDocument,
    Wrong,
    compare_owners,
    differences,
    orphaned_owners,
    repair_owner,
)
from casemill.search.contract import HeldDocument, IndexedDocument, Owner, OwnerKind, Passage
from casemill.search.sqlite import SqliteIndex
from casemill.workspace import Workspace
from tests.conftest import NewOwner
from tests.operations.test_index_documents import found, read_all, with_index

CASE, EXPERT = OwnerKind.CASE, OwnerKind.EXPERT


def wrong(workspace: Workspace) -> list[tuple[str, dict[Wrong, int]]]:
    """Of whom something is wrong, and what, by pages of two."""
    all_of_them: list[Difference] = []
    for kind in OwnerKind:
        after, is_first = None, True
        while is_first or after is not None:
            compared = compare_owners(workspace, kind, after, limit=2)
            all_of_them += compared.differences
            after, is_first = compared.last, False
    held, is_first = None, True
    while is_first or held is not None:
        held, orphans = orphaned_owners(workspace, held, limit=2)
        all_of_them += orphans
        is_first = False
    return sorted((one.owner_name or str(one.owner_id), one.counts) for one in all_of_them)


def indexed_case(workspace: Workspace, new_case: NewOwner, name: str, **documents: str) -> UUID:
    case = new_case(workspace, name, **documents)
    read_all(workspace)
    index_owner(workspace, CaseDocument, case)
    return case


def lose(workspace: Workspace, tmp_path: Path) -> Workspace:
    """The same workspace with the index file gone."""
    return replace(workspace, index=SqliteIndex(tmp_path / "a new one.db"))


# What is wrong


def test_each_document_is_as_it_should_be_or_wrong_in_one_way():
    ids = [uuid4() for _ in range(6)]
    ready = {id: ReadyDocument(f"{number}.pdf", "v1", 3) for number, id in enumerate(ids[:5])}
    ready[ids[4]] = ReadyDocument("4.pdf", None, 1)
    held = {
        ids[0]: HeldDocument(ids[0], "0.pdf", "v1", 3),
        ids[1]: HeldDocument(ids[1], "1.pdf", "v0", 3),
        ids[2]: HeldDocument(ids[2], "2.pdf", "v1", 2),
        ids[4]: HeldDocument(ids[4], "4.pdf", "v1", 1),
        ids[5]: HeldDocument(ids[5], "5.pdf", "v1", 3),
    }
    assert differences(ready, held) == [
        (Wrong.STALE, "1.pdf"),
        (Wrong.STALE, "2.pdf"),
        (Wrong.MISSING, "3.pdf"),
        (Wrong.STALE, "4.pdf"),
        (Wrong.ORPHANED, "5.pdf"),
    ]


def test_what_was_indexed_is_as_it_should_be(workspace: Workspace, new_case: NewOwner, new_expert: NewOwner):
    indexed_case(workspace, new_case, "Smith", a="a lease", b="of land")
    expert = new_expert(workspace, "Dr. Grey", cv="bridges", empty="")
    read_all(workspace, ExpertDocument)
    index_owner(workspace, ExpertDocument, expert)
    new_case(workspace, "nothing uploaded")
    assert wrong(workspace) == []
    compared = compare_owners(workspace, CASE)
    assert (compared.owners, compared.documents, compared.last) == (2, 2, None)


def test_an_index_that_was_lost_is_filled_again(
    workspace: Workspace, new_case: NewOwner, new_expert: NewOwner, tmp_path: Path
):
    """The database still says that all of it is indexed: nothing else would ever index it again."""
    case = indexed_case(workspace, new_case, "Smith", a="a lease", b="of land")
    expert = new_expert(workspace, "Dr. Grey", cv="bridges")
    read_all(workspace, ExpertDocument)
    index_owner(workspace, ExpertDocument, expert)
    workspace = lose(workspace, tmp_path)
    assert unindexed_owners(workspace.database, CaseDocument) == []
    assert wrong(workspace) == [("Dr. Grey", {Wrong.MISSING: 1}), ("Smith", {Wrong.MISSING: 2})]
    for kind, owner_id in ((CASE, case), (EXPERT, expert)):
        for _ in range(2):
            assert repair_owner(workspace, kind, owner_id) is None
    assert wrong(workspace) == []
    assert len(found(workspace, "lease")) == len(found(workspace, "bridges")) == 1


def test_all_kinds_of_wrong_are_named_and_put_right(workspace: Workspace, new_case: NewOwner):
    case = indexed_case(workspace, new_case, "Smith", old="a lease", gone="a covenant", kept="an easement")
    with workspace.database.write() as session:
        session.exec(update(CaseDocument).where(CaseDocument.name == "old.pdf").values(chunked_as="other"))
        session.exec(delete(CaseDocument).where(CaseDocument.name == "gone.pdf"))
    new = new_case(workspace, "Jones", new="a mortgage")
    read_all(workspace)
    stranger = Owner(EXPERT, uuid4())
    workspace.index.replace_document(
        IndexedDocument(uuid4(), "stray.pdf", stranger, "Dr. Nobody", "1", (Passage(0, "a lien"),))
    )
    assert wrong(workspace) == sorted(
        [
            ("Jones", {Wrong.MISSING: 1}),
            ("Smith", {Wrong.STALE: 1, Wrong.ORPHANED: 1}),
            (str(stranger.id), {Wrong.ORPHANED: 1}),
        ]
    )
    for kind, owner_id in ((CASE, case), (CASE, new), (EXPERT, stranger.id)):
        assert repair_owner(workspace, kind, owner_id) is None
    assert wrong(workspace) == []
    assert found(workspace, "covenant") == found(workspace, "lien") == []
    assert len(found(workspace, "mortgage")) == len(found(workspace, "easement")) == 1


def test_passages_that_search_lost_are_missed(workspace: Workspace, new_case: NewOwner, tmp_path: Path):
    """The index still lists the document, in the right version."""
    case = indexed_case(workspace, new_case, "Smith", a="a lease")
    with sqlite3.connect(tmp_path / "search.db") as db:
        db.execute("DELETE FROM passages_fts")
    db.close()
    assert wrong(workspace) == [("Smith", {Wrong.STALE: 1})]
    assert repair_owner(workspace, CASE, case) is None
    assert len(found(workspace, "lease")) == 1


def test_chunks_that_were_made_anew_are_noticed(workspace: Workspace, new_case: NewOwner):
    case = indexed_case(workspace, new_case, "Smith", a="a lease")
    with workspace.database.write() as session:
        of = session.exec(select(CaseDocument.id)).one()
        session.add(Chunk(case_document_id=of, ordinal=1, start=0, end=7, text="a lease"))
    assert wrong(workspace) == [("Smith", {Wrong.STALE: 1})]
    assert repair_owner(workspace, CASE, case) is None


def test_a_document_that_can_no_longer_be_read_is_an_orphan(workspace: Workspace, new_case: NewOwner):
    case = indexed_case(workspace, new_case, "Smith", a="a lease", b="a lien")
    with workspace.database.write() as session:
        session.exec(
            update(CaseDocument)
            .where(CaseDocument.name == "a.pdf")
            .values(processing_status=ProcessingStatus.FAILED)
        )
    assert wrong(workspace) == [("Smith", {Wrong.ORPHANED: 1})]
    assert repair_owner(workspace, CASE, case) is None
    assert (found(workspace, "lease"), len(found(workspace, "lien"))) == ([], 1)


def test_what_is_not_ready_is_not_missing(workspace: Workspace, new_case: NewOwner):
    new_case(workspace, "Smith", waits="a lease")
    assert wrong(workspace) == []


def test_a_record_that_is_behind_is_brought_up(workspace: Workspace, new_case: NewOwner):
    """The job died between the index and the database."""
    case = indexed_case(workspace, new_case, "Smith", a="a lease")
    with workspace.database.write() as session:
        documents_changed(session, CaseDocument, case)
    assert wrong(workspace) == [("Smith", {})]
    assert repair_owner(workspace, CASE, case) is None
    assert (wrong(workspace), unindexed_owners(workspace.database, CaseDocument)) == ([], [])


def test_an_owner_that_was_deleted_leaves_nothing_in_search(workspace: Workspace, new_case: NewOwner):
    case = indexed_case(workspace, new_case, "Smith", a="a lease")
    indexed_case(workspace, new_case, "Jones", a="a lien")
    with workspace.database.write() as session:
        session.exec(delete(Case).where(col(Case.id) == case))
    assert wrong(workspace) == [(str(case), {Wrong.ORPHANED: 1})]
    assert repair_owner(workspace, CASE, case) is None
    assert workspace.index.held_documents(Owner(CASE, case)) == []
    assert len(found(workspace, "lien")) == 1


def test_a_case_is_no_orphan_because_no_expert_has_its_id(workspace: Workspace, new_case: NewOwner):
    case = indexed_case(workspace, new_case, "Smith", a="a lease")
    with workspace.database.write() as session:
        session.add(Expert(id=case, name="Dr. Same"))
    assert wrong(workspace) == []
    stray = Owner(EXPERT, uuid4())
    workspace.index.replace_document(IndexedDocument(uuid4(), "x", stray, "x", "1", ()))
    assert [one.owner_id for one in orphaned_owners(workspace)[1]] == [stray.id]


# While others are at work


class LateIndex(SqliteIndex):
    """Something happens just before it says whom it holds, once."""

    def __init__(self, path: Path, happens: Callable[[], object]) -> None:
        super().__init__(path)
        self.happens = [happens]

    def held_owners(self, *, after: Owner | None = None, limit: int = 100) -> list[Owner]:
        if self.happens:
            self.happens.pop()()
        return super().held_owners(after=after, limit=limit)


def test_an_owner_that_comes_while_orphans_are_looked_for_is_none(
    workspace: Workspace, new_case: NewOwner, tmp_path: Path
):
    """Asked before the index, the database would not have known it."""
    indexed_case(workspace, new_case, "Smith", a="a lease")
    index = LateIndex(tmp_path / "search.db", lambda: indexed_case(workspace, new_case, "Jones", b="a lien"))
    assert orphaned_owners(replace(workspace, index=index)) == (None, [])
    assert len(found(workspace, "lien")) == 1


def test_what_becomes_ready_while_it_is_repaired_is_indexed_not_deleted(
    workspace: Workspace, new_case: NewOwner, tmp_path: Path
):
    case = new_case(workspace, "Smith", early="a lease", late="a lien")
    read_all(workspace, names=["early.pdf"])

    def another_job() -> None:
        read_all(workspace)
        index_owner(workspace, CaseDocument, case)

    assert repair_owner(with_index(workspace, tmp_path, another_job), CASE, case) is None
    assert len(found(workspace, "lease")) == len(found(workspace, "lien")) == 1


def test_a_document_that_goes_while_its_owner_is_repaired_does_not_take_the_others_along(
    workspace: Workspace, new_case: NewOwner, monkeypatch: pytest.MonkeyPatch
):
    """Not finding a document is not the same as not finding its owner."""
    case = indexed_case(workspace, new_case, "Smith", kept="a lease", goes="a lien")
    with workspace.database.write() as session:
        session.exec(update(CaseDocument).where(CaseDocument.name == "goes.pdf").values(chunked_as=None))
    cut = index_documents.chunk_rows

    def cut_after_it_went(*given: object) -> object:
        with workspace.database.write() as session:
            session.exec(delete(CaseDocument).where(CaseDocument.name == "goes.pdf"))
        return cut(*given)

    with monkeypatch.context() as patched:
        patched.setattr(index_documents, "chunk_rows", cut_after_it_went)
        with pytest.raises(Exception, match="No row was found"):
            repair_owner(workspace, CASE, case)
    assert len(found(workspace, "lease")) == 1
    assert repair_owner(workspace, CASE, case) is None
    assert found(workspace, "lien") == []


def test_a_repair_that_did_not_help_says_what_is_still_wrong(
    workspace: Workspace, new_case: NewOwner, tmp_path: Path
):
    case = new_case(workspace, "Smith", a="a lease")
    read_all(workspace)

    class Forgetful(SqliteIndex):
        def replace_owner(self, owner: Owner, documents: Iterable[IndexedDocument]) -> None:
            super().replace_owner(owner, [])

    left = repair_owner(replace(workspace, index=Forgetful(tmp_path / "search.db")), CASE, case)
    assert left is not None
    assert left.counts == {Wrong.MISSING: 1}


# What is said of it


def test_of_an_owner_with_many_documents_some_are_named_and_all_are_counted(
    workspace: Workspace, new_case: NewOwner
):
    case = new_case(workspace, "Smith")
    with workspace.database.write() as session:
        for number in range(NAMED + 5):
            session.add(
                CaseDocument(
                    case_id=case,
                    name=f"{number:03}.pdf",
                    size=1,
                    sha256=f"{number}",
                    storage_key="none",
                    processing_status=ProcessingStatus.READY,
                    chunked_as="x",
                )
            )
    [one] = compare_owners(workspace, CASE).differences
    assert one.counts == {Wrong.MISSING: NAMED + 5}
    assert one.named == tuple((Wrong.MISSING, f"{number:03}.pdf") for number in range(NAMED))


def test_findings_add_up_to_a_report():
    findings = Findings(owners=9, documents=30, repaired=1, unrepaired=1)
    findings.note(
        Difference(CASE, uuid4(), "Smith", {Wrong.MISSING: 2, Wrong.STALE: 1}, ((Wrong.MISSING, "a.pdf"),)),
        "repaired",
    )
    gone = uuid4()
    findings.note(
        Difference(EXPERT, gone, None, {Wrong.ORPHANED: 4}, ((Wrong.ORPHANED, "b"),)), "not repaired"
    )
    findings.note(Difference(CASE, uuid4(), "Jones", {}, ()), "repaired")
    report = findings.report(uuid4(), None, dry_run=False)
    assert (report.missing, report.stale, report.orphaned, report.different) == (2, 1, 4, 3)
    assert [(row["owner"], row["document"], row["is"]) for row in findings.rows] == [
        ("Smith", "a.pdf", "missing"),
        (str(gone), "b", "orphaned"),
        ("Jones", "nothing but the record of it", "behind"),
    ]
