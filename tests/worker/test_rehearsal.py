"""What runs would load first is there before they are forked."""

import subprocess
import sys

_CODE = """
import sys, threading
from prefect.client.schemas.objects import FlowRun
from casemill.worker.rehearsal import rehearse
before = FlowRun.__pydantic_complete__, "pydantic.v1" in sys.modules
rehearse()
print(before, FlowRun.__pydantic_complete__, "pydantic.v1" in sys.modules, threading.active_count())
"""


def test_what_a_run_would_load_first_is_loaded_without_a_thread() -> None:
    """The first two show that there is something to do: without it, this can go."""
    done = subprocess.run([sys.executable, "-c", _CODE], capture_output=True, text=True, check=True)
    assert done.stdout.split("\n")[0] == "(False, False) True True 1"
