"""A worker in a process of its own, as a user starts it, on flows written for the test."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import psutil
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.events.filters import EventFilter, EventNameFilter, EventRelatedFilter
from prefect.settings import get_current_settings
from prefect.states import Cancelling

from casemill.worker.worker import WarmWorker

PREFECT = Path(sys.executable).with_name("prefect")


def eventually(what: Callable[[], Any], seconds: float = 90) -> Any:
    """What is true at last; fails with the last answer if it never is."""
    deadline = time.monotonic() + seconds
    while not (answer := what()):
        assert time.monotonic() < deadline, f"still {answer!r} after {seconds} s"
        time.sleep(0.1)
    return answer


@dataclass
class Yard:
    """A work pool, a folder of flows that run in it, and what became of them."""

    client: SyncPrefectClient
    folder: Path
    pool: str
    processes: list[subprocess.Popen[str]] = field(default_factory=list)

    def write(self, name: str, code: str) -> None:
        (self.folder / f"{name}.py").write_text(textwrap.dedent(code))

    def deploy(self, file: str, function: str, **more: Any) -> UUID:
        """A flow of a file of the folder, deployed as prefect.yaml does it."""
        name = function.replace("_", "-")
        flow_id = self.client.create_flow_from_name(name)
        return self.client.create_deployment(
            flow_id=flow_id,
            name=f"{uuid4().hex[:8]}",
            entrypoint=f"{file}.py:{function}",
            work_pool_name=self.pool,
            pull_steps=[{"prefect.deployments.steps.set_working_directory": {"directory": str(self.folder)}}],
            **more,
        )

    def start(self, deployment: UUID, **parameters: Any) -> UUID:
        return self.client.create_flow_run_from_deployment(deployment, parameters=parameters).id

    def read(self, run_id: UUID) -> FlowRun:
        return self.client.read_flow_run(run_id)

    def ended(self, run_id: UUID, *states: StateType) -> FlowRun:
        """The run when it is over, in one of these states; completed unless told otherwise."""

        def over() -> FlowRun | None:
            run = self.read(run_id)
            return run if run.state is not None and run.state.is_final() else None

        run = eventually(over)
        assert run.state_type in (states or (StateType.COMPLETED,)), run.state
        return run

    def running(self, run_id: UUID) -> FlowRun:
        return eventually(lambda: (run := self.read(run_id)).state_type == StateType.RUNNING and run)

    def is_told(self, event: str, run_id: UUID) -> bool:
        wanted = EventFilter(
            event=EventNameFilter(name=[event]), related=EventRelatedFilter(id=[f"prefect.flow-run.{run_id}"])
        )
        return bool(self.client.read_events(wanted, limit=1).events)

    def cancel(self, run_id: UUID) -> None:
        self.client.set_flow_run_state(run_id, Cancelling())

    def said(self, name: str) -> str:
        path = self.folder / name
        return path.read_text() if path.exists() else ""

    def work(self, kind: str = "casemill", name: str = "warm", **environment: str) -> subprocess.Popen[str]:
        """A worker, started as a user starts one."""
        command = [str(PREFECT), "worker", "start", "--pool", self.pool, "--type", kind, "--name", name]
        return self.begin(command, **{"PREFECT_WORKER_QUERY_SECONDS": "2", **environment})

    def begin(self, command: list[str], **environment: str) -> subprocess.Popen[str]:
        """A process that writes to worker.log and ends with the test."""
        settings = get_current_settings().to_environment_variables(exclude_unset=True)
        with (self.folder / "worker.log").open("a") as log:
            process = subprocess.Popen(
                command,
                env={**os.environ, **settings, **environment},
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
                text=True,
            )
        self.processes.append(process)
        return process

    def worked(self, **environment: str) -> subprocess.Popen[str]:
        """The worker that is there, or a new one where a test ended it: to start one takes seconds."""
        there = [process for process in self.processes if process.poll() is None]
        return there[-1] if there else self.work(**environment)

    def stop(self, process: subprocess.Popen[str], signum: int = signal.SIGTERM) -> None:
        process.send_signal(signum)
        process.wait(60)

    def processes_of(self, run_id: UUID) -> list[psutil.Process]:
        found = []
        for process in psutil.process_iter():
            try:
                if process.environ().get("PREFECT__FLOW_RUN_ID") == str(run_id) and (
                    process.status() != psutil.STATUS_ZOMBIE
                ):
                    found.append(process)
            except (psutil.NoSuchProcess, psutil.AccessDenied):
                continue
        return found


def new_yard(client: SyncPrefectClient, folder: Path, kind: str = "casemill", limit: int = 10) -> Yard:
    pool = f"yard-{uuid4().hex[:8]}"
    template = WarmWorker.get_default_base_job_template() if kind == "casemill" else {}
    client.create_work_pool(
        WorkPoolCreate(name=pool, type=kind, base_job_template=template, concurrency_limit=limit)
    )
    return Yard(client, folder, pool)


@contextmanager
def working(yard: Yard) -> Iterator[Yard]:
    try:
        yield yard
    finally:
        for process in yard.processes:
            if process.poll() is None:
                yard.stop(process)
