"""A document's chunks are replaced as a whole, also by two jobs at once."""

from uuid import UUID

import pytest
from sqlmodel import Session, col, select

from casemill.db import Database
from casemill.models import Case, CaseDocument, Chunk, Expert, ExpertDocument
from casemill.operations.chunk_document import chunk_rows, store_chunks
from casemill.steps.chunking import ChunkOptions, fingerprint
from tests.concurrency import second_comes_while_the_first_is_not_through

TEXT = "One paragraph.\n\nAnother paragraph.\fA second page."
SMALL, LARGE = ChunkOptions(size=20, overlap=0), ChunkOptions()


@pytest.fixture(params=[CaseDocument, ExpertDocument])
def model(request: pytest.FixtureRequest) -> type:
    return request.param


@pytest.fixture
def document_id(database: Database, model: type) -> UUID:
    owner = Case(name="a") if model is CaseDocument else Expert(name="a")
    with database.write() as session:
        session.add(owner)
    given = {"name": "a.pdf", "size": 1, "sha256": "0" * 64, "storage_key": "k"}
    document = model(**{model.owner_column: owner.id}, text=TEXT, page_count=2, **given)
    with database.write() as session:
        session.add(document)
    return document.id


def store(session: Session, model: type, document_id: UUID, options: ChunkOptions) -> str:
    return store_chunks(
        session, model, document_id, chunk_rows(session, model, document_id, options), options
    )


def chunks(database: Database) -> list[str]:
    with database.read() as session:
        return list(session.exec(select(Chunk.text).order_by(col(Chunk.ordinal))))


def test_new_chunks_replace_the_old_ones(database: Database, model: type, document_id: UUID):
    for options in (SMALL, LARGE, SMALL, SMALL):
        with database.write() as session:
            made_with = store(session, model, document_id, options)
        assert made_with == fingerprint(options)
        with database.read() as session:
            assert session.get_one(model, document_id).chunked_as == made_with
    assert chunks(database) == ["One paragraph.", "Another paragraph.", "A second page."]


def test_a_document_without_text_has_no_chunks(database: Database, model: type, document_id: UUID):
    with database.write() as session:
        store(session, model, document_id, SMALL)
        session.get_one(model, document_id).text = None
        store(session, model, document_id, SMALL)
    assert chunks(database) == []


def test_two_jobs_that_chunk_a_document_at_once_leave_the_chunks_of_one(
    database: Database, model: type, document_id: UUID
):
    """On PostgreSQL neither saw the other's chunks when it removed the old ones: search showed each page
    twice, and so did every later export."""

    def store_small(session: Session) -> None:
        store(session, model, document_id, SMALL)

    second_comes_while_the_first_is_not_through(database, store_small, store_small)
    assert chunks(database) == ["One paragraph.", "Another paragraph.", "A second page."]
