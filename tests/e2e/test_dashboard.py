"""The dashboard as people use it: a browser, over everything that `casemill up` starts."""

import re
import sqlite3
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, Page, StorageState, expect

from tests.browser.conftest import browser as browser
from tests.browser.conftest import note_complaints
from tests.e2e.conftest import Up, eventually, write_case
from tests.e2e.slow_paper import write_slow_pdf

WAIT = 120_000  # milliseconds: others have the machine too
HOSTILE = "<img src=x onerror=alert(1)>{{7*7}}"
PIPELINE = "/pipeline/dashboard"

pytestmark = pytest.mark.usefixtures("leaves_no_cases")


@dataclass
class Stack:
    """A running `casemill up`, and the cookies of who signed in to it by the link that it printed."""

    up: Up
    link: str
    signed_in: StorageState


@dataclass
class Desk:
    """A browser of its admin, for one test."""

    stack: Stack
    _context: BrowserContext
    _complaints: list[str]

    def page(self, address: str) -> Page:
        """A page that is live, and knows when it is loaded anew."""
        page = self._context.new_page()
        note_complaints(page, self._complaints)
        page.goto(address)
        expect(page.locator("#connection")).to_have_attribute("data-state", "live")
        page.evaluate("window.isTheSame = true")
        return page

    def new_case(self, name: str, *files: Path) -> str:
        """A case with these documents, over the API."""
        case = self.stack.up.ask("POST", "/cases", {"name": name}, 201)["id"]
        sent = [("files", (file.name, file.read_bytes())) for file in files]
        self.stack.up.request("POST", f"/cases/{case}/documents", files=sent).raise_for_status()
        return case

    @contextmanager
    def refusing_citations(self, why: str) -> Generator[None]:
        """The database takes no citations meanwhile."""
        with sqlite3.connect(self.stack.up.home / "casemill.db", timeout=60) as database:
            database.execute(
                f"CREATE TRIGGER refuse BEFORE INSERT ON citations BEGIN SELECT RAISE(ABORT, '{why}'); END"
            )
        yield
        with sqlite3.connect(self.stack.up.home / "casemill.db", timeout=60) as database:
            database.execute("DROP TRIGGER refuse")


@pytest.fixture(scope="module")
def stack(up: Up, browser: Browser) -> Stack:
    found = re.search(r"/login\?token=\S+", up.said)
    assert found, up.said
    with browser.new_context(base_url=up.url) as context:
        context.new_page().goto(found[0])
        return Stack(up, found[0], context.storage_state())


@pytest.fixture
def desk(stack: Stack, browser: Browser) -> Iterator[Desk]:
    expect.set_options(timeout=WAIT)
    complaints: list[str] = []
    with browser.new_context(
        base_url=stack.up.url, storage_state=stack.signed_in, viewport={"width": 1280, "height": 900}
    ) as context:
        context.set_default_timeout(WAIT)
        yield Desk(stack, context, complaints)
    assert not complaints, "\n".join(complaints)


def confirm(page: Page, asks: str | re.Pattern[str]) -> None:
    """Says yes to what the page asks back."""
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text(asks)
    dialog.get_by_role("button").last.click()
    expect(dialog).to_be_hidden()


def pick(page: Page, filter: str, *choices: str) -> None:
    """Several of what a filter of the job list offers."""
    opened = page.locator(f"#pick-{filter}")
    opened.locator("summary").click()
    for choice in choices:
        opened.get_by_label(choice, exact=True).check()
    page.keyboard.press("Escape")


def assert_never_loaded_anew(page: Page) -> None:
    assert page.evaluate("window.isTheSame"), "the page was loaded anew"


def start_batch(page: Page, *cases: str) -> Locator:
    """The batch over these cases, as the page shows it: for a moment in both lists when it is over."""
    page.get_by_label("Find cases").fill(cases[0].split()[0])
    for case in cases:
        page.get_by_label(f"Select {case}", exact=True).check()
    page.locator("#start-batch").click()
    link = page.locator("#started").get_by_role("link", name="Open it")
    batch = (link.get_attribute("href") or "").partition("batch=")[2]
    return page.locator(f"#batch-{batch}").first


