"""Documents over all cases and experts: found, counted, and told of when they change."""

from collections.abc import Callable
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy import event
from sqlmodel import select

from casemill.db import Database
from casemill.models import (
    Attempt,
    CaseDocument,
    ExpertDocument,
    FeedKind,
    JobEvent,
    ProcessingStatus,
    Role,
    Scope,
)
from casemill.models.columns import utc_now
from casemill.operations.claims import take_back
from casemill.operations.delete_document import delete_document
from casemill.operations.document_pipeline import MODELS
from casemill.operations.find_documents import DocumentFilter, count_documents, documents_page
from casemill.operations.process_document import process_document
from casemill.operations.reprocess_document import reprocess_document
from casemill.search.contract import OwnerKind
from casemill.web.app import create_app
from casemill.workspace import Workspace
from tests.conftest import NewOwner
from tests.web.conftest import NewClient
from tests.web.serving import ear, served, tell

LIST = "/api/v1/documents"


@pytest.fixture
def shelf(desk: Workspace, new_case: NewOwner, new_expert: NewOwner) -> dict[str, UUID]:
    """Ids of a case with two documents and an expert with one; the names go from the oldest to the newest."""
    owners = {"case": new_case(desk, "Smith v. Jones", brief="one", reply="two")}
    owners["expert"] = new_expert(desk, "Dr. Grey", cv="three")
    return owners


def test_documents_of_all_are_listed_the_newest_first_with_whose_they_are(
    shelf: dict[str, UUID], api_as: NewClient
) -> None:
    told = api_as(Role.VIEWER).get(LIST).json()
    assert [(shown["name"], shown["kind"], shown["owner"]) for shown in told["documents"]] == [
        ("cv.pdf", "expert", "Dr. Grey"),
        ("reply.pdf", "case", "Smith v. Jones"),
        ("brief.pdf", "case", "Smith v. Jones"),
    ]
    assert (told["total"], told["statuses"]) == (3, {"pending": 3})


@pytest.mark.parametrize(
    ("asked", "names"),
    [
        ({"kind": "expert"}, ["cv.pdf"]),
        ({"owner": "case"}, ["reply.pdf", "brief.pdf"]),
        ({"owner": "case", "status": "pending", "q": "REP"}, ["reply.pdf"]),
        ({"q": ".pdf", "page": 2, "per_page": 2}, ["brief.pdf"]),
        ({"q": "%"}, []),
        ({"status": "failed"}, []),
        ({"page": 9}, []),
    ],
)
def test_they_are_found_by_kind_owner_status_and_name(
    shelf: dict[str, UUID], api_as: NewClient, asked: dict[str, str], names: list[str]
) -> None:
    given = {name: shelf.get(value, value) if name == "owner" else value for name, value in asked.items()}
    told = api_as(Role.VIEWER).get(LIST, params=given).json()
    assert [shown["name"] for shown in told["documents"]] == names


def test_statuses_are_counted_whichever_is_asked_for(
    desk: Workspace, shelf: dict[str, UUID], api_as: NewClient
) -> None:
    with desk.database.write() as session:
        row = session.exec(select(CaseDocument)).first()
        row.processing_status = ProcessingStatus.FAILED
    told = api_as(Role.VIEWER).get(LIST, params={"status": "failed"}).json()
    assert (told["total"], told["statuses"]) == (1, {"failed": 1, "pending": 2})


def test_an_owner_that_is_not_there_is_not_found(shelf: dict[str, UUID], api_as: NewClient) -> None:
    viewer = api_as(Role.VIEWER)
    assert viewer.get(LIST, params={"owner": str(uuid4())}).status_code == 404
    assert viewer.get(LIST, params={"owner": str(shelf["case"]), "kind": "expert"}).status_code == 404


def many(database: Database, new_case: NewOwner, new_expert: NewOwner) -> UUID:
    case, expert, now = new_case(database), new_expert(database, "Dr. Grey"), utc_now()
    with database.write() as session:
        for number in range(300):
            values = {
                "name": f"{number}.pdf",
                "size": 1,
                "sha256": f"{number:064}",
                "storage_key": "-",
                "uploaded_at": now - timedelta(seconds=number),
                "processing_status": ProcessingStatus.READY if number % 10 else ProcessingStatus.FAILED,
            }
            session.add(CaseDocument(case_id=case, **values))
            session.add(ExpertDocument(expert_id=expert, **values))
    return case


