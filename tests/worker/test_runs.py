"""Runs of a warm worker: each in a process of its own, and none the worse for being forked."""

import json
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.objects import StateType
from prefect.events.filters import EventFilter, EventNameFilter, EventRelatedFilter
from prefect.flow_runs import suspend_flow_run

from casemill.monitoring.changes import WorkerTold
from casemill.monitoring.events import changes_of
from casemill.monitoring.worker_health import WorkerHealth
from casemill.worker.health import HEALTH
from tests.worker.yard import Yard, eventually, new_yard, working

FLOWS = """
    import json
    import os
    import signal
    import subprocess
    import sys
    import time
    from pathlib import Path

    from prefect import flow, task

    SEEN = []


    @flow
    def tells(name: str):
        SEEN.append(name)
        os.environ["LEFT_BEHIND"] = os.environ.get("LEFT_BEHIND", "") + name
        print("printed by " + name)
        told = {"seen": SEEN, "left": os.environ["LEFT_BEHIND"], "cwd": os.getcwd(), "pid": os.getpid(),
                "run": os.environ["PREFECT__FLOW_RUN_ID"], "own": os.environ.get("OWN"),
                "group": os.getpgid(0), "argv": sys.argv[0]}
        Path(name + ".json").write_text(json.dumps(told))


    @flow
    def sleeps(name: str, seconds: float = 600):
        helper = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
        Path(name).write_text(str(helper.pid))
        time.sleep(seconds)


    @flow
    async def waits(name: str):
        import asyncio
        Path(name).write_text("0")
        await asyncio.sleep(600)


    @flow
    def hears_late(name: str):
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])  # another thread gets it
        Path(name).write_text("0")
        try:
            time.sleep(600)
        finally:
            Path(name).write_text("told")


    @flow(timeout_seconds=1)
    def is_late():
        time.sleep(600)


    @flow
    def fails():
        raise ValueError("as it should")


    @flow
    def dies(signum: int):
        os.kill(os.getpid(), signum)
        time.sleep(600)


    @task
    def tick(name: str, n: int):
        Path(name).write_text(str(n))
        time.sleep(0.2)


    @flow
    def ticks(name: str):
        if Path(name + ".go").exists():
            return
        for n in range(1, 3000):
            tick(name, n)


    def on_end(flow, run, state):
        Path("hook").write_text(state.name + " " + str(run.id) + " " + str(os.getpid()))


    @flow(on_cancellation=[on_end], on_crashed=[on_end])
    def has_hooks(name: str):
        Path(name).write_text("0")
        time.sleep(600)
"""


@pytest.fixture(scope="module")
def shared(client: SyncPrefectClient, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Yard]:
    made = new_yard(client, tmp_path_factory.mktemp("yard"))
    made.write("some_flows", FLOWS)
    with working(made):
        yield made


@pytest.fixture
def yard(shared: Yard) -> Yard:
    """With a worker that all of these share: that is what its runs must not notice."""
    shared.worked()
    return shared


def told(yard: Yard, name: str) -> dict[str, Any]:
    return json.loads(yard.said(f"{name}.json"))


def test_runs_see_nothing_of_one_another(yard: Yard) -> None:
    deployment = yard.deploy("some_flows", "tells", job_variables={"env": {"OWN": "of the deployment"}})
    runs = [yard.ended(yard.start(deployment, name=name)) for name in ("first", "second")]
    for run, name in zip(runs, ("first", "second"), strict=True):
        mine = told(yard, name)
        assert mine["seen"] == [name]
        assert mine["left"] == name
        assert mine["own"] == "of the deployment"
        assert mine["cwd"] == str(yard.folder)
        assert mine["run"] == str(run.id)
        assert mine["pid"] == mine["group"]
    assert told(yard, "first")["pid"] != told(yard, "second")["pid"]


def test_a_run_is_forked_and_what_it_prints_goes_where_the_workers_output_goes(yard: Yard) -> None:
    deployment = yard.deploy("some_flows", "tells")
    yard.ended(yard.start(deployment, name="third"))
    assert told(yard, "third")["argv"].endswith("fork_parent.py")
    assert "printed by third" in yard.said("worker.log")


