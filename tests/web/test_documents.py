"""Documents through the API: uploaded, read, downloaded, read again, deleted."""

import socket
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit
from uuid import UUID, uuid4

import pytest
from sqlmodel import select

from casemill.db import Database
from casemill.models import (
    Attempt,
    AuditRecord,
    AuditResult,
    CaseDocument,
    Job,
    ProcessingStatus,
    Role,
    Scope,
)
from casemill.models.columns import utc_now
from casemill.operations.index_documents import index_owner
from casemill.operations.process_document import process_document
from casemill.settings import Settings
from casemill.web.app import create_app
from casemill.web.shown_documents import attachment
from casemill.workspace import Workspace
from tests.conftest import NewOwner
from tests.web.conftest import As, NewClient
from tests.web.serving import ear, served

API = "/api/v1"
HOSTILE = ["../../etc/passwd", 'a";x="b.pdf', "naïve 契約.pdf", "invoice\u202efdp.exe", "<b>.pdf"]


@pytest.fixture
def operator(api_as: NewClient, without_prefect: None) -> As:
    return api_as(Role.OPERATOR)


def upload(client: As, owner: str, *files: tuple[str, bytes]):
    return client.post(f"{API}/{owner}/documents", files=[("files", file) for file in files])


def first_document(workspace: Workspace) -> UUID:
    with workspace.database.read() as session:
        return session.exec(select(CaseDocument.id).order_by(CaseDocument.name)).first()


def read(workspace: Workspace, document: UUID) -> None:
    process_document(workspace, CaseDocument, document, Attempt(uuid4()))


def change(database: Database, document: UUID, **values: object) -> None:
    with database.write() as session:
        row = session.get_one(CaseDocument, document)
        for name, value in values.items():
            setattr(row, name, value)


def leftovers(workspace: Workspace) -> list[Path]:
    return [path for path in (workspace.settings.home / "uploads").rglob("*") if path.is_file()]


def stored(workspace: Workspace) -> list[Path]:
    return [path for path in (workspace.documents.folder / "documents").rglob("*") if path.is_file()]


def test_uploaded_files_wait_even_while_prefect_is_down(
    desk: Workspace, operator: As, new_case: NewOwner
) -> None:
    case = new_case(desk)
    answer = upload(operator, f"cases/{case}", ("a.pdf", b"%PDF-1.7 a"), ("b.doc", b"b"), ("c.pdf", b"b"))
    assert answer.status_code == 201
    told = answer.json()
    assert told["job_id"] is None
    assert "every 15 minutes" in told["message"]
    assert [(file["name"], file["is_new"], file["status"], file["error"]) for file in told["documents"]] == [
        ("a.pdf", True, "pending", None),
        ("b.doc", True, "pending", None),
        ("c.pdf", False, "pending", None),  # the same bytes
    ]
    assert told["documents"][1]["document_id"] == told["documents"][2]["document_id"]
    listed = operator.get(f"{API}/cases/{case}/documents").json()
    assert (listed["total"], {shown["name"] for shown in listed["documents"]}) == (2, {"a.pdf", "b.doc"})
    assert leftovers(desk) == []
    with desk.database.read() as session:
        record = session.exec(select(AuditRecord).where(AuditRecord.action == "document.upload")).one()
    assert (record.target, record.result, len(record.detail["documents"])) == (f"case:{case}", "done", 3)


def test_experts_have_documents_too(desk: Workspace, operator: As, new_expert: NewOwner) -> None:
    expert = new_expert(desk, "Dr. Grey")
    document = upload(operator, f"experts/{expert}", ("cv.pdf", b"x")).json()["documents"][0]["document_id"]
    shown = operator.get(f"{API}/documents/{document}").json()
    assert (shown["kind"], shown["owner_id"], shown["name"]) == ("expert", str(expert), "cv.pdf")
    assert operator.get(f"{API}/experts/{expert}/documents").json()["total"] == 1


def test_what_is_all_there_already_starts_no_job(desk: Workspace, operator: As, new_case: NewOwner) -> None:
    case = new_case(desk, paper="some text")
    document = first_document(desk)
    read(desk, document)
    with desk.documents.fetch(operator_key(desk, document)) as path:
        answer = upload(operator, f"cases/{case}", ("again.pdf", path.read_bytes()))
    assert answer.json()["message"] == "All of it was there already"
    assert answer.json()["documents"][0]["status"] == "ready"


def operator_key(workspace: Workspace, document: UUID) -> str:
    with workspace.database.read() as session:
        return session.get_one(CaseDocument, document).storage_key


