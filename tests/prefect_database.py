"""Prefect's own tables, made once for all servers of a test run: making them takes a server ten seconds."""

import fcntl
import os
import sqlite3
import subprocess
import sys
import urllib.request
from contextlib import closing
from http import HTTPStatus
from pathlib import Path

import pytest

from tests.concurrency import becomes_true
from tests.ports import free_port


def migrated(factory: pytest.TempPathFactory) -> Path:
    """An SQLite database with all of Prefect's tables and nothing in them, to be copied."""
    folder = factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent  # of all processes of this run
    path = folder / "prefect-template.db"
    with path.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not path.exists():
            growing = path.with_suffix(".growing")
            _migrate(growing, folder / "prefect-template-home")
            growing.rename(path)
    return path


def _migrate(path: Path, home: Path) -> None:
    """By a server's first start, which also registers the blocks that come with Prefect."""
    port = free_port()
    environment = {
        **os.environ,
        "PREFECT_HOME": str(home),
        "PREFECT_SERVER_API_HOST": "127.0.0.1",
        "PREFECT_SERVER_API_PORT": str(port),
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_SERVER_DATABASE_CONNECTION_URL": f"sqlite+aiosqlite:///{path}",
    }
    server = subprocess.Popen([sys.executable, "-m", "casemill.local.prefect_server"], env=environment)
    try:
        assert becomes_true(lambda: is_up(port), 240), "Prefect's server did not come up"
    finally:
        server.terminate()
        server.wait()
    with closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def is_up(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/health", timeout=5) as answer:
            return answer.status == HTTPStatus.OK
    except OSError:
        return False