def test_the_worker_tells_of_the_process_what_prefects_own_tells(yard: Yard) -> None:
    run = yard.ended(yard.start(yard.deploy("some_flows", "tells"), name="fourth"))
    for event in ("prefect.worker.submitted-flow-run", "prefect.worker.executed-flow-run"):
        eventually(lambda event=event: yard.is_told(event, run.id))
    labels = eventually(
        lambda: "prefect.worker.name" in yard.read(run.id).labels and yard.read(run.id).labels
    )
    assert labels["prefect.worker.name"] == "warm"


def test_the_worker_tells_how_it_is_and_the_recorder_understands(yard: Yard) -> None:
    """Not before it has something to fork from, and at once then."""
    pool = yard.client.read_work_pool(yard.pool)
    wanted = EventFilter(
        event=EventNameFilter(name=[HEALTH]), related=EventRelatedFilter(id=[f"prefect.work-pool.{pool.id}"])
    )
    [event] = eventually(lambda: yard.client.read_events(wanted, limit=1).events)
    [told] = changes_of(event, 20_000)
    assert isinstance(told, WorkerTold)
    assert (told.worker, told.pool) == ("warm", yard.pool)
    health = WorkerHealth.model_validate(told.health)
    assert (health.fork_parents.warm, health.fork_parents.missing) == (1, 0)
    assert 0 < health.memory_used <= health.memory_total


def test_an_interpreters_own_variables_are_honoured_by_starting_one(yard: Yard) -> None:
    deployment = yard.deploy("some_flows", "tells", job_variables={"env": {"PYTHONHASHSEED": "1"}})
    yard.ended(yard.start(deployment, name="cold"))
    assert "prefect" in told(yard, "cold")["argv"]
    assert "fork_parent" not in told(yard, "cold")["argv"]


def test_a_run_that_fails_or_takes_too_long_says_so_itself(yard: Yard) -> None:
    failed = yard.start(yard.deploy("some_flows", "fails"))
    late = yard.start(yard.deploy("some_flows", "is_late"))
    assert "as it should" in str(yard.ended(failed, StateType.FAILED).state)
    assert yard.ended(late, StateType.FAILED).state_name == "TimedOut"


@pytest.mark.parametrize("function", ["sleeps", "waits"])
def test_a_cancelled_run_is_gone_with_all_it_started(yard: Yard, function: str) -> None:
    run_id = yard.start(yard.deploy("some_flows", function), name=f"{function}.pid")
    eventually(lambda: yard.said(f"{function}.pid"))
    yard.running(run_id)
    assert yard.processes_of(run_id)
    yard.cancel(run_id)
    yard.ended(run_id, StateType.CANCELLED)
    assert not yard.processes_of(run_id)
    eventually(lambda: yard.is_told("prefect.worker.executed-flow-run", run_id))


def test_a_run_that_did_not_notice_that_it_was_told_to_end_is_made_to_look(yard: Yard) -> None:
    """Of a hundred that were cancelled one ended only when it was killed, after 30 seconds.

    The signal came just before it began to sleep, or to another thread than its main one: either way the
    interpreter kept it until the sleep was over.
    """
    run_id = yard.start(yard.deploy("some_flows", "hears_late"), name="late")
    eventually(lambda: yard.said("late"))
    yard.running(run_id)
    yard.cancel(run_id)
    yard.ended(run_id, StateType.CANCELLED)
    assert yard.said("late") == "told"


def test_hooks_are_run_for_a_cancelled_run_in_another_process(yard: Yard) -> None:
    run_id = yard.start(yard.deploy("some_flows", "has_hooks"), name="hooked.pid")
    eventually(lambda: yard.said("hooked.pid"))
    pid = eventually(lambda: yard.read(run_id).infrastructure_pid)
    assert int(pid) in [process.pid for process in yard.processes_of(run_id)]
    yard.cancel(run_id)
    yard.ended(run_id, StateType.CANCELLED)
    name, of_run, hook_pid = eventually(lambda: yard.said("hook")).split()
    assert (name, of_run) == ("Cancelled", str(run_id))
    assert hook_pid != pid