def test_the_printed_link_signs_in_once(desk: Desk, browser: Browser) -> None:
    page = desk.page("/")
    expect(page).to_have_url(f"{desk.stack.up.url}{PIPELINE}")
    expect(page.locator("#queue")).to_contain_text("Worker well")
    with browser.new_context(base_url=desk.stack.up.url) as stranger:
        assert stranger.request.get(desk.stack.link).status == HTTPStatus.GONE
        page = stranger.new_page()
        page.goto(PIPELINE)
        expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


def test_what_is_uploaded_is_followed_until_search_finds_it_whatever_its_name(
    desk: Desk, tmp_path: Path
) -> None:
    """Names of files and cases are text, on every page that shows them."""
    name = f"{HOSTILE}.pdf"
    good = write_case(tmp_path, "The dam was inspected by a hydrologist.").rename(tmp_path / name)
    (bad := tmp_path / "notes.pdf").write_bytes(b"no document at all")
    page = desk.page("/documents")
    page.get_by_role("combobox", name="To a case or an expert").fill(f"Dam {HOSTILE}")
    page.get_by_role("option", name="Create the case").click()
    page.get_by_label("Files", exact=True).set_input_files([good, bad])
    page.get_by_role("button", name="Upload 2 files").click()
    uploads = page.get_by_role("list", name="Files to upload").get_by_role("listitem")
    expect(uploads.filter(has_text=name)).to_contain_text("Ready: its text is there")
    expect(uploads.filter(has_text="notes.pdf")).to_contain_text("cannot be read, unsupported format")
    rows = page.locator("#documents tbody tr")
    expect(rows.filter(has_text=name)).to_contain_text("Ready")
    expect(rows.filter(has_text="notes.pdf")).to_contain_text("Failed")
    assert_never_loaded_anew(page)
    assert page.locator("main img").count() == 0

    def is_found() -> bool:
        page.goto("/search?q=hydrologist")
        return page.get_by_role("link", name=name).count() > 0

    eventually(is_found, WAIT / 1000)
    expect(page.locator("mark").first).to_have_text("hydrologist")
    page.goto(PIPELINE)
    expect(page.get_by_label(f"Select Dam {HOSTILE}")).to_be_visible()
    assert page.locator("main img").count() == 0


def test_what_failed_is_shown_with_its_trace_and_tried_again_until_it_is_through(
    desk: Desk, tmp_path: Path
) -> None:
    desk.new_case("Failing case", write_case(tmp_path / "brief", "See 42 U.S.C. § 1983 and 477 U.S. 317."))
    page = desk.page(PIPELINE)
    failure = page.locator("#failures .failure").filter(has_text="Failing case")
    with desk.refusing_citations(HOSTILE):
        batch = start_batch(page, "Failing case")
        expect(failure).to_contain_text(HOSTILE)
        expect(batch.locator(".status").first).to_have_text("Failed")
        failure.get_by_text("Stack trace").click()
        expect(failure.get_by_role("region")).to_contain_text("Traceback (most recent")
        see_the_task(desk)
    failure.get_by_role("button", name="Retry").click()
    expect(batch.locator(".status").first).to_have_text("Completed")
    expect(failure).to_have_count(0)
    expect(page.locator("main img")).to_have_count(0)
    assert_never_loaded_anew(page)


def see_the_task(desk: Desk) -> None:
    """Job Monitoring: the failed one is found by status, opened in the drawer, and Back leads out again."""
    page = desk.page("/admin/jobs")
    expect(page.locator("#worker-pill")).to_have_text("Worker active")
    page.get_by_label("Status").select_option("failed")
    expect(page).to_have_url(re.compile(r"status=failed"))
    rows = page.locator("#tasks tbody tr")
    rows.filter(has_text=HOSTILE).get_by_role("link").click()
    drawer = page.get_by_role("dialog")
    expect(drawer.get_by_role("region", name="Traceback")).to_contain_text(
        "Traceback (most recent call last)"
    )
    expect(drawer).to_contain_text(HOSTILE)
    expect(page).to_have_url(re.compile(r"task=\d+"))
    page.go_back()
    expect(drawer).to_be_hidden()
    expect(page).to_have_url(re.compile(r"status=failed$"))
    page.go_back()
    expect(page.get_by_label("Status")).to_have_value("")
    assert page.locator("main img").count() == 0
    page.close()


