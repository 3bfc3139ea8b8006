"""A worker whose own code changed ends, so that it is started again."""

import signal
import subprocess
import sys

_CODE = """
import os, signal, time
from prefect.utilities.processutils import setup_signal_handlers_worker
from casemill.worker import worker

worker.WISH_SECONDS = 0.2
signal.signal(signal.SIGINT, signal.SIG_IGN)
setup_signal_handlers_worker(os.getpid(), "the worker", print)
worker.end_this_process()
time.sleep(60)
"""


def test_a_worker_that_wants_to_end_and_hangs_is_ended_all_the_same() -> None:
    """One heard its own signal, took no more runs, and was still there a minute later."""
    done = subprocess.run([sys.executable, "-c", _CODE], capture_output=True, text=True, timeout=120)
    assert done.returncode == -signal.SIGKILL, done.stderr