def test_a_suspended_run_leaves_its_process_and_goes_on_when_resumed(yard: Yard) -> None:
    run_id = yard.start(yard.deploy("some_flows", "ticks"), name="ticking")
    eventually(lambda: yard.said("ticking"))
    suspend_flow_run(flow_run_id=run_id)
    eventually(lambda: not yard.processes_of(run_id))
    assert yard.read(run_id).state_name == "Suspended"
    (yard.folder / "ticking.go").touch()
    yard.client.resume_flow_run(run_id)
    yard.ended(run_id)


@pytest.mark.parametrize("name", ["SIGKILL", "SIGSEGV"])
def test_a_run_whose_process_is_killed_crashes_with_the_cause(yard: Yard, name: str) -> None:
    run_id = yard.start(yard.deploy("some_flows", "dies"), signum=int(signal.Signals[name]))
    state = yard.ended(run_id, StateType.CRASHED).state
    assert state is not None
    assert name in (state.message or "")


def test_code_that_changed_is_read_again(yard: Yard) -> None:
    code = """
        from pathlib import Path
        from prefect import flow
        import word_of_theirs

        @flow
        def says():
            Path("word").write_text(word_of_theirs.WORD)
    """
    yard.write("saying", code)
    yard.write("word_of_theirs", "WORD = 'before'")
    deployment = yard.deploy("saying", "says")
    yard.ended(yard.start(deployment))
    assert yard.said("word") == "before"
    yard.ended(yard.start(deployment))
    yard.write("word_of_theirs", "WORD = 'afterwards'")
    yard.ended(yard.start(deployment))
    assert yard.said("word") == "afterwards"


def test_a_flow_that_cannot_be_loaded_is_a_crash_and_says_why_in_its_log(yard: Yard) -> None:
    yard.write("broken", "import nothing_of_this_name")
    run_id = yard.start(yard.deploy("broken", "anything"))
    yard.ended(run_id, StateType.CRASHED)
    eventually(lambda: "nothing_of_this_name" in yard.said("worker.log"))


def test_flows_that_start_threads_when_imported_run_all_the_same(yard: Yard) -> None:
    code = """
        import threading
        import time
        from pathlib import Path
        from prefect import flow

        threading.Thread(target=time.sleep, args=(600,), daemon=True).start()

        @flow
        def threaded():
            Path("threads").write_text(str(threading.active_count() > 1))
    """
    yard.write("threading_flows", code)
    deployment = yard.deploy("threading_flows", "threaded")
    for _ in range(2):
        yard.ended(yard.start(deployment))
        assert yard.said("threads") == "True"


def test_a_pool_of_prefects_type_is_served_and_a_stock_worker_runs_the_same_deployment(
    client: SyncPrefectClient, tmp_path: Path
) -> None:
    """Homes that were made with Prefect's own worker keep their pool."""
    yard = new_yard(client, tmp_path, kind="process")
    yard.write("some_flows", FLOWS)
    deployment = yard.deploy("some_flows", "tells")
    with working(yard):
        warm = yard.work("casemill")
        yard.ended(yard.start(deployment, name="warm"))
        yard.stop(warm)
        yard.work("process", name="stock")
        yard.ended(yard.start(deployment, name="stock"))
    assert told(yard, "warm")["argv"].endswith("fork_parent.py")
    assert "fork_parent" not in told(yard, "stock")["argv"]
    assert told(yard, "warm")["cwd"] == told(yard, "stock")["cwd"]


def test_a_worker_that_is_killed_takes_its_runs_with_it(yard: Yard) -> None:
    run_id = yard.start(yard.deploy("some_flows", "sleeps"), name="orphan.pid")
    helper = int(eventually(lambda: yard.said("orphan.pid")))
    yard.stop(yard.worked(), signal.SIGKILL)
    eventually(lambda: not yard.processes_of(run_id))
    eventually(lambda: not Path(f"/proc/{helper}").exists() or _is_zombie(helper))
    assert yard.read(run_id).state_type == StateType.RUNNING, "who looks after lost runs must find it"


def _is_zombie(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True
