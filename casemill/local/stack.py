"""Everything one machine needs, as child processes: Prefect's server, the deployments, recorder, worker."""

import fcntl
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TextIO

from casemill.db import Database
from casemill.errors import CasemillError
from casemill.local import lifeline
from casemill.local.this_machine import end_token, write_token
from casemill.migrations import migrate
from casemill.search.sqlite import SqliteIndex
from casemill.settings import Settings

_START_SECONDS = 180
_STOP_SECONDS = 3
_RESTART_SECONDS = (1, 2, 5, 10, 30)
_LARGEST_LOG = 20 << 20


class AlreadyRunning(CasemillError):
    pass


class PortInUse(CasemillError):
    pass


class ChildFailed(CasemillError):
    pass


def prefect_environment(settings: Settings, api_url: str) -> dict[str, str]:
    """What Prefect reads in every process of ours. Its telemetry is off."""
    return {
        "DO_NOT_TRACK": "1",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_HOME": str(settings.prefect_home),
        "PREFECT_API_URL": api_url,
        "PREFECT_SERVER_ALLOW_EPHEMERAL_MODE": "false",
        "PREFECT_WORKER_QUERY_SECONDS": "2",
        # Our own server, of the same version and without CSRF protection: each client would ask for both
        "PREFECT_CLIENT_SERVER_VERSION_CHECK_ENABLED": "false",
        "PREFECT_CLIENT_CSRF_SUPPORT_ENABLED": "false",
        "PREFECT_FLOWS_HEARTBEAT_FREQUENCY": "30",
        "PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW": "ignore",
        "PREFECT_LOGGING_EXTRA_LOGGERS": "casemill",
    }


def running_api_url(settings: Settings) -> str | None:
    """Where the Prefect server of a running `casemill up` on this home answers; None if none runs."""
    return _running(settings).get("prefect_api_url")


def running_own_url(settings: Settings) -> str | None:
    """Where the API of a running `casemill up` on this home answers; None if none runs."""
    return _running(settings).get("own_url")


