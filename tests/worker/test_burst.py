"""Many runs at once on the server as `casemill up` starts it, and a server that does not always answer."""

import os
import shutil
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.actions import WorkPoolUpdate
from prefect.client.schemas.objects import StateType
from prefect.settings import PREFECT_API_URL, temporary_settings

from casemill.monitoring.orphans import reschedule_orphans
from tests.ports import free_port
from tests.worker.yard import Yard, eventually, new_yard, working

RUNS = 16  # of two hundred, benchmarks/burst.py tells

FLOWS = """
    import time
    from pathlib import Path
    from prefect import flow

    @flow
    def counts(n: int, into: str):
        with Path(into).open("a") as file:
            file.write(f"{n}\\n")

    @flow
    def sits_once(name: str):
        if not Path(name).exists():
            Path(name).write_text("begun")
            time.sleep(600)
"""


@pytest.fixture(scope="module")
def embedded(tmp_path_factory: pytest.TempPathFactory, prefect_template: Path) -> Iterator[str]:
    """The address of a server with immediate transactions on SQLite."""
    folder, port = tmp_path_factory.mktemp("embedded"), free_port()
    shutil.copy(prefect_template, folder / "prefect.db")
    environment = {
        **os.environ,
        "PREFECT_HOME": str(folder),
        "PREFECT_SERVER_API_HOST": "127.0.0.1",
        "PREFECT_SERVER_API_PORT": str(port),
        "PREFECT_SERVER_DATABASE_CONNECTION_URL": f"sqlite+aiosqlite:///{folder / 'prefect.db'}",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    }
    url = f"http://127.0.0.1:{port}/api"
    with (folder / "server.log").open("a") as log:
        server = subprocess.Popen(
            [sys.executable, "-m", "casemill.local.prefect_server"], env=environment, stdout=log, stderr=log
        )
    try:
        with SyncPrefectClient(url) as client:
            eventually(lambda: client.api_healthcheck() is None, 150)
        yield url
    finally:
        server.send_signal(signal.SIGTERM)
        try:
            server.wait(20)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


@pytest.fixture(scope="module")
def yard(embedded: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Yard]:
    with SyncPrefectClient(embedded) as client:
        made = new_yard(client, tmp_path_factory.mktemp("yard"))
        made.write("some_flows", FLOWS)
        with working(made):
            yield made


def test_of_runs_submitted_at_once_each_runs_once_and_completes(yard: Yard, embedded: str) -> None:
    """The stock worker marked some as crashed and left others for minutes, for the server was busy."""
    yard.client.update_work_pool(yard.pool, WorkPoolUpdate(is_paused=True))
    deployment = yard.deploy("some_flows", "counts")
    run_ids = [yard.start(deployment, n=n, into="counted") for n in range(RUNS)]
    yard.worked(PREFECT_API_URL=embedded)
    yard.client.update_work_pool(yard.pool, WorkPoolUpdate(is_paused=False))
    runs = [yard.ended(run_id) for run_id in run_ids]
    assert Counter(yard.said("counted").split()) == Counter(str(n) for n in range(RUNS))
    assert {run.run_count for run in runs} == {1}


def test_after_its_worker_was_killed_a_run_goes_on_with_the_next(yard: Yard, embedded: str) -> None:
    worker = yard.worked(PREFECT_API_URL=embedded)
    run_id = yard.start(yard.deploy("some_flows", "sits_once"), name="sitting")
    eventually(lambda: yard.said("sitting"))
    eventually(lambda: "prefect.worker.name" in yard.read(run_id).labels)
    yard.stop(worker, signal.SIGKILL)
    eventually(lambda: not yard.processes_of(run_id))
    with temporary_settings({PREFECT_API_URL: embedded}):
        assert reschedule_orphans(yard.pool, "warm") == 1
    yard.worked(PREFECT_API_URL=embedded)
    assert yard.ended(run_id).run_count == 2


class Unreliable(BaseHTTPRequestHandler):
    """Passes on to a server, but turns the first two of three requests for each change away."""

    server: "UnreliableServer"
    protocol_version = "HTTP/1.0"

    def do_GET(self) -> None:
        if "upgrade" in self.headers.get("Connection", "").lower():  # events: there are none here
            self.send_error(404)
            return
        self._pass_on()

    def do_POST(self) -> None:
        self._turn_away_or_pass_on()

    def do_PATCH(self) -> None:
        self._turn_away_or_pass_on()

    def _turn_away_or_pass_on(self) -> None:
        if "set_state" in self.path or self.command == "PATCH":
            with self.server.lock:
                self.server.asked[self.path] += 1
                status = (None, 503, 429)[self.server.asked[self.path] % 3]
            if status:
                self._answer(status, b"{}", {"Retry-After": "0.2"})
                return
        self._pass_on()

    def _pass_on(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = {
            name: value
            for name, value in self.headers.items()
            if name.lower() not in ("host", "content-length", "connection", "accept-encoding")
        }
        answer = httpx.request(
            self.command, self.server.target + self.path, content=body, headers=headers, timeout=60
        )
        self._answer(answer.status_code, answer.content, {"Content-Type": "application/json"})

    def _answer(self, status: int, content: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if status != 204:
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if status != 204:
            self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:
        pass


class UnreliableServer(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, target: str) -> None:
        super().__init__(("127.0.0.1", 0), Unreliable)
        self.target = target
        self.lock = threading.Lock()
        self.asked: Counter[str] = Counter()


def test_what_passes_is_waited_for_while_a_run_is_submitted(yard: Yard, embedded: str) -> None:
    """The worker hears no events here either: it asks, as often as it is told to.

    It ends when it is told to though the server is gone by then: there is nobody to send its last events to.
    """
    with UnreliableServer(embedded.removesuffix("/api")) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        for process in yard.processes:
            yard.stop(process)
        run_ids = [yard.start(yard.deploy("some_flows", "counts"), n=n, into="others") for n in range(2)]
        worker = yard.work(PREFECT_API_URL=f"http://127.0.0.1:{server.server_port}/api")
        for run_id in run_ids:
            yard.ended(run_id, StateType.COMPLETED)
        for run_id in run_ids:
            assert server.asked[f"/api/flow_runs/{run_id}/set_state"] >= 9  # taken, running, completed
        server.shutdown()
    yard.stop(worker)
