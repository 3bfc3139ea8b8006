"""Flows that are killed, as a machine that loses power kills them."""

import os
import signal
import subprocess
import sys
from pathlib import Path

from prefect.settings import PREFECT_API_URL

CHECKOUT = Path(__file__).resolve().parents[2]


def run_until_killed(program: str) -> None:
    """Runs Python code, which has to kill itself, in a process on this test's server and workspace."""
    environment = {**os.environ, "PREFECT_API_URL": str(PREFECT_API_URL.value()), "PYTHONPATH": str(CHECKOUT)}
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=environment,
        cwd=CHECKOUT,
        check=False,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
