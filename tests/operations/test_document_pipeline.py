"""Which documents a job of the pipeline has to read."""

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

from sqlmodel import select

from casemill.db import Database
from casemill.extraction.contract import Reason
from casemill.models import Case, CaseDocument, Expert, ExpertDocument, ProcessingStatus
from casemill.operations import document_pipeline
from casemill.operations.document_pipeline import unreadable_documents, waiting_documents
from casemill.search.contract import OwnerKind

FIRST = datetime(2024, 1, 1, tzinfo=UTC)


def add_documents(
    database: Database, *statuses: ProcessingStatus, model: type = CaseDocument, **given: object
) -> list[UUID]:
    """Documents of a new owner, the first one the newest."""
    owner = Case(name=str(uuid4())) if model is CaseDocument else Expert(name="Dr. Grey")
    with database.write() as session:
        session.add(owner)
    documents = [
        model(
            **{model.owner_column: owner.id},
            name=f"{number}.pdf",
            size=1,
            sha256=f"{number:064}",
            storage_key="k",
            processing_status=status,
            uploaded_at=FIRST - timedelta(minutes=number),
            **given,
        )
        for number, status in enumerate(statuses)
    ]
    with database.write() as session:
        session.add_all(documents)
    return [document.id for document in documents]


PENDING = ProcessingStatus.PENDING


def ids(database: Database, only=(), tried=()) -> list[UUID]:
    return [document.id for document in waiting_documents(database, only, tried)]


def test_only_what_waits_is_read_the_oldest_first(database: Database):
    newest, middle, _, _, _, oldest = add_documents(
        database,
        PENDING,
        PENDING,
        ProcessingStatus.PROCESSING,
        ProcessingStatus.READY,
        ProcessingStatus.FAILED,
        PENDING,
    )
    assert ids(database) == [oldest, middle, newest]


def test_documents_of_cases_and_of_experts_are_read(database: Database):
    (of_case,) = add_documents(database, PENDING)
    (of_expert,) = add_documents(database, PENDING, model=ExpertDocument)
    found = {(each.kind, each.id, each.name) for each in waiting_documents(database, (), ())}
    assert found == {(OwnerKind.CASE, of_case, "0.pdf"), (OwnerKind.EXPERT, of_expert, "0.pdf")}


def test_only_the_documents_asked_for_are_read(database: Database):
    one, _, other, ready = add_documents(database, PENDING, PENDING, PENDING, ProcessingStatus.READY)
    assert ids(database, only=[one, other, ready, uuid4()]) == [other, one]


def test_what_was_tried_is_not_tried_again(database: Database):
    """A document whose reading keeps failing waits for the next job; it does not hold this one for ever."""
    one, other = add_documents(database, PENDING, PENDING)
    assert ids(database, tried={other}) == [one]
    assert ids(database, tried={one, other}) == []


def test_one_look_takes_a_bounded_number_whatever_was_tried(database: Database):
    most = document_pipeline._AT_ONCE
    documents = add_documents(database, *[PENDING] * (most + 20))
    first = ids(database)
    assert first == documents[::-1][:most]
    assert ids(database, tried=first) == documents[::-1][most:]


def test_what_could_not_be_read_is_told_to_people(database: Database):
    failed = {"failure_reason": Reason.EMPTY_FILE, "failure_detail": "upload it again"}
    (mine,) = add_documents(database, ProcessingStatus.FAILED, **failed)
    (experts,) = add_documents(database, ProcessingStatus.FAILED, model=ExpertDocument, **failed)
    add_documents(database, ProcessingStatus.FAILED, **failed)
    (ready,) = add_documents(database, ProcessingStatus.READY)
    row = {"document": "0.pdf", "why": "empty file: upload it again"}
    assert unreadable_documents(database, {mine, experts, ready}) == [row, row]
    assert unreadable_documents(database, {ready}) == []
    with database.read() as session:
        assert len(session.exec(select(CaseDocument)).all()) == 3
