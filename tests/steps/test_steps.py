"""The four steps, run on real files with real parts."""

from dataclasses import replace
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from sqlmodel import col, select

from casemill.extraction.contract import PAGE_BREAK, ExtractionLimits, Reason
from casemill.extraction.sandbox import Killed, Sandbox
from casemill.models import Attempt, CaseDocument, CaseStep, Chunk, Citation, ProcessingStatus, StepState
from casemill.operations import claims
from casemill.operations.add_document import add_document
from casemill.operations.process_document import process_document
from casemill.operations.run_step import run_step
from casemill.steps import citations
from casemill.steps.all import REGISTRY
from casemill.steps.chunking import ChunkOptions, fingerprint
from casemill.steps.options import BatchOptions
from casemill.storage.contract import StorageUnavailable
from casemill.workspace import Workspace
from tests.concurrency import EventfulStore, at_once, second_comes_while_the_first_is_not_through
from tests.conftest import NewOwner
from tests.ledger import begin, row_of, states, work
from tests.paper import write_docx, write_pdf

PAGES = [
    "The complaint states no claim. See Celotex Corp. v. Catrett, 477 U.S. 317, 323 (1986).",
    "Jurisdiction rests on 28 U.S.C. § 1331 and the covenant of quiet enjoyment.",
]
SMALL = BatchOptions(chunk=ChunkOptions(size=60, overlap=10))


@pytest.fixture
def case(workspace: Workspace, new_case: NewOwner) -> UUID:
    return new_case(workspace, "Smith v. Jones", complaint=PAGES, letter="Nothing is cited here.")


def document(workspace: Workspace, name: str) -> CaseDocument:
    with workspace.database.read() as session:
        return session.exec(select(CaseDocument).where(CaseDocument.name == name)).one()


def rows_of(workspace: Workspace, model: type, name: str = "complaint.pdf") -> list:
    with workspace.database.read() as session:
        query = select(model).where(model.case_document_id == document(workspace, name).id)
        return list(session.exec(query.order_by(col(model.ordinal))))


def run(workspace: Workspace, case: UUID, *steps: str, options: BatchOptions = SMALL) -> UUID:
    """A new batch over the case, to its end."""
    batch_id = begin(workspace.database, REGISTRY, [case], steps, options)
    work(workspace, REGISTRY, batch_id)
    return batch_id


def run_row(workspace: Workspace, case: UUID, step: str, attempt: Attempt | None = None):
    row_id = row_of(workspace.database, case, step).id
    assert row_id is not None
    return run_step(workspace, REGISTRY, row_id, attempt or Attempt(uuid4()), 0)


def test_all_steps_of_a_case_are_completed_through_all_documents(workspace: Workspace, case: UUID):
    run(workspace, case)
    assert set(states(workspace.database, case).values()) == {StepState.COMPLETED}
    for step in REGISTRY:
        row = row_of(workspace.database, case, step)
        assert (row.done, row.total) == (2, 2)


def test_parse_leaves_each_document_ready_or_failed_with_its_reason(
    workspace: Workspace, case: UUID, tmp_path: Path
):
    (tmp_path / "empty.pdf").touch()
    add_document(workspace, CaseDocument, case, tmp_path / "empty.pdf")
    run(workspace, case, "parse")
    assert document(workspace, "complaint.pdf").text == PAGE_BREAK.join(PAGES)
    assert document(workspace, "letter.pdf").processing_status == ProcessingStatus.READY
    assert document(workspace, "empty.pdf").failure_reason == Reason.EMPTY_FILE
    row = row_of(workspace.database, case, "parse")
    assert (row.state, row.done, row.total) == (StepState.COMPLETED, 3, 3)


def test_an_unreadable_document_does_not_stop_the_case(workspace: Workspace, new_case: NewOwner, tmp_path):
    case = new_case(workspace)
    (tmp_path / "broken.pdf").write_bytes(b"%PDF-1.7 and no more")
    add_document(workspace, CaseDocument, case, tmp_path / "broken.pdf")
    run(workspace, case)
    assert set(states(workspace.database, case).values()) == {StepState.COMPLETED}
    assert document(workspace, "broken.pdf").processing_status == ProcessingStatus.FAILED
    assert workspace.index.count() == 0


def test_a_case_without_documents_runs_through_every_step(workspace: Workspace, new_case: NewOwner):
    case = new_case(workspace)
    run(workspace, case)
    assert set(states(workspace.database, case).values()) == {StepState.COMPLETED}


