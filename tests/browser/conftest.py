"""Pages in a real browser, over the real application and a real database; jobs are rows that tests write.

The whole stack behind a browser is in tests/e2e.
"""

import os
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import product
from typing import Any
from uuid import UUID, uuid4

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Locator,
    Page,
    expect,
    sync_playwright,
)

from casemill.access.login_links import new_login_link
from casemill.models import FeedKind, Job, JobStatus, Role, Scope
from casemill.models.columns import utc_now
from casemill.web.app import create_app
from casemill.workspace import Workspace
from tests.web.conftest import new_user
from tests.web.serving import served, tell

WAIT = 30_000  # milliseconds; machines may be slow
EXPECTED = re.compile(
    r"status of (401|403|404|409|422)"
)  # what the browser says of answers that a test provokes


def browser_path() -> str | None:
    """The smallest that there is: the shell has no window to draw."""
    found = map(shutil.which, ("chromium-headless-shell", "chromium", "google-chrome"))
    return os.environ.get("CASEMILL_TEST_BROWSER") or next(filter(None, found), None)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Of one module: while Playwright is there, no other test of this process can run an event loop."""
    path = browser_path()
    if path is None:
        pytest.skip("needs Chromium: install the Debian package chromium-headless-shell")
    expect.set_options(timeout=WAIT)
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield opened
        opened.close()


@dataclass
class Site:
    """The application at `url`, over `desk`."""

    url: str
    desk: Workspace
    _browser: Browser
    _contexts: list[BrowserContext] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def as_user(self, role: Role = Role.ADMIN, scope: Scope = Scope.ALL, **context: Any) -> "Visitor":
        """A new user in a browser of their own, signed in by a link. What it complains of fails the test."""
        user_id = new_user(self.desk.database, role, scope, f"{role.value} {uuid4().hex[:6]}")
        with self.desk.database.write() as session:
            secret = new_login_link(session, user_id)
        opened = self._browser.new_context(base_url=self.url, **context)
        opened.set_default_timeout(WAIT)
        self._contexts.append(opened)
        page = opened.new_page()
        note_complaints(page, self.complaints)
        page.goto(f"/login?token={secret}")
        return Visitor(page, user_id)

    def new_job(self, **given: Any) -> UUID:
        """A job as the recorder would have written it."""
        values = {
            "id": uuid4(),
            "created_at": utc_now(),
            "name": "brave otter",
            "status": JobStatus.RUNNING,
            **given,
        }
        with self.desk.database.write() as session:
            session.add(job := Job.model_validate(values))
        return job.id

    def change_job(self, job_id: UUID, **values: Any) -> None:
        """What the recorder does when a job changes: its row, and the feed."""
        with self.desk.database.write() as session:
            job = session.get(Job, job_id)
            assert job is not None
            for name, value in values.items():
                setattr(job, name, value)
            session.add(job)
        tell(self.desk.database, job_id, FeedKind.JOB, status=str(values.get("status", job.status)))

    def close(self) -> None:
        for context in self._contexts:
            context.close()


def note_complaints(page: Page, complaints: list[str]) -> None:
    """Notes what the page complains of in the console, breaks on, or asks in a window of its own."""

    def note(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and not EXPECTED.search(message.text):
            complaints.append(f"{message.type}: {message.text}")

    page.on("console", note)
    page.on("pageerror", lambda error: complaints.append(f"script: {error}"))
    page.on("dialog", lambda dialog: complaints.append(f"dialog: {dialog.message}") or dialog.dismiss())


@dataclass
class Visitor:
    page: Page
    user_id: UUID


@pytest.fixture
def site(desk: Workspace, browser: Browser) -> Iterator[Site]:
    with served(create_app(desk)) as url:
        opened = Site(url, desk, browser)
        yield opened
        opened.close()
    assert not opened.complaints, "\n".join(opened.complaints)


def assert_accessible_in_every_look(page: Page, *in_view: Locator) -> None:
    """In light and dark, wide and narrow; what is to be in view is read without scrolling sideways."""
    for width, scheme in product((1280, 390), ("light", "dark")):
        page.set_viewport_size({"width": width, "height": 800})
        page.emulate_media(color_scheme=scheme)
        assert_accessible(page)
        for part in in_view:
            box = part.bounding_box()
            assert box and box["x"] + box["width"] <= width, f"{part} is cut off at {width} pixels"


def assert_accessible(page: Page) -> None:
    """axe finds nothing serious; nothing is wider than the window."""
    found = Axe().run(page).response["violations"]
    serious = [one for one in found if one["impact"] in ("serious", "critical")]
    said = "\n".join(
        f"{one['id']}: {one['help']}: {[node['html'][:200] for node in one['nodes'][:3]]}" for one in serious
    )
    assert not serious, said
    sizes = page.evaluate("[document.documentElement.scrollWidth, document.documentElement.clientWidth]")
    assert sizes[0] <= sizes[1], f"the page is {sizes[0]} wide in a window of {sizes[1]}"
