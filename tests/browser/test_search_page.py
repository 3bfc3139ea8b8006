"""Search in a browser."""

import re
from uuid import UUID, uuid4

import pytest
from playwright.sync_api import expect
from sqlmodel import select

from casemill.models import Attempt, CaseDocument, IndexReport, Role, Scope
from casemill.models.columns import utc_now
from casemill.operations.document_pipeline import MODELS
from casemill.operations.index_documents import index_owner
from casemill.operations.process_document import process_document
from casemill.search.contract import OwnerKind
from casemill.workspace import Workspace
from tests.browser.conftest import Site, assert_accessible_in_every_look
from tests.conftest import NewOwner

DAM = "The spillway of the dam was eroded <img src=x onerror=alert(1)> {{7*7}}"


def index(workspace: Workspace, kind: OwnerKind, owner: UUID) -> None:
    model = MODELS[kind]
    with workspace.database.read() as session:
        waiting = session.exec(select(model.id).where(getattr(model, model.owner_column) == owner)).all()
    for document in waiting:
        process_document(workspace, model, document, Attempt(uuid4()))
    index_owner(workspace, model, owner)


@pytest.fixture
def dam(site: Site, new_case: NewOwner, new_expert: NewOwner) -> UUID:
    """The id of a case of two pages; an expert has written of the same, in two documents."""
    case = new_case(site.desk, "Valley v. Dam", report=["Nothing of interest", DAM])
    expert = new_expert(site.desk, "Dr. Grey", paper="On the erosion of a spillway", cv="Built one dam")
    index(site.desk, OwnerKind.CASE, case)
    index(site.desk, OwnerKind.EXPERT, expert)
    return case


def test_it_can_be_read_by_all(site: Site, dam: UUID) -> None:
    page = site.as_user(Role.VIEWER).page
    for address in ("/search?q=dam&in=people", "/search?q=nowhere"):
        page.goto(address)
        assert_accessible_in_every_look(page)


def test_words_are_marked_and_lead_to_their_page(site: Site, dam: UUID) -> None:
    page = site.as_user(Role.VIEWER, Scope.OWN).page
    page.goto("/search")
    expect(page.get_by_text("Search the text of all documents")).to_be_visible()
    page.get_by_label("Words").fill("spillway eroded")
    expect(page).to_have_url(re.compile(r"/search\?q=spillway\+eroded$"))
    hits = page.locator("#found li")
    expect(hits).to_have_count(1)
    expect(hits.locator("mark")).to_have_text(["spillway", "eroded"])
    expect(hits).to_contain_text("<img src=x onerror=alert(1)> {{7*7}}")
    page.get_by_role("link", name="report.pdf, page 2").click()
    expect(page.locator("#text pre")).to_contain_text("The spillway of the dam")
    page.go_back()
    expect(page.get_by_label("Words")).to_have_value("spillway eroded")
    expect(hits).to_have_count(1)


def test_the_search_is_narrowed_to_a_kind_and_to_one_owner(site: Site, dam: UUID) -> None:
    page = site.as_user(Role.VIEWER).page
    page.goto("/search?q=spillway")
    hits = page.locator("#found li")
    expect(hits).to_have_count(2)
    page.get_by_label("In", exact=True).select_option("expert")
    expect(hits).to_have_count(1)
    expect(hits).to_contain_text("paper.pdf")
    page.get_by_label("In", exact=True).select_option("")
    page.get_by_role("combobox", name="Only of").fill("valley")
    page.get_by_role("option", name="Valley v. Dam").click()
    expect(page).to_have_url(re.compile(f"owner={dam}"))
    expect(hits).to_have_count(1)
    expect(hits).to_contain_text("report.pdf")
    page.goto(f"/search?q=spillway&owner={uuid4()}")
    expect(page.get_by_role("alert")).to_contain_text("No case and no expert")


def test_experts_are_found_by_all_they_wrote(site: Site, dam: UUID) -> None:
    page = site.as_user(Role.VIEWER).page
    page.goto("/search?q=erosion built&in=expert")
    expect(page.get_by_text("Nothing matches")).to_be_visible()
    page.get_by_role("link", name="Search experts").click()
    found = page.locator("#found")
    expect(found.get_by_role("heading", name="Dr. Grey")).to_be_visible()
    expect(found).to_contain_text("2 documents hold at least one of the words")
    expect(found.locator("mark")).to_have_count(2)


def test_nothing_to_look_for_and_nothing_found_are_told_apart(site: Site, dam: UUID) -> None:
    page = site.as_user(Role.VIEWER).page
    page.goto("/search?q=-dam")
    expect(page.get_by_text("There is no word to look for")).to_be_visible()
    page.goto('/search?q="dam spillway"')
    expect(page.get_by_text("Leave out the quotes")).to_be_visible()
    page.goto("/search?q=dam&page=9")
    expect(page.get_by_text("There is no such page")).to_be_visible()


def test_the_index_says_how_it_is_and_is_followed(site: Site, dam: UUID) -> None:
    page = site.as_user(Role.VIEWER).page
    page.goto("/search?q=dam")
    health = page.locator("#health")
    expect(health).to_contain_text("Never compared")
    expect(page.locator("#connection")).to_have_attribute("data-state", "live")
    job = site.new_job(name="compare")
    with site.desk.database.write() as session:
        session.add(
            IndexReport(
                id=job,
                finished_at=utc_now(),
                owners=2,
                documents=3,
                missing=4,
                stale=5,
                orphaned=6,
                different=2,
                unrepaired=1,
                repaired=1,
            )
        )
        row = session.exec(select(CaseDocument)).first()
        row.case_id = dam
    site.change_job(job, status="completed")
    expect(health).to_contain_text("Differs from the documents")
    expect(health.locator("dl")).to_contain_text("Missing4")
    expect(health.locator("dl")).to_contain_text("Stale5")
    expect(health.locator("dl")).to_contain_text("Orphaned6")
    expect(page.get_by_label("Words")).to_have_value("dam")


def test_an_index_that_is_away_is_told_as_a_sentence(site: Site, dam: UUID) -> None:
    site.desk.index.close()
    (path := site.desk.settings.home.parent / "search.db").unlink(missing_ok=True)
    path.write_bytes(b"no index" * 1000)
    page = site.as_user(Role.VIEWER).page
    page.goto("/search?q=dam")
    expect(page.get_by_role("alert")).to_be_visible()
    expect(page.locator("#health")).to_be_visible()