def test_a_chunk_is_a_piece_of_the_text_that_knows_its_place_and_pages(workspace: Workspace, case: UUID):
    run(workspace, case, "chunk")
    text = document(workspace, "complaint.pdf").text
    chunks = rows_of(workspace, Chunk)
    assert len(chunks) > 2
    assert [chunk.ordinal for chunk in chunks] == list(range(len(chunks)))
    second_page = text.index(PAGE_BREAK) + 1
    for chunk in chunks:
        assert chunk.text == text[chunk.start : chunk.end].replace(PAGE_BREAK, "\n")
        assert len(chunk.text) <= 60
        assert chunk.first_page == (2 if chunk.start >= second_page else 1)
        assert chunk.last_page == (2 if chunk.end > second_page else 1)
        for page, offset in chunk.pages:
            assert chunk.start + offset == (max(chunk.start, second_page) if page == 2 else chunk.start)
    assert {chunk.first_page for chunk in chunks} == {1, 2}
    covered = {place for chunk in chunks for place in range(chunk.start, chunk.end)}
    assert all(text[place].isspace() for place in set(range(len(text))) - covered)


def test_chunks_follow_the_options_of_their_batch(workspace: Workspace, case: UUID):
    run(workspace, case, "chunk", options=BatchOptions())
    assert [chunk.text for chunk in rows_of(workspace, Chunk)] == ["\n".join(PAGES)]
    assert document(workspace, "complaint.pdf").chunked_as == fingerprint(ChunkOptions())
    with workspace.database.write() as session:
        session.delete(session.exec(select(CaseStep).where(CaseStep.step == "chunk")).one())
        session.delete(session.exec(select(CaseStep).where(CaseStep.step == "parse")).one())
    run(workspace, case, "chunk", options=SMALL)
    assert len(rows_of(workspace, Chunk)) > 2
    assert document(workspace, "complaint.pdf").chunked_as == fingerprint(SMALL.chunk)


def test_a_citation_is_stored_with_its_place(workspace: Workspace, case: UUID):
    run(workspace, case, "citations")
    text = document(workspace, "complaint.pdf").text
    celotex, jurisdiction = rows_of(workspace, Citation)
    assert (celotex.normalized, celotex.page, celotex.kind) == ("477 U.S. 317", 1, "full_case")
    assert (celotex.plaintiff, celotex.defendant, celotex.year) == ("Celotex Corp.", "Catrett", 1986)
    assert (jurisdiction.text, jurisdiction.page) == ("28 U.S.C. § 1331", 2)
    for citation in (celotex, jurisdiction):
        assert text[citation.start : citation.end] == citation.text
    assert rows_of(workspace, Citation, "letter.pdf") == []


def test_a_citation_in_a_document_without_pages_has_no_page(
    workspace: Workspace, new_case: NewOwner, tmp_path: Path
):
    """Whatever a Word file cited was said to stand on its page 1."""
    case = new_case(workspace)
    add_document(workspace, CaseDocument, case, write_docx(tmp_path / "brief.docx", *PAGES))
    run(workspace, case, "citations")
    found = rows_of(workspace, Citation, "brief.docx")
    assert [(citation.normalized, citation.page) for citation in found] == [
        ("477 U.S. 317", None),
        ("28 U.S.C. § 1331", None),
    ]


def test_index_makes_the_page_findable(workspace: Workspace, case: UUID):
    run(workspace, case, "index")
    (hit,) = workspace.index.search("covenant").hits
    assert (hit.name, hit.page, hit.owner.id, hit.owner_name) == ("complaint.pdf", 2, case, "Smith v. Jones")


def test_running_every_step_twice_gives_each_result_once(workspace: Workspace, case: UUID):
    """The second batch finds everything done and does it all again."""

    def results():
        return (
            [(chunk.ordinal, chunk.start, chunk.end) for chunk in rows_of(workspace, Chunk)],
            [(citation.ordinal, citation.text) for citation in rows_of(workspace, Citation)],
            [(hit.name, hit.page) for hit in workspace.index.search("covenant").hits],
            workspace.index.count(),
        )

    run(workspace, case)
    first = results()
    assert all(first)
    with workspace.database.write() as session:
        for row in session.exec(select(CaseStep)):
            session.delete(row)
    run(workspace, case)
    assert results() == first


def test_parse_waits_for_a_document_that_another_job_reads(workspace: Workspace, case: UUID, tmp_path: Path):
    """The pipeline is reading one when the batch comes: the case is not through before that is."""
    other = Attempt(uuid4())
    theirs = document(workspace, "letter.pdf").id
    with workspace.database.write() as session:
        assert claims.claim(session, claims.CASE_DOCUMENT, theirs, other, workspace.lease)
    begin(workspace.database, REGISTRY, [case], ["parse"])

    def the_other_job_dies() -> None:
        with workspace.database.write() as session:
            claims.change(
                session, claims.CASE_DOCUMENT, theirs, other, processing_status=ProcessingStatus.PENDING
            )

    fetched: list[None] = []

    def happens() -> None:
        fetched.append(None)
        if len(fetched) == 1:
            the_other_job_dies()

    run_row(replace(workspace, documents=EventfulStore(tmp_path / "store", happens)), case, "parse")
    assert len(fetched) == 2
    assert document(workspace, "letter.pdf").processing_status == ProcessingStatus.READY


