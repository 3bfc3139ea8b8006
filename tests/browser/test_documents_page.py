"""Documents in a browser: uploaded, followed, read, deleted."""

import json
import re
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from playwright.sync_api import Page, Route, expect
from sqlmodel import select

from casemill.extraction.contract import Reason
from casemill.models import Attempt, Case, CaseDocument, ProcessingStatus, Role, Scope
from casemill.models.columns import utc_now
from casemill.monitoring.reading import Reading
from casemill.operations.add_document import add_document
from casemill.operations.document_feed import tell_document
from casemill.operations.process_document import process_document
from casemill.operations.reprocess_document import reprocess_document
from casemill.web.api import documents
from tests.browser.conftest import Site, assert_accessible_in_every_look
from tests.conftest import NewOwner
from tests.paper import write_pdf

HOSTILE = "<img src=x onerror=alert(1)>{{7*7}}.pdf"


@pytest.fixture
def no_job(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody starts a job for what waits: the tests read it themselves."""
    later = Reading(None, "The sweep, every 15 minutes, reads what waits")
    monkeypatch.setattr(documents, "begin_reading", lambda _workspace, _actor: later)


def document_named(site: Site, name: str) -> UUID:
    with site.desk.database.read() as session:
        return session.exec(select(CaseDocument.id).where(CaseDocument.name == name)).one()


def read(site: Site, document_id: UUID) -> None:
    process_document(site.desk, CaseDocument, document_id, Attempt(uuid4()))


def unreadable(site: Site, case: UUID, folder: Path, name: str, detail: str) -> UUID:
    (file := folder / "unreadable").write_bytes(b"no document")
    document = add_document(site.desk, CaseDocument, case, file, name).document_id
    with site.desk.database.write() as session:
        row = session.get_one(CaseDocument, document)
        row.processing_status = ProcessingStatus.FAILED
        row.failure_reason, row.failure_detail = Reason.UNSUPPORTED_FORMAT, detail
        tell_document(session, document, row.processing_status, row.failure_reason, detail)
    return document


def live(page: Page) -> None:
    expect(page.locator("#connection")).to_have_attribute("data-state", "live")


def test_list_and_document_can_be_read_by_all(site: Site, new_case: NewOwner, tmp_path: Path) -> None:
    case = new_case(site.desk, "Smith v. Jones", brief=["page one", "page two"])
    read(site, document_named(site, "brief.pdf"))
    failed = unreadable(site, case, tmp_path, "W" * 200 + ".xyz", "Save it as PDF and upload that")
    page = site.as_user().page
    page.goto("/documents")
    page.locator("#upload-owner").click()
    expect(page.get_by_role("option", name="Smith v. Jones")).to_be_visible()
    assert_accessible_in_every_look(page)
    page.goto(f"/documents/{document_named(site, 'brief.pdf')}?page=2")
    expect(page.locator("#text")).to_contain_text("page two")
    assert_accessible_in_every_look(page)
    page.goto(f"/documents/{failed}")
    expect(page.get_by_role("alert")).to_contain_text("Unsupported format. Save it as PDF")
    assert_accessible_in_every_look(page)


def test_files_are_uploaded_to_a_new_case_and_followed_without_a_reload(
    site: Site,
    no_job: None,
    tmp_path: Path,
) -> None:
    """All by keyboard and the real file input, each file with its own outcome."""
    page = site.as_user(Role.OPERATOR, Scope.OWN).page
    page.goto("/documents")
    expect(page.get_by_text("No document was uploaded yet")).to_be_visible()
    live(page)
    page.get_by_role("combobox", name="To a case or an expert").focus()
    page.keyboard.type("Smith v. Jones")
    expect(page.get_by_role("option", name="Create the case “Smith v. Jones”")).to_be_visible()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.locator("#upload-owner-id")).to_have_value(re.compile(".{36}"))
    brief = write_pdf(tmp_path / "brief.pdf", "the only page")
    (tmp_path / "same.pdf").write_bytes(brief.read_bytes())
    (tmp_path / "empty.pdf").write_bytes(b"")
    (tmp_path / HOSTILE).write_bytes(b"no document")
    page.get_by_label("Files", exact=True).set_input_files(
        [brief, tmp_path / "empty.pdf", tmp_path / HOSTILE]
    )
    uploads = page.get_by_role("list", name="Files to upload").get_by_role("listitem")
    expect(uploads.filter(has_text="empty.pdf")).to_contain_text("It is empty")
    page.get_by_role("button", name="Upload 2 files").click()
    expect(uploads.filter(has_text="brief.pdf")).to_contain_text("Taken in")
    expect(uploads.filter(has_text="onerror")).to_contain_text("every 15 minutes")
    rows = page.locator("#documents tbody tr")
    expect(rows).to_have_count(2)
    expect(page.locator("#upload-said")).to_have_text("2 files uploaded, 1 not.")
    page.get_by_label("Files", exact=True).set_input_files(tmp_path / "same.pdf")
    page.get_by_role("button", name="Upload 1 file").click()
    expect(uploads.filter(has_text="same.pdf")).to_contain_text("has the same file already")
    read(site, document_named(site, "brief.pdf"))
    read(site, document_named(site, HOSTILE))
    expect(uploads.filter(has_text="brief.pdf")).to_contain_text("Ready")
    expect(uploads.filter(has_text="onerror")).to_contain_text("cannot be read, unsupported format")
    expect(page.locator("#upload-said")).to_contain_text("1 of them cannot be read")
    expect(rows.filter(has_text="brief.pdf")).to_contain_text("Ready")
    expect(rows.filter(has_text="onerror")).to_contain_text("Failed")
    expect(rows.filter(has_text="{{7*7}}")).to_have_count(1)
    with site.desk.database.read() as session:
        assert session.exec(select(Case.name)).all() == ["Smith v. Jones"]


def test_files_are_dropped_anywhere_and_what_is_too_large_is_not_sent(site: Site, new_case: NewOwner) -> None:
    case = new_case(site.desk, "Smith v. Jones")
    page = site.as_user(Role.OPERATOR).page
    page.goto(f"/documents?owner={case}")
    expect(page.get_by_role("combobox", name="To a case or an expert")).to_have_value("Smith v. Jones")
    page.evaluate(
        """() => {
          const brought = new DataTransfer();
          brought.items.add(new File(["some"], "small.pdf"));
          const large = new File(["x"], "large.pdf");
          Object.defineProperty(large, "size", { value: 2 ** 40 });
          brought.items.add(large);
          const event = new DragEvent("drop", { bubbles: true, cancelable: true, dataTransfer: brought });
          Object.defineProperty(event.dataTransfer, "items", { value: [
            { kind: "file", getAsFile: () => brought.files[0] }, { kind: "file", getAsFile: () => large },
          ] });
          document.querySelector("h1").dispatchEvent(event);
        }"""
    )
    uploads = page.get_by_role("list", name="Files to upload").get_by_role("listitem")
    expect(uploads.filter(has_text="large.pdf")).to_contain_text("larger than the 200 MB")

    def refuse(route: Route) -> None:
        detail = "The upload could not be written to disk; an admin should see whether it is full"
        route.fulfill(
            status=409, content_type="application/problem+json", body=json.dumps({"detail": detail})
        )

    page.route("**/api/v1/cases/*/documents", refuse)
    with page.expect_request(f"**/api/v1/cases/{case}/documents") as sent:
        page.get_by_role("button", name="Upload 1 file").click()
    assert sent.value.headers["x-csrf-token"]
    expect(uploads.filter(has_text="small.pdf")).to_contain_text("could not be written to disk")
    expect(page.get_by_role("button", name="Try again: small.pdf")).to_be_visible()
    expect(page.locator("#upload-said")).to_have_text("0 files uploaded, 2 not.")


def test_filters_stand_in_the_address_and_back_works(
    site: Site, new_case: NewOwner, new_expert: NewOwner, tmp_path: Path
) -> None:
    case = new_case(site.desk, "Smith v. Jones", brief="one")
    new_expert(site.desk, "Dr. Grey", cv="two")
    unreadable(site, case, tmp_path, "odd.xyz", "Save it as PDF")
    page = site.as_user(Role.VIEWER, Scope.OWN).page
    page.goto("/documents")
    rows = page.locator("#documents tbody tr")
    expect(rows).to_have_count(3)
    page.get_by_role("combobox", name="Only of").fill("grey")
    page.get_by_role("option", name="Dr. Grey").click()
    expect(rows).to_have_count(1)
    expect(page).to_have_url(re.compile(r"\?owner=.{36}$"))
    page.go_back()
    expect(rows).to_have_count(3)
    page.get_by_label("Status", exact=True).select_option("failed")
    expect(rows).to_have_count(1)
    expect(rows).to_contain_text("Save it as PDF")
    page.get_by_label("Name").fill("nowhere")
    expect(page.get_by_text("No document matches")).to_be_visible()
    expect(page).to_have_url(re.compile(r"q=nowhere"))
    page.goto(f"/documents?owner={uuid4()}")
    expect(page.get_by_text("There is no such case or expert")).to_be_visible()
    expect(page.get_by_role("button", name=re.compile("Upload|Delete|Read again"))).to_have_count(0)
    expect(page.locator("#upload")).to_have_count(0)


def test_a_document_is_read_again_and_followed(
    site: Site,
    new_case: NewOwner,
    no_job: None,
) -> None:
    new_case(site.desk, brief=["page one", "page two"])
    document = document_named(site, "brief.pdf")
    page = site.as_user(Role.OPERATOR).page
    page.goto(f"/documents/{document}")
    expect(page.get_by_text("No text yet")).to_be_visible()
    live(page)
    read(site, document)
    expect(page.locator("#text")).to_contain_text("page one")
    page.get_by_role("button", name="Read again").click()
    expect(page.locator("#document .status")).to_have_text("Pending")
    expect(page.locator("#text")).to_contain_text("page one")
    page.get_by_role("link", name="Next").click()
    expect(page.locator("#text")).to_contain_text("page two")
    page.goto(f"/documents/{document}?page=7")
    expect(page.get_by_text("There is no such page")).to_be_visible()
    with page.expect_download() as download:
        page.get_by_role("link", name="Download the file").click()
    assert download.value.suggested_filename == "brief.pdf"


def test_deleting_says_what_goes_and_is_asked_first(site: Site, new_case: NewOwner) -> None:
    new_case(site.desk, "Smith v. Jones", brief=["page one", "page two"])
    document = document_named(site, "brief.pdf")
    read(site, document)
    page = site.as_user(Role.OPERATOR).page
    page.goto(f"/documents/{document}")
    page.get_by_role("button", name="Delete").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text(
        "brief.pdf, with its text (2 pages), what search finds of it, the citations"
    )
    dialog.get_by_role("button", name="Keep as it is").click()
    page.get_by_role("button", name="Delete").click()
    dialog.get_by_role("button", name="Delete the document").click()
    expect(page).to_have_url(re.compile(r"/documents\?owner="))
    expect(page.get_by_text("Smith v. Jones has no documents yet")).to_be_visible()


def test_a_hostile_name_and_text_are_shown_as_they_are(
    site: Site, new_case: NewOwner, tmp_path: Path
) -> None:
    case = new_case(site.desk, "<script>alert(2)</script>")
    file = write_pdf(tmp_path / "x.pdf", "<script>alert(3)</script> {{7*7}} javascript:alert(4)")
    document = add_document(site.desk, CaseDocument, case, file, HOSTILE).document_id
    read(site, document)
    page = site.as_user().page
    page.goto(f"/documents/{document}")
    expect(page.get_by_role("heading", level=1)).to_have_text(HOSTILE)
    expect(page.locator("#text pre")).to_contain_text("<script>alert(3)</script> {{7*7}}")
    page.goto("/documents")
    page.locator("#upload-owner").click()
    expect(page.get_by_role("option", name="<script>alert(2)</script>")).to_be_visible()
    page.get_by_role("button", name="Delete").click()
    expect(page.get_by_role("dialog")).to_contain_text(HOSTILE)


def test_what_is_typed_and_focused_outlives_a_redraw(site: Site, new_case: NewOwner) -> None:
    new_case(site.desk, brief="one")
    document = document_named(site, "brief.pdf")
    page = site.as_user().page
    page.goto("/documents")
    live(page)
    page.get_by_role("button", name="Read again").focus()
    read(site, document)
    expect(page.locator("#documents tbody tr")).to_contain_text("Ready")
    expect(page.get_by_role("button", name="Read again")).to_be_focused()
    with site.desk.database.write() as session:
        reprocess_document(session, document, utc_now())
    expect(page.locator("#documents tbody tr")).to_contain_text("Pending")