@pytest.mark.parametrize(
    "wanted",
    [
        lambda _case: DocumentFilter(),
        lambda _case: DocumentFilter(status=ProcessingStatus.READY),
        lambda _case: DocumentFilter(name="7"),
        lambda case: DocumentFilter(OwnerKind.CASE, case, ProcessingStatus.READY),
    ],
    ids=["all", "status", "name", "owner"],
)
def test_a_page_is_found_in_indexes_and_nothing_is_sorted_but_it(
    sqlite: Database, new_case: NewOwner, new_expert: NewOwner, wanted: Callable[[UUID], DocumentFilter]
) -> None:
    """A row holds the text of its document: reading all rows for one page would read all texts."""
    asked = wanted(many(sqlite, new_case, new_expert))
    statements: list[tuple[str, object]] = []

    def note(_c: object, _cursor: object, statement: str, parameters: object, *_: object) -> None:
        statements.append((statement, parameters))

    with sqlite.read() as session:
        event.listen(sqlite.engine, "before_cursor_execute", note)
        page = documents_page(session, asked, 20, 20)
        counts = count_documents(session, asked)
        event.remove(sqlite.engine, "before_cursor_execute", note)
        assert len(page) == 20
        assert sum(counts.values()) >= 40
        plans = [
            row[3]
            for statement, given in statements
            if statement.startswith("SELECT")
            for row in session.connection().exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", given)
        ]
    tables = {model.__tablename__ for model in MODELS.values()}
    scans = [plan for plan in plans if any(f"SCAN {table}" in plan for table in tables)]
    assert all("USING COVERING INDEX" in plan for plan in scans), plans
    assert any("USING" in plan and "INDEX" in plan for plan in plans)


def told(workspace: Workspace) -> list[tuple[str | None, str, str | None]]:
    with workspace.database.read() as session:
        rows = session.exec(
            select(JobEvent).where(JobEvent.kind == FeedKind.DOCUMENT).order_by(JobEvent.id)
        ).all()
    return [(row.data["document_id"], row.data["status"], row.data["reason"]) for row in rows]


def test_the_feed_tells_what_becomes_of_a_document(workspace: Workspace, new_case: NewOwner) -> None:
    new_case(workspace, brief="some text")
    with workspace.database.read() as session:
        document = session.exec(select(CaseDocument.id)).one()
    process_document(workspace, CaseDocument, document, Attempt(uuid4()))
    with workspace.database.write() as session:
        reprocess_document(session, document, utc_now())
        key = session.exec(select(CaseDocument.storage_key)).one()
    workspace.documents.delete(key)
    process_document(workspace, CaseDocument, document, Attempt(uuid4()))
    delete_document(workspace, document)
    assert told(workspace) == [
        (str(document), "pending", None),
        (str(document), "processing", None),
        (str(document), "ready", None),
        (str(document), "pending", None),
        (str(document), "processing", None),
        (str(document), "failed", "file missing from storage"),
        (str(document), "deleted", None),
    ]


def test_what_a_dead_job_was_reading_is_told_to_wait(desk: Workspace, new_case: NewOwner) -> None:
    new_case(desk, brief="some text")
    with desk.database.write() as session:
        row = session.exec(select(CaseDocument)).one()
        row.processing_status = ProcessingStatus.PROCESSING
        row.claimed_by, row.claim_attempt = uuid4(), 1
        row.lease_until = utc_now() - timedelta(seconds=1)
    with desk.database.write() as session:
        assert take_back(session, utc_now(), Attempt(uuid4())) == 1
    assert told(desk)[-1] == (None, "pending", None)


def test_everybody_hears_of_documents_whoever_has_them_read(desk: Workspace, new_case: NewOwner) -> None:
    with served(create_app(desk)) as url:
        viewer = ear(desk.database, url, Role.VIEWER, Scope.OWN)
        new_case(desk, brief="some text")
        end = tell(desk.database, None, FeedKind.ALERT)
        with viewer.on(f"/events?after={end - 2}") as heard:
            assert [event.event for event in heard.take(2)] == ["document", "alert"]