def test_a_file_over_the_limit_leaves_nothing_behind(
    desk: Workspace, operator: As, new_case: NewOwner
) -> None:
    small = desk.settings.model_copy(update={"upload_mb": 1})
    operator.app.state.workspace = replace(desk, settings=small)
    case = new_case(desk)
    answer = upload(operator, f"cases/{case}", ("small.pdf", b"x"), ("large.pdf", b"x" * (1 << 20) + b"x"))
    assert answer.status_code == 413
    assert answer.headers["content-type"] == "application/problem+json"
    assert "large.pdf is larger than the 1 MB" in answer.json()["detail"]
    assert operator.get(f"{API}/cases/{case}/documents").json()["total"] == 0
    assert (leftovers(desk), stored(desk)) == ([], [])
    with desk.database.read() as session:
        assert session.exec(select(AuditRecord.result)).all() == [AuditResult.REFUSED]


def test_who_may_not_upload_is_told_before_sending_anything(desk: Workspace, new_case: NewOwner) -> None:
    """A stranger could make the server take in gigabytes before it asked who that was."""
    case = new_case(desk)
    with served(create_app(desk)) as url:
        viewer = ear(desk.database, url, Role.VIEWER)
        headers = {"": 401, f"Authorization: {viewer.http.headers['Authorization']}\r\n": 403}
        for sent, status in headers.items():
            with socket.create_connection((urlsplit(url).hostname, urlsplit(url).port), timeout=10) as line:
                head = f"POST {API}/cases/{case}/documents HTTP/1.1\r\nHost: 127.0.0.1\r\n{sent}"
                body = "Content-Type: multipart/form-data; boundary=x\r\nContent-Length: 1000000000\r\n\r\n"
                line.sendall((head + body).encode())
                assert line.recv(1000).startswith(f"HTTP/1.1 {status} ".encode())


def test_an_owner_that_is_not_there_has_and_takes_no_documents(operator: As) -> None:
    for owner in (f"cases/{uuid4()}", f"experts/{uuid4()}"):
        assert upload(operator, owner, ("a.pdf", b"x")).status_code == 404
        assert operator.get(f"{API}/{owner}/documents").status_code == 404
    assert operator.get(f"{API}/documents/{uuid4()}").status_code == 404


def test_a_body_without_files_is_bad_input(desk: Workspace, operator: As, new_case: NewOwner) -> None:
    case = new_case(desk)
    for given in ({"json": {}}, {"data": {"files": "text"}}, {}):
        assert operator.post(f"{API}/cases/{case}/documents", **given).status_code == 422


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_are_shown_on_one_line_and_never_open_anything(
    desk: Workspace, operator: As, new_case: NewOwner, name: str
) -> None:
    content = b"<script>alert(1)</script>"
    told = upload(operator, f"cases/{new_case(desk)}", (name, content)).json()["documents"][0]
    assert "/" not in told["name"] and "\u202e" not in told["name"]
    answer = operator.get(f"{API}/documents/{told['document_id']}/file")
    assert answer.content == content
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-disposition"] == attachment(told["name"])


@pytest.mark.parametrize(
    ("name", "header"),
    [
        ("cv.pdf", "attachment; filename=\"cv.pdf\"; filename*=UTF-8''cv.pdf"),
        ("ü \u5951.pdf", "attachment; filename=\"_ _.pdf\"; filename*=UTF-8''%C3%BC%20%E5%A5%91.pdf"),
        ('a"\\;\r\n%41', "attachment; filename=\"a______41\"; filename*=UTF-8''a%22%5C%3B%0D%0A%2541"),
    ],
)
def test_the_name_of_a_download_cannot_leave_its_place_in_the_header(name: str, header: str) -> None:
    assert attachment(name) == header


def test_a_file_that_is_gone_from_the_store_is_not_found(
    desk: Workspace, operator: As, new_case: NewOwner
) -> None:
    new_case(desk, paper="text")
    document = first_document(desk)
    desk.documents.delete(operator_key(desk, document))
    answer = operator.get(f"{API}/documents/{document}/file")
    assert (answer.status_code, "upload the document again" in answer.json()["detail"]) == (404, True)


def test_a_store_that_is_away_is_worth_another_try_and_says_nothing_of_itself(
    desk: Workspace, operator: As, new_case: NewOwner
) -> None:
    case = new_case(desk, paper="text")
    desk.documents.folder.rename(desk.documents.folder.parent / "unmounted")
    answers = [
        operator.get(f"{API}/documents/{first_document(desk)}/file"),
        upload(operator, f"cases/{case}", ("a.pdf", b"x")),
    ]
    for answer in answers:
        assert answer.status_code == 503
        assert str(desk.documents.folder) not in answer.text


def test_text_is_read_page_by_page_once_it_is_there(
    desk: Workspace, operator: As, new_case: NewOwner
) -> None:
    new_case(desk, paper=["the first page", "the second page"])
    document = first_document(desk)
    text = f"{API}/documents/{document}/text"
    assert "not read yet" in operator.get(text).json()["detail"]
    read(desk, document)
    first, second, none = (operator.get(text, params={"page": page}) for page in (1, 2, 3))
    assert (first.json()["text"].strip(), first.json()["pages"]) == ("the first page", 2)
    assert second.json()["text"].strip() == "the second page"
    assert none.status_code == 404
    shown = operator.get(f"{API}/documents/{document}").json()
    assert (shown["status"], shown["page_count"], "text" in shown) == ("ready", 2, False)