def _running(settings: Settings) -> dict[str, Any]:
    """What a living `casemill up` says of itself: it holds a lock on its file."""
    try:
        with _state_file(settings).open() as state:
            try:
                fcntl.flock(state, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return json.load(state)
    except (FileNotFoundError, json.JSONDecodeError):
        pass
    return {}


def online_workers(settings: Settings, api_url: str) -> list[dict[str, Any]]:
    """Workers of our pool that Prefect has heard of lately, as Prefect describes them."""
    request = urllib.request.Request(  # noqa: S310  our own server on loopback
        f"{api_url}/work_pools/{settings.work_pool}/workers/filter",
        data=b"{}",
        headers={"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=5) as answer:  # noqa: S310
        return [worker for worker in json.load(answer) if worker["status"] == "ONLINE"]


def start_cleanup(api_url: str) -> None:
    """Asks for a cleanup that deletes. Raises OSError where Prefect does not take it."""
    with urllib.request.urlopen(f"{api_url}/deployments/name/job-cleanup/default", timeout=5) as answer:  # noqa: S310  our own server
        deployment = json.load(answer)["id"]
    request = urllib.request.Request(  # noqa: S310  our own server on loopback
        f"{api_url}/deployments/{deployment}/create_flow_run",
        data=json.dumps({"parameters": {"dry_run": False}, "tags": ["type:maintenance"]}).encode(),
        headers={"Content-Type": "application/json"},
    )
    urllib.request.urlopen(request, timeout=10).close()  # noqa: S310  our own server


def answers(api_url: str) -> bool:
    """Whether the server is there: Prefect's API and ours have the same word for it."""
    with urllib.request.urlopen(f"{api_url}/health", timeout=5) as answer:  # noqa: S310  our own server
        return answer.status == 200


def free_port(wanted: int) -> int:
    """The wanted port if nobody listens on it, otherwise any that is free."""
    return wanted if _is_free(wanted) else _any_port()


@dataclass
class Child:
    """A process that is kept running until it is stopped."""

    name: str
    command: list[str]
    process: subprocess.Popen[bytes] | None = None
    failures: int = 0
    start_at: float = 0.0


@dataclass
class Stack:
    """Context manager: on entering all is up and answering, on leaving all of it is gone."""

    settings: Settings
    say: Callable[[str], None]
    with_api: bool = True
    children: list[Child] = field(default_factory=list[Child])
    _open: ExitStack = field(default_factory=ExitStack)

    @property
    def ui_url(self) -> str:
        return f"http://127.0.0.1:{self.settings.prefect_port}"

    @property
    def api_url(self) -> str:
        """Of Prefect's API."""
        return f"{self.ui_url}/api"

    @property
    def own_url(self) -> str:
        return f"http://127.0.0.1:{self.settings.api_port}"

    def __enter__(self) -> Self:
        for folder in (self.settings.home, self.settings.logs_folder, self.settings.prefect_home):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        try:
            self._take_home()
            self._require_port(self.settings.prefect_port, "--prefect-port")
            if self.with_api:
                self._require_port(self.settings.api_port, "--port")
            self._start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _require_port(self, port: int, option: str) -> None:
        if not _is_free(port):
            raise PortInUse(
                f"Port {port} is in use by another program; end that program, or choose another port with "
                f"{option}"
            )

    def _start(self) -> None:
        """Importing takes seconds in each process, so what needs nothing of another starts beside it."""
        reading, writing = os.pipe()
        self._open.callback(os.close, writing)
        self._open.callback(os.close, reading)
        self._lifeline = reading
        self.say("Starting Prefect's server")
        server = self._child("prefect-server", "casemill.local.prefect_server")
        self._make_tables()
        api = self._child("api", "casemill.local.api") if self.with_api else None
        _wait_for(lambda: answers(self.api_url), server, self._log_path(server.name))
        self.say("Applying deployments")
        self._run_once("apply", str(self.settings.project / "deployments" / "apply.py"), "--no-worker-runs")
        self._child("recorder", "casemill.local.recorder")
        self.say("Starting a worker")
        begun = datetime.now(UTC)
        worker = self._child(
            "worker",
            "casemill.local.prefect_worker",
            self.settings.work_pool,
            self.settings.local_worker,
        )
        _wait_for(lambda: self._worker_came(begun), worker, self._log_path(worker.name))
        if api is not None:
            _wait_for(lambda: answers(self.own_url), api, self._log_path(api.name))

    def _make_tables(self) -> None:
        database = Database(self.settings.database)
        migrate(database)
        if self.with_api:
            write_token(database, self.settings)
            self._open.callback(self._end_token)
        database.close()
        SqliteIndex(self.settings.search_file).close()

    def _end_token(self) -> None:
        database = Database(self.settings.database)
        end_token(database, self.settings)
        database.close()

    def _worker_came(self, begun: datetime) -> bool:
        workers = online_workers(self.settings, self.api_url)
        return any(datetime.fromisoformat(worker["last_heartbeat_time"]) > begun for worker in workers)

    def watch(self) -> None:
        """Starts a child again that ended by itself, later each time. To be called about every second."""
        for child in self.children:
            if child.process is None:
                if time.monotonic() >= child.start_at:
                    self._launch(child)
            elif child.process.poll() is not None:
                wait = _RESTART_SECONDS[min(child.failures, len(_RESTART_SECONDS) - 1)]
                self.say(
                    f"{child.name} ended with status {child.process.returncode}; starting it again in "
                    f"{wait} s (see {self._log_path(child.name)})"
                )
                child.process, child.failures, child.start_at = (
                    None,
                    child.failures + 1,
                    time.monotonic() + wait,
                )

    def stop(self) -> None:
        """Ends the children and whatever they started, the server last: the others still talk to it."""
        server, others = self.children[:1], self.children[1:]
        for children in (others, server):
            running = [child.process for child in children if child.process and child.process.poll() is None]
            started = [process for parent in running for process in lifeline.tree(parent.pid)]
            for process in running:
                process.send_signal(signal.SIGTERM)
            deadline = time.monotonic() + _STOP_SECONDS
            for process in running:
                with suppress(subprocess.TimeoutExpired):
                    process.wait(max(0, deadline - time.monotonic()))
            lifeline.kill(started)
            for process in running:
                process.wait()
        self.children.clear()
        self._open.close()

    def _child(self, name: str, module: str, *arguments: str) -> Child:
        child = Child(name, [sys.executable, "-m", module, *arguments])
        self._launch(child)
        self.children.append(child)
        return child

    def _launch(self, child: Child) -> None:
        with self._log(child.name) as log:
            child.process = subprocess.Popen(
                child.command,
                env=self._environment() | {lifeline.VARIABLE: str(self._lifeline)},
                cwd=self.settings.project,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=[self._lifeline],
                start_new_session=True,  # Ctrl-C in the terminal is ours to pass on
            )

    def _run_once(self, name: str, *arguments: str) -> None:
        with self._log(name) as log:
            done = subprocess.run(
                [sys.executable, *arguments],
                env=self._environment(),
                cwd=self.settings.project,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                check=False,
            )
        if done.returncode:
            raise ChildFailed(f"{name} failed; its last words:\n{_last_words(self._log_path(name))}")

    def _environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
        return (
            kept
            | self.settings.environment()
            | prefect_environment(self.settings, self.api_url)
            | {
                "PREFECT_SERVER_API_HOST": "127.0.0.1",
                "PREFECT_SERVER_API_PORT": str(self.settings.prefect_port),
                "PREFECT_SERVER_DATABASE_CONNECTION_URL": (
                    f"sqlite+aiosqlite:///{self.settings.prefect_home / 'prefect.db'}"
                ),
            }
        )

    def _take_home(self) -> None:
        state = self._open.enter_context(_state_file(self.settings).open("a+"))
        try:
            fcntl.flock(state, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise AlreadyRunning(
                f"Casemill is running on {self.settings.home} already; stop it first, or choose another "
                "folder with --home"
            ) from None
        state.seek(0)
        state.truncate()
        own_url = self.own_url if self.with_api else None
        json.dump({"pid": os.getpid(), "prefect_api_url": self.api_url, "own_url": own_url}, state)
        state.flush()

    def _log_path(self, name: str) -> Path:
        return self.settings.logs_folder / f"{name}.log"

    def _log(self, name: str) -> TextIO:
        path = self._log_path(name)
        if path.exists() and path.stat().st_size > _LARGEST_LOG:
            path.replace(path.with_suffix(".log.1"))
        return path.open("a")


def _state_file(settings: Settings) -> Path:
    return settings.home / "up.json"


def _wait_for(ready: Callable[[], bool], child: Child, log: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        if child.process is not None and child.process.poll() is not None:
            raise ChildFailed(f"{child.name} ended while starting; its last words:\n{_last_words(log)}")
        try:
            if ready():
                return
        except (OSError, urllib.error.URLError):
            pass
        time.sleep(0.2)
    raise ChildFailed(f"{child.name} did not answer within {_START_SECONDS} s; see {log}")


def _last_words(log: Path) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-20:])


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _any_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