def test_a_batch_is_held_cancelled_resumed_paused_and_followed_all_the_while(
    desk: Desk, tmp_path: Path
) -> None:
    """Its documents wait while the queue is paused, so that the batch reads them, for some seconds."""
    page = desk.page("/schedules")
    sweep = page.locator("#own tr").filter(has_text="Document pipeline")
    sweep.get_by_role("button", name="Pause …").click()
    confirm(page, "Pause “Document pipeline”?")
    expect(sweep).to_contain_text("Paused")
    page.goto("/pipeline/queue")
    page.get_by_role("button", name="Pause the whole queue").click()
    confirm(page, "Pause the whole queue?")
    expect(page.locator("#standing")).to_contain_text("The whole queue is paused")
    cases = [f"slow {letter}" for letter in "abcde"]
    for case in cases:
        pages = 6000 if case == cases[-1] else 700
        files = [write_slow_pdf(tmp_path / f"{case} {n}.pdf", pages, f"{case}-{n}") for n in range(2)]
        desk.new_case(case, *files)

    page.goto(PIPELINE)
    steps = page.locator(".steps")
    for step in ("Index", "Citations", "Chunk"):
        steps.get_by_label(step, exact=True).uncheck()
    batch = start_batch(page, *cases)
    expect(batch.locator(".status").first).to_have_text("Paused")

    jobs = desk.page("/jobs")
    pick(jobs, "type", "Extraction", "Document processing")  # the mail's and the cleanup's may wait too
    pick(jobs, "status", "Pending")
    expect(jobs).to_have_url(re.compile(r"/jobs\?status=pending&type=extraction&type=document_processing$"))
    waiting = jobs.locator("#jobs tbody tr")
    expect(waiting).to_have_count(2)
    ids = [row.get_attribute("id") for row in waiting.all()]
    jobs.get_by_label("Select this page").check()
    jobs.get_by_role("group", name="With the selected jobs").get_by_role("button", name="Cancel").click()
    confirm(jobs, "Cancel 2 jobs?")
    expect(jobs.get_by_text("No job matches")).to_be_visible()
    assert_never_loaded_anew(jobs)
    jobs.go_back()
    for row in ids:
        expect(jobs.locator(f"#{row}")).to_contain_text("Cancelled")
    jobs.close()

    expect(batch.locator(".status").first).to_have_text("Cancelled")
    queue = desk.page("/pipeline/queue")
    queue.get_by_role("button", name="Resume the whole queue").click()
    expect(queue.locator("#standing")).not_to_contain_text("The whole queue is paused")
    queue.close()

    page.evaluate("window.isTheSame = true")
    batch.get_by_role("button", name="Resume").click()
    expect(batch.get_by_label("At work now")).to_contain_text("slow")
    batch.get_by_role("button", name="Pause").click()
    expect(batch.locator(".status").first).to_have_text("Paused")
    progress = batch.get_by_label("Progress of the batch")
    done = float(progress.get_attribute("value") or 0)
    assert 0 < done < 100
    batch.get_by_role("button", name="Resume").click()
    expect(batch.get_by_label("At work now")).to_contain_text("slow")
    batch.get_by_role("button", name="Cancel").click()
    confirm(page, "Cancel the batch of 5 cases?")
    expect(batch.locator(".status").first).to_have_text("Cancelled")
    expect(batch).to_contain_text(re.compile(r"\d+ % of its steps are through"))
    assert_never_loaded_anew(page)
    page.goto("/schedules")
    sweep.get_by_role("button", name="Resume").click()
    expect(sweep.get_by_role("button", name="Pause …")).to_be_visible()
