"""What goes into a column comes out of it, on both databases."""

from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID, uuid4

import pytest
from sqlalchemy.exc import IntegrityError, StatementError
from sqlmodel import Session, col, select

from casemill.db import Database
from casemill.extraction.contract import PAGE_BREAK, Reason, clean_text
from casemill.models import (
    Batch,
    Case,
    CaseDocument,
    CaseStep,
    Chunk,
    Citation,
    Expert,
    ExpertDocument,
    ProcessingStatus,
)

NOON_IN_DELHI = datetime(2024, 2, 29, 12, 0, 0, 123456, tzinfo=timezone(timedelta(hours=5, minutes=30)))


def a_document(case_id: UUID, sha256: str = "0" * 64, **fields: object) -> CaseDocument:
    return CaseDocument(case_id=case_id, name="a.pdf", size=1, sha256=sha256, storage_key="k", **fields)


def saved(database: Database, *rows: object) -> None:
    with database.write() as session:
        session.add_all(rows)


def test_a_moment_of_any_zone_comes_back_as_the_same_moment_in_utc(database: Database):
    """PostgreSQL answers in the zone its server lives in. `batch list` printed New York's time and called
    it UTC."""
    case = Case(name="a", created_at=NOON_IN_DELHI)
    saved(database, case)
    with database.read() as session:
        found = session.get_one(Case, case.id).created_at
    assert found == NOON_IN_DELHI
    assert found.tzinfo is UTC
    assert found.isoformat() == "2024-02-29T06:30:00.123456+00:00"


def test_moments_of_different_zones_sort_as_moments(database: Database):
    later_with_an_earlier_clock = datetime(2024, 2, 29, 7, 0, tzinfo=UTC)
    saved(
        database,
        Case(name="first", created_at=NOON_IN_DELHI),
        Case(name="second", created_at=later_with_an_earlier_clock),
    )
    with database.read() as session:
        assert session.exec(select(Case.name).order_by(col(Case.created_at))).all() == ["first", "second"]
        query = select(Case.name).where(col(Case.created_at) > NOON_IN_DELHI)
        assert session.exec(query).all() == ["second"]


def test_a_moment_without_a_zone_is_refused(database: Database):
    with pytest.raises(StatementError, match="has no time zone; store aware moments only"):
        saved(database, Case(name="a", created_at=datetime(2024, 2, 29)))  # noqa: DTZ001


def test_words_come_back_as_members_of_their_enumeration(database: Database):
    case = Case(name="a")
    document = a_document(case.id, processing_status=ProcessingStatus.FAILED, failure_reason=Reason.TOO_LARGE)
    saved(database, case)
    saved(database, document)
    with database.read() as session:
        found = session.get_one(CaseDocument, document.id)
    assert found.processing_status is ProcessingStatus.FAILED
    assert found.failure_reason is Reason.TOO_LARGE


def test_a_word_that_is_not_in_the_enumeration_is_refused(database: Database):
    case = Case(name="a")
    saved(database, case)
    with pytest.raises(StatementError, match="'done' is not a valid ProcessingStatus"):
        saved(database, a_document(case.id, processing_status="done"))


def test_every_character_that_extraction_lets_through_can_be_stored(database: Database):
    """One lone surrogate or NUL, and PostgreSQL refuses the whole document."""
    everything = PAGE_BREAK.join(
        clean_text("".join(map(chr, range(start, min(start + 0x4000, 0x110000)))))
        for start in range(0, 0x110000, 0x4000)
    )
    case = Case(name=clean_text("\0\ud800 name"))
    document = a_document(case.id, text=everything)
    saved(database, case)
    saved(database, document)
    saved(database, Chunk(case_document_id=document.id, ordinal=0, start=0, end=9, text=everything))
    with database.read() as session:
        assert session.get_one(CaseDocument, document.id).text == everything
        assert session.exec(select(Chunk.text)).one() == everything


def test_options_may_hold_any_characters(database: Database):
    """A delimiter is what an operator typed, or pasted from anywhere."""
    batch = Batch(steps=["chunk"], options={"chunk": {"delimiter": "\0\ud800¶\U0001f600"}})
    saved(database, batch)
    with database.read() as session:
        assert session.get_one(Batch, batch.id).options == {"chunk": {"delimiter": "\0\ud800¶\U0001f600"}}


def test_the_same_bytes_are_one_document_of_an_owner(database: Database):
    case = Case(name="a")
    saved(database, case)
    saved(database, a_document(case.id))
    with pytest.raises(IntegrityError):
        saved(database, a_document(case.id))


def test_the_same_bytes_may_belong_to_two_owners(database: Database):
    one, other, expert = Case(name="a"), Case(name="b"), Expert(name="c")
    saved(database, one, other, expert)
    of_expert = ExpertDocument(expert_id=expert.id, name="a", size=1, sha256="0" * 64, storage_key="k")
    saved(database, a_document(one.id), a_document(other.id), of_expert)
    with database.read() as session:
        assert len(session.exec(select(CaseDocument)).all()) == 2


def test_two_cases_cannot_have_one_name_but_two_people_can(database: Database):
    saved(database, Expert(name="Dr. Grey"), Expert(name="Dr. Grey"))
    saved(database, Case(name="Smith"))
    with pytest.raises(IntegrityError):
        saved(database, Case(name="Smith"))


def test_a_document_belongs_to_a_case_that_exists(database: Database):
    with pytest.raises(IntegrityError):
        saved(database, a_document(uuid4()))


def test_a_chunk_is_of_exactly_one_document(database: Database):
    with pytest.raises(IntegrityError):
        saved(database, Chunk(ordinal=0, start=0, end=1, text="a"))


def count(session: Session, *models: type) -> list[int]:
    return [len(session.exec(select(model)).all()) for model in models]


def test_with_a_case_goes_all_that_was_made_of_it(database: Database):
    case, batch = Case(name="a"), Batch(steps=["parse"])
    document = a_document(case.id)
    saved(database, case, batch)
    saved(database, document)
    saved(
        database,
        Chunk(case_document_id=document.id, ordinal=0, start=0, end=1, text="a"),
        Citation(case_document_id=document.id, ordinal=0, kind="rule", text="a", start=0, end=1),
        CaseStep(batch_id=batch.id, case_id=case.id, step="parse"),
    )
    with database.write() as session:
        session.delete(session.get_one(Case, case.id))
    with database.read() as session:
        assert count(session, CaseDocument, Chunk, Citation, CaseStep, Batch) == [0, 0, 0, 0, 1]
