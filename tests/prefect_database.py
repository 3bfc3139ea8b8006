"""Prefect's own tables, made once for all servers of a test run: making them takes a server ten seconds."""

import fcntl
import os
import subprocess
import sys
from pathlib import Path

import pytest


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
    subprocess.run(
        [sys.executable, "-m", "prefect", "server", "database", "upgrade", "--yes"],
        check=True,
        stdout=subprocess.DEVNULL,
        env={
            **os.environ,
            "PREFECT_HOME": str(home),
            "PREFECT_SERVER_DATABASE_CONNECTION_URL": f"sqlite+aiosqlite:///{path}",
        },
    )