def test_a_document_without_text_says_why(desk: Workspace, operator: As, new_case: NewOwner) -> None:
    told = upload(operator, f"cases/{new_case(desk)}", ("a.pdf", b"no PDF at all")).json()
    document = UUID(told["documents"][0]["document_id"])
    read(desk, document)
    answer = operator.get(f"{API}/documents/{document}/text")
    assert answer.status_code == 409
    assert operator.get(f"{API}/documents/{document}").json()["failure_reason"] in answer.json()["detail"]


def test_documents_are_listed_by_status_and_page(desk: Workspace, operator: As, new_case: NewOwner) -> None:
    case = new_case(desk, a="one", b="two", c="three")
    read(desk, first_document(desk))
    listed = f"{API}/cases/{case}/documents"
    ready = operator.get(listed, params={"status": "ready"}).json()
    assert [shown["name"] for shown in ready["documents"]] == ["a.pdf"]
    page = operator.get(listed, params={"page": 2, "per_page": 2}).json()
    assert (page["total"], page["pages"], len(page["documents"])) == (3, 2, 1)
    assert operator.get(listed, params={"status": "nonsense"}).status_code == 422


def test_a_document_is_read_again_but_not_while_it_is_read(
    desk: Workspace, operator: As, new_case: NewOwner
) -> None:
    new_case(desk, paper="text")
    document = first_document(desk)
    read(desk, document)
    again = operator.post(f"{API}/documents/{document}/reprocessing")
    assert (again.status_code, again.json()["document"]["status"]) == (202, "pending")
    assert again.json()["job_id"] is None
    until = utc_now() + desk.lease
    change(desk.database, document, processing_status=ProcessingStatus.PROCESSING, lease_until=until)
    for answer in (
        operator.post(f"{API}/documents/{document}/reprocessing"),
        operator.delete(f"{API}/documents/{document}"),
    ):
        assert (answer.status_code, "being read" in answer.json()["detail"]) == (409, True)


def test_a_deleted_document_is_gone_everywhere(desk: Workspace, operator: As, new_case: NewOwner) -> None:
    case = new_case(desk, paper="unmistakable")
    document = first_document(desk)
    read(desk, document)
    index_owner(desk, CaseDocument, case)
    assert operator.get(f"{API}/search", params={"q": "unmistakable"}).json()["total"] == 1
    assert operator.delete(f"{API}/documents/{document}").status_code == 204
    assert operator.get(f"{API}/search", params={"q": "unmistakable"}).json()["total"] == 0
    assert operator.get(f"{API}/documents/{document}").status_code == 404
    assert operator.delete(f"{API}/documents/{document}").status_code == 404
    assert stored(desk) == []


def test_viewers_only_look(desk: Workspace, api_as: NewClient, new_case: NewOwner) -> None:
    case, viewer = new_case(desk, paper="text"), api_as(Role.VIEWER)
    document = first_document(desk)
    assert viewer.get(f"{API}/documents/{document}/file").status_code == 200
    for answer in (
        upload(viewer, f"cases/{case}", ("a.pdf", b"x")),
        viewer.post(f"{API}/documents/{document}/reprocessing"),
        viewer.delete(f"{API}/documents/{document}"),
    ):
        assert answer.status_code == 403


def test_an_upload_starts_a_job_of_its_user_unless_one_waits_already(
    desk: Workspace, api_as: NewClient, new_case: NewOwner, prefect_server: None
) -> None:
    from prefect import flow
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.actions import WorkPoolCreate

    @flow(name="document-pipeline")
    def pipeline() -> None: ...

    given = {**desk.settings.model_dump(), "work_pool": f"pool-{uuid4()}"}
    workspace = replace(desk, settings=Settings.model_validate(given))
    with get_client(sync_client=True) as client:
        client.create_work_pool(WorkPoolCreate(name=workspace.settings.work_pool, type="process"))
        pipeline.to_deployment("default", tags=["drain"]).apply(work_pool_name=workspace.settings.work_pool)
        first, other = api_as(Role.OPERATOR), api_as(Role.OPERATOR, Scope.OWN, "other")
        first.app.state.workspace = workspace
        case = new_case(desk)
        job = UUID(upload(first, f"cases/{case}", ("a.pdf", b"a")).json()["job_id"])
        run = client.read_flow_run(job)
        assert f"user:{first.user_id}" in run.tags
        assert run.work_queue_name == f"user-{first.user_id}"
        with desk.database.write() as session:
            session.add(Job(id=job, user_id=first.user_id, created_at=utc_now()))
        told = upload(other, f"cases/{case}", ("b.pdf", b"b")).json()
        assert (told["job_id"], "of another user" in told["message"]) == (None, True)
        client.delete_flow_run(job)
