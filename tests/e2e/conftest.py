"""The real thing: `casemill up` in a process of its own, with Prefect's server and a worker."""

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import psutil
import pytest
from fpdf import FPDF

from tests.ports import free_port

CHECKOUT = Path(__file__).resolve().parents[2]
CASEMILL = Path(sys.executable).with_name("casemill")
START_SECONDS = 400


@dataclass
class Up:
    """A running `casemill up`, and commands on its home."""

    home: Path
    url: str
    """Of the dashboard, and of the API behind it."""
    prefect_url: str
    """Of the API of Prefect's server."""
    process: subprocess.Popen[str]
    said: str
    """What it printed while it started."""

    def request(self, method: str, path: str, **given: Any) -> httpx.Response:
        """Of the API, by the person at the machine."""
        token = (self.home / "api-token").read_text().strip()
        headers = {"Authorization": f"Bearer {token}"}
        address = f"{self.url}/api/v1{path}"
        return httpx.request(method, address, headers=headers, timeout=60, trust_env=False, **given)

    def ask(self, method: str, path: str, body: object = None, status: int = 200) -> Any:
        answer = self.request(method, path, json=body)
        assert answer.status_code == status, answer.text
        return answer.json()

    def prefect(self, path: str, body: object = None) -> Any:
        """What Prefect's API answers; asked with POST where there is a body."""
        method = "GET" if body is None else "POST"
        answer = httpx.request(method, self.prefect_url + path, json=body, timeout=60, trust_env=False)
        return answer.raise_for_status().json()

    def rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(self.home / "casemill.db", timeout=30)) as database:
            return database.execute(query, values).fetchall()

    def environment(self) -> dict[str, str]:
        """For commands of Prefect itself, as a user would set it."""
        return {
            **clean_environment(),
            "PREFECT_API_URL": self.prefect_url,
            "PREFECT_HOME": str(self.home / "prefect"),
        }

    def run(self, *arguments: str, status: int = 0) -> str:
        return casemill(*arguments, "--home", str(self.home), status=status)

    def json(self, *arguments: str, status: int = 0) -> Any:
        return json.loads(self.run(*arguments, "--json", status=status))

    def stop(self) -> float:
        """Seconds until Ctrl-C has ended it."""
        begun = time.monotonic()
        self.process.send_signal(signal.SIGINT)
        self.process.wait(60)
        return time.monotonic() - begun


def casemill(*arguments: str, status: int = 0) -> str:
    done = subprocess.run(
        [CASEMILL, *arguments], capture_output=True, text=True, timeout=240, env=clean_environment()
    )
    assert done.returncode == status, f"{arguments}: {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def clean_environment() -> dict[str, str]:
    """Ours without what would point Prefect or Casemill elsewhere."""
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PREFECT_", "CASEMILL_")) and name != "COLUMNS"
    } | {"COLUMNS": "200", "CASEMILL_PROCESSES": "2", "CASEMILL_CASES_PER_JOB": "500"}


def give_tables(home: Path, prefect_template: Path) -> None:
    """Prefect finds its tables made, as it does at every start but the first."""
    (home / "prefect").mkdir(parents=True, mode=0o700)
    shutil.copy(prefect_template, home / "prefect" / "prefect.db")


def start_up(home: Path, prefect_template: Path | None = None) -> Up:
    """The template is for a new home."""
    if prefect_template is not None:
        give_tables(home, prefect_template)
    port, prefect_port = free_port(), free_port()
    ports = ["--port", str(port), "--prefect-port", str(prefect_port)]
    process = subprocess.Popen(
        [CASEMILL, "up", "--home", str(home), *ports],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=home.parent,
        env=clean_environment(),
    )
    assert process.stdout is not None
    said: list[str] = []
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        line = process.stdout.readline()
        said.append(line)
        if "Stop with Ctrl-C" in line:
            url, prefect_url = f"http://127.0.0.1:{port}", f"http://127.0.0.1:{prefect_port}/api"
            return Up(home, url, prefect_url, process, "".join(said))
        if not line:
            break
    process.kill()
    raise AssertionError("casemill up did not come up:\n" + "".join(said))


def eventually(what: Callable[[], Any], seconds: float = 60) -> Any:
    """What is true at last; fails with the last answer if it never is."""
    deadline = time.monotonic() + seconds
    while not (answer := what()):
        assert time.monotonic() < deadline, f"still {answer!r} after {seconds} s"
        time.sleep(0.2)
    return answer


def write_case(folder: Path, text: str, pages: int = 1) -> Path:
    """A case folder with one PDF that says `text` on its last page."""
    folder.mkdir(parents=True, exist_ok=True)
    pdf = FPDF()
    pdf.set_font("helvetica", size=12)
    for page in range(1, pages + 1):
        pdf.add_page()
        words = text if page == pages else f"Page {page} of {folder.name}. See 42 U.S.C. § 1983."
        pdf.multi_cell(0, 8, words)
    path = folder / f"{folder.name}.pdf"
    pdf.output(str(path))
    return path


def processes_of(home: Path) -> list[psutil.Process]:
    """Every living process that works on this home."""
    found = []
    for process in psutil.process_iter():
        try:
            if (
                process.environ().get("CASEMILL_HOME") == str(home)
                and process.status() != psutil.STATUS_ZOMBIE
            ):
                found.append(process)
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
    return found


@pytest.fixture(scope="session")
def up(tmp_path_factory: pytest.TempPathFactory, prefect_template: Path) -> Iterator[Up]:
    """One for all tests, for its start takes a slow machine a minute: leave nothing paused or half done."""
    running = start_up(tmp_path_factory.mktemp("up") / "home", prefect_template)
    yield running
    if running.process.poll() is None:
        running.stop()


@pytest.fixture
def leaves_no_cases(up: Up) -> Iterator[None]:
    """All are deleted after the test, once nothing runs on them: long ones would be read for others too."""
    yield
    for path in [f"/cases/{UUID(case)}" for (case,) in up.rows("SELECT id FROM cases")]:
        eventually(lambda path=path: up.request("DELETE", path).is_success)
