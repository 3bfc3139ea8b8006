"""Workers end when they are told to or their own code changed, also in the background of a shell script.

A shell has those ignore SIGINT, and Prefect's worker ends by a SIGINT to itself: it went on until killed.
"""

import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from prefect.client.orchestration import SyncPrefectClient

from tests.worker.yard import Yard, eventually, new_yard, working

IN_THE_BACKGROUND = ["sh", "-c", 'trap "" INT; exec "$@"', "sh", sys.executable]
OUT_OF_DATE = """
import sys
from casemill.local.prefect_command import run_prefect
from casemill.worker import warm_process

warm_process._CODE = "of another version than on disk"
run_prefect("worker", "start", "--pool", sys.argv[1], "--name", "changed", "--type", "casemill")
"""


@pytest.fixture
def yard(client: SyncPrefectClient, tmp_path: Path) -> Iterator[Yard]:
    """With a deployment, so that a worker has something to fork from."""
    made = new_yard(client, tmp_path)
    made.write("some_flows", "from prefect import flow\n\n@flow\ndef nothing():\n    pass\n")
    made.deploy("some_flows", "nothing")
    with working(made):
        yield made


def test_the_worker_of_casemill_up_ends_when_it_is_told_to(yard: Yard) -> None:
    worker = yard.begin([*IN_THE_BACKGROUND, "-m", "casemill.local.prefect_worker", yard.pool, "told"])
    eventually(lambda: "started!" in yard.said("worker.log"))
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(60) == 0
    assert "stopped!" in yard.said("worker.log")


def test_a_worker_whose_own_code_changed_ends(yard: Yard) -> None:
    worker = yard.begin([*IN_THE_BACKGROUND, "-c", OUT_OF_DATE, yard.pool])
    assert worker.wait(120) == 0
    assert "own code changed" in yard.said("worker.log")
    assert "stopped!" in yard.said("worker.log")
