"""A burst of runs on `casemill up` as it comes, and runs that are cancelled one after another.

python benchmarks/burst.py --runs 200              (that each is run, and once)
python benchmarks/burst.py --runs 200 --kills 2    (the same while the worker is killed with SIGKILL)
python benchmarks/burst.py --cancels 100           (how soon process and slot of a cancelled run are free)
"""

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from uuid import UUID

import psutil

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.job_start import FLOWS, deploy, free_port, fresh_client, over, p95, program, start, until

AFTER_A_CRASH = 240.0  # seconds: a heart is missed after 90


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--runs", type=int, default=0, help="submit so many at once")
    parser.add_argument("--kills", type=int, default=0, help="kill the worker so often meanwhile")
    parser.add_argument("--cancels", type=int, default=0, help="cancel so many, one after another")
    options = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(prefix="burst-") as folder,
        casemill_up(Path(folder)) as (home, client),
    ):
        if options.runs:
            print(json.dumps(burst(home, client, options.runs, options.kills), indent=2), flush=True)
        if options.cancels:
            print(json.dumps(cancels(home, client, options.cancels), indent=2))


@contextmanager
def casemill_up(folder: Path) -> Iterator[tuple[Path, Any]]:
    """Its home, with the flows to run in it, and a client of its Prefect server."""
    port, own = free_port(), free_port()
    home = folder / "home"
    command = [str(Path(sys.executable).with_name("casemill")), "up", "--home", str(home)]
    os.environ["PREFECT_API_URL"] = f"http://127.0.0.1:{port}/api"
    ports = ["--prefect-port", str(port), "--port", str(own)]
    with program([*command, *ports], folder / "up.log"), fresh_client() as client:
        until(lambda: "Stop with Ctrl-C" in (folder / "up.log").read_text(), "casemill up")
        (home / "bench.py").write_text(FLOWS)
        yield home, client


def burst(home: Path, client: Any, count: int, kills: int) -> dict[str, Any]:
    """What became of so many runs submitted at once."""
    deployment = deploy(client, "casemill", home, "nothing")
    begun = time.monotonic()
    run_ids = [start(client, deployment) for _ in range(count)]
    for number in range(kills):
        part = count * (number + 1) // (kills + 1)
        until(lambda part=part: completed(client, run_ids) >= part, "a part of the runs", pause=2)
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                if "casemill.local.prefect_worker" in process.cmdline() and process.environ().get(
                    "CASEMILL_HOME"
                ) == str(home):
                    process.kill()
    over(client, run_ids)
    with suppress(TimeoutError):  # one that was killed is crashed for a moment, until it is started again
        until(lambda: completed(client, run_ids) == count, "runs to complete", 2, AFTER_A_CRASH)
    runs = runs_of(client, run_ids)
    seconds = time.monotonic() - begun
    return {
        "states": Counter(run.state_name for run in runs),
        "began more than once": sum(run.run_count > 1 for run in runs),
        "seconds": round(seconds, 1),
        "worker killed": kills,
    }


def cancels(home: Path, client: Any, count: int) -> dict[str, Any]:
    """How long after each of so many cancellations, one after the other, process and slot were there."""
    from prefect.states import Cancelling

    gone, free = [], []
    deployment = deploy(client, "casemill", home, "sits")
    for _ in range(count):
        run_id = start(client, deployment)
        until(lambda id=run_id: client.read_flow_run(id).state_name == "Running", "a run", pause=0.1)
        process = process_of(run_id)
        asked = time.monotonic()
        client.set_flow_run_state(run_id, Cancelling())
        until(lambda one=process: not is_alive(one), "a process to be gone", pause=0.02)
        gone.append(time.monotonic() - asked)
        [run] = over(client, [run_id], pause=0.1)
        assert run.state_name == "Cancelled", run.state
        free.append(time.monotonic() - asked)
    return {
        "cancelled": count,
        "process gone after": spread(gone),
        "slot free after": spread(free),
    }


def spread(times: list[float]) -> dict[str, float]:
    return {
        "p50": round(statistics.median(times), 2),
        "p95": round(p95(times), 2),
        "most": round(max(times), 2),
    }


def process_of(run_id: UUID) -> psutil.Process:
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.environ().get("PREFECT__FLOW_RUN_ID") == str(run_id):
                return process
    raise LookupError(f"no process of run {run_id}")


def is_alive(process: psutil.Process) -> bool:
    with suppress(psutil.NoSuchProcess):
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    return False


def runs_of(client: Any, run_ids: list[UUID]) -> list[Any]:
    from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId

    found: list[Any] = []
    for begin in range(0, len(run_ids), 200):  # the most that Prefect answers at once
        wanted = FlowRunFilter(id=FlowRunFilterId(any_=run_ids[begin : begin + 200]))
        found += client.read_flow_runs(flow_run_filter=wanted)
    return found


def completed(client: Any, run_ids: list[UUID]) -> int:
    return sum(bool(run.state and run.state.is_completed()) for run in runs_of(client, run_ids))


if __name__ == "__main__":
    main()