def test_parse_goes_on_where_it_was_interrupted(workspace: Workspace, case: UUID, tmp_path: Path):
    process_document(workspace, CaseDocument, document(workspace, "complaint.pdf").id, Attempt(uuid4()))
    begin(workspace.database, REGISTRY, [case], ["parse"])
    fetched: list[None] = []
    store = EventfulStore(tmp_path / "store", lambda: fetched.append(None))
    run_row(replace(workspace, documents=store), case, "parse")
    assert len(fetched) == 1


@pytest.mark.parametrize("error", [StorageUnavailable("away"), KeyboardInterrupt()])
def test_a_parse_that_broke_off_leaves_no_document_claimed(
    workspace: Workspace, case: UUID, tmp_path: Path, error: BaseException
):
    def break_off() -> None:
        raise error

    begin(workspace.database, REGISTRY, [case], ["parse"])
    store = EventfulStore(tmp_path / "store", break_off)
    with pytest.raises(type(error)):
        run_row(replace(workspace, documents=store), case, "parse")
    for name in ("complaint.pdf", "letter.pdf"):
        assert document(workspace, name).processing_status == ProcessingStatus.PENDING


class Reluctant(Sandbox):
    """Gives up on texts that speak of a covenant."""

    def run(self, function: str, **arguments: object):
        if "covenant" in str(arguments.get("text", "")):
            return Killed(Reason.TOOK_TOO_LONG, "took longer than 20 s and was stopped")
        return super().run(function, **arguments)


def test_a_text_too_hard_for_citations_fails_the_step_after_all_others_are_stored(
    workspace: Workspace, case: UUID, limits: ExtractionLimits, tmp_path: Path
):
    cites = write_pdf(tmp_path / "motion.pdf", "We rely on Fed. R. Civ. P. 56(a).")
    add_document(workspace, CaseDocument, case, cites)
    with Reluctant(1, limits) as sandbox:
        run(replace(workspace, sandbox=sandbox), case)
    found = states(workspace.database, case)
    assert (found["citations"], found["index"]) == (StepState.FAILED, StepState.COMPLETED)
    row = row_of(workspace.database, case, "citations")
    assert row.error_type == "TextTooHard"
    assert "The citations of 1 documents could not be found" in row.error
    assert "CASEMILL_EXTRACTION__SECONDS" in row.error
    assert [citation.kind for citation in rows_of(workspace, Citation, "motion.pdf")] == ["rule"]
    assert rows_of(workspace, Citation) == []


def test_two_batches_over_one_case_at_once_leave_the_citations_of_one(workspace: Workspace, case: UUID):
    """On PostgreSQL neither saw the other's citations when it removed the old ones: all stood there twice."""
    found = {"kind": "rule", "text": "Rule 56", "start": 0, "end": 7}
    id = document(workspace, "complaint.pdf").id

    def store(session) -> None:
        citations._store(session, id, [found])

    second_comes_while_the_first_is_not_through(workspace.database, store, store)
    assert len(rows_of(workspace, Citation)) == 1


def test_two_batches_over_one_case_may_run_at_once(workspace: Workspace, case: UUID):
    batches = [begin(workspace.database, REGISTRY, [case], options=SMALL) for _ in range(2)]
    at_once(2, lambda number: work(workspace, REGISTRY, batches[number]))
    with workspace.database.read() as session:
        assert set(session.exec(select(CaseStep.state))) == {StepState.COMPLETED}
    chunks = rows_of(workspace, Chunk)
    assert [chunk.ordinal for chunk in chunks] == list(range(len(chunks)))
    assert [citation.ordinal for citation in rows_of(workspace, Citation)] == [0, 1]
    assert len(workspace.index.search("covenant").hits) == 1


def test_real_filings_run_through_every_step(workspace: Workspace, new_case: NewOwner, corpus: Path):
    case = new_case(workspace, "Third Circuit")
    add_document(workspace, CaseDocument, case, corpus / "cases" / "ca3" / "ca3_003112692106.pdf")
    run(workspace, case, options=BatchOptions())
    assert set(states(workspace.database, case).values()) == {StepState.COMPLETED}
    (name,) = (found.name for found in workspace_documents(workspace))
    text = document(workspace, name).text
    for row in (*rows_of(workspace, Chunk, name), *rows_of(workspace, Citation, name)):
        assert text[row.start : row.end].replace(PAGE_BREAK, "\n") == row.text.replace(PAGE_BREAK, "\n")


def workspace_documents(workspace: Workspace) -> list[CaseDocument]:
    with workspace.database.read() as session:
        return list(session.exec(select(CaseDocument)))
