"""Takes a picture of every page of the dashboard, over a demo of its own: `make screenshots`.

Starts `casemill up --demo` on free ports with a home in a temporary folder, waits until its work is done,
opens each page as an admin in light and dark, at the width of a desk and of a phone, and stops it again. The
pictures that the README shows go to docs/screenshots/, all of them to docs/screenshots/all/, which is not
committed. A page that answers with an error, complains in the browser's console or is wider than its window
fails the whole.
"""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator
from contextlib import contextmanager
from http import HTTPStatus
from itertools import product
from pathlib import Path
from typing import Any

import httpx
from playwright.sync_api import Browser, ConsoleMessage, Page, ViewportSize, sync_playwright

from casemill.web.navigation import PLACES

SHOWN = Path(__file__).parent / "screenshots"
ALL = SHOWN / "all"
README = {  # page, width and scheme -> the file that the README shows
    ("pipeline-dashboard", 1280, "light"): "pipeline.png",
    ("admin-jobs", 1280, "dark"): "monitoring.png",
    ("search", 1280, "light"): "search.png",
}
HEIGHTS = {1280: 800, 390: 844}
START_SECONDS = 300
WORK_SECONDS = 900
STOP_SECONDS = 60


def main() -> int:
    browser_path = (
        os.environ.get("CASEMILL_TEST_BROWSER") or shutil.which("chromium") or shutil.which("google-chrome")
    )
    if browser_path is None:
        print("Pictures need Chromium: install the Debian package chromium", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory() as folder, demo(Path(folder)) as (url, link):
        api = httpx.Client(
            base_url=f"{url}/api/v1", headers={"Authorization": f"Bearer {token(Path(folder))}"}, timeout=60
        )
        wait_until_worked(api)
        paths = pages(api)
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=browser_path, args=["--no-sandbox"])
            wrong = photograph(browser, url, link, paths)
            browser.close()
    for sentence in wrong:
        print(sentence, file=sys.stderr)
    if not wrong:
        print(f"{len(paths)} pages, {len(list(ALL.glob('*.png')))} pictures in {ALL}")
    return 1 if wrong else 0


@contextmanager
def demo(home: Path) -> Generator[tuple[str, str]]:
    """The URL of a demo that has started, and a link that signs in its admin."""
    prefect_port, port = free_port(), free_port()
    command = [Path(sys.executable).with_name("casemill"), "up", "--demo", "--home", home]
    log = (home.parent / f"{home.name}.log").open("w+")
    process = subprocess.Popen(
        [*command, "--prefect-port", str(prefect_port), "--port", str(port)],
        stdout=log,
        stderr=subprocess.STDOUT,
    )
    try:
        yield f"http://127.0.0.1:{port}", sign_in_link(process, Path(log.name))
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
        log.close()
        Path(log.name).unlink()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return taken.getsockname()[1]


def sign_in_link(process: subprocess.Popen[bytes], log: Path) -> str:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        said = "".join(log.read_text().split())  # a terminal's width breaks it
        if found := re.search(r"http://[\d.:]+/login\?token=[\w-]+?(?=Prefect:)", said):
            return found[0]
        time.sleep(0.5)
    raise SystemExit(f"The demo did not start:\n{log.read_text()}")


def token(home: Path) -> str:
    return (home / "api-token").read_text().strip()


def wait_until_worked(api: httpx.Client) -> None:
    """Until documents are read, batches are through, and no job is on its way."""
    deadline = time.monotonic() + WORK_SECONDS
    while time.monotonic() < deadline:
        counts = answer(api, "/queue")["counts"]
        statuses = answer(api, "/documents")["statuses"]
        if (
            not (counts["pending"] or counts["running"])
            and statuses.keys() <= {"ready", "failed"}
            and statuses
        ):
            return
        time.sleep(2)
    raise SystemExit(f"The demo's jobs did not end within {WORK_SECONDS} s")


def answer(api: httpx.Client, path: str, **query: str) -> Any:
    return api.get(path, params=query).raise_for_status().json()


def pages(api: httpx.Client) -> dict[str, str]:
    """Addresses by the names of their pictures: all that the menu leads to, and what these lead to."""
    found = {place.path.strip("/").replace("/", "-"): place.path for place in PLACES}
    found["search"] = "/search?q=dam"
    [job, *_] = answer(api, "/jobs", type="extraction")["jobs"]
    found["job"] = f"/jobs/{job['id']}"
    [document, *_] = answer(api, "/documents", status="ready", kind="case")["documents"]
    found["document"] = f"/documents/{document['id']}"
    return found


def photograph(browser: Browser, url: str, link: str, paths: dict[str, str]) -> list[str]:
    """Sentences about what is wrong."""
    ALL.mkdir(parents=True, exist_ok=True)
    for old in ALL.glob("*.png"):
        old.unlink()
    context = browser.new_context()
    context.new_page().goto(link)
    state = context.storage_state()
    context.close()
    wrong: list[str] = []
    for (width, height), scheme in product(HEIGHTS.items(), ("light", "dark")):
        viewport: ViewportSize = {"width": width, "height": height}
        context = browser.new_context(viewport=viewport, color_scheme=scheme, storage_state=state)
        page = context.new_page()
        listen(page, wrong)
        for name, path in paths.items():
            wrong += looked_at(page, f"{url}{path}")
            page.screenshot(path=ALL / f"{name}-{width}-{scheme}.png", full_page=True)
            if shown := README.get((name, width, scheme)):
                page.screenshot(path=SHOWN / shown)
        context.close()
    return wrong


def listen(page: Page, wrong: list[str]) -> None:
    def note(said: ConsoleMessage) -> None:
        if said.type == "error":
            wrong.append(f"{page.url}: {said.text}")

    page.on("console", note)
    page.on("pageerror", lambda error: wrong.append(f"{page.url}: {error}"))


def looked_at(page: Page, address: str) -> list[str]:
    response = page.goto(address)
    if response is None or response.status != HTTPStatus.OK:
        return [f"{address} answers {response.status if response else 'nothing'}"]
    page.wait_for_selector("#connection[data-state=live]", state="attached")
    page.wait_for_selector(".waits", state="detached")  # what the page asks for when it is there
    page.wait_for_timeout(700)  # charts are drawn
    wide, room = page.evaluate("[document.documentElement.scrollWidth, document.documentElement.clientWidth]")
    return [f"{address} is {wide} wide in a window of {room}"] if wide > room else []


if __name__ == "__main__":
    sys.exit(main())
