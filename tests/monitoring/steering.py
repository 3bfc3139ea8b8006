"""Runs on a real Prefect server without a worker: the tests play the worker, with real processes."""

import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID, uuid4

import psutil
from prefect import flow
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.client.schemas.objects import FlowRun
from prefect.states import Scheduled, State
from sqlmodel import col, select

from casemill.models import Job, JobEvent
from casemill.models.columns import utc_now
from casemill.monitoring.apply_changes import apply_changes
from casemill.monitoring.asked import AskedFollower
from casemill.monitoring.changes import ProcessBegan, ProcessEnded
from casemill.monitoring.jobs import batch_tag
from casemill.monitoring.reconcile import Reconciler
from casemill.workspace import Workspace

LATER = timedelta(seconds=10)  # what is on its way has come by then


@flow(name="extraction-batch")
def steered_flow(batch_id: str = "", case_ids: list[str] = [], document_ids: list[str] = []) -> None:  # noqa: B006
    pass


@dataclass
class Steered:
    """A work pool, and what happens to the runs in it."""

    workspace: Workspace
    client: SyncPrefectClient
    pool: str = field(default_factory=lambda: f"pool-{uuid4()}")

    def __post_init__(self) -> None:
        self.client.create_work_pool(WorkPoolCreate(name=self.pool, type="process"))
        self.deployment = f"deployed-{uuid4()}"
        steered_flow.to_deployment(self.deployment).apply(work_pool_name=self.pool)

    def run(self, *states: State, batch_id: UUID | None = None, **parameters: list[str]) -> UUID:
        """A run that went through these states, and is recorded."""
        deployment = self.client.read_deployment_by_name(f"extraction-batch/{self.deployment}").id
        given = {**parameters, **({"batch_id": str(batch_id)} if batch_id else {})}
        tags = [batch_tag(batch_id)] if batch_id else []
        later = (
            states[0] if states and isinstance(states[0], State) and states[0].is_scheduled() else Scheduled()
        )
        run = self.client.create_flow_run_from_deployment(
            deployment, parameters=given, tags=tags, state=later
        ).id
        self.set(run, *(state for state in states if state is not later))
        self.refresh(run)
        return run

    def set(self, run: UUID, *states: State) -> None:
        for state in states:
            self.client.set_flow_run_state(run, state, force=True)

    def taken_by(self, run: UUID, worker: str | None = None, pid: int | None = None) -> None:
        """A worker, the local one if no other is named, says that it starts a process for it."""
        self.client.update_flow_run_labels(
            run, {"prefect.worker.name": worker or self.workspace.settings.local_worker}
        )
        if pid:
            self.client.update_flow_run(run, infrastructure_pid=str(pid))
        self.apply(ProcessBegan(run, utc_now()))

    def left_by(self, run: UUID) -> None:
        self.apply(ProcessEnded(run, utc_now()))

    def apply(self, *changes: object) -> None:
        with self.workspace.database.write() as session:
            apply_changes(session, changes)  # type: ignore[arg-type]

    def refresh(self, run: UUID) -> FlowRun | None:
        found = Reconciler(self.client, self.workspace.database, 20_000).refresh([run])
        return found[0] if found else None

    def follow(self, now: datetime | None = None, **patience: timedelta) -> None:
        """What the recorder does, a little later."""
        settings = self.workspace.settings
        follower = AskedFollower(self.client, self.workspace.database, settings, **patience)
        follower.follow(now or utc_now() + LATER)

    def job(self, run: UUID) -> Job:
        with self.workspace.database.read() as session:
            return session.get_one(Job, run)

    def shown(self, run: UUID) -> tuple[str, str | None]:
        job = self.job(run)
        return str(job.status), str(job.sub_status) if job.sub_status else None

    def state(self, run: UUID) -> str:
        """Prefect's."""
        return self.client.read_flow_run(run).state_name or ""

    def feed(self, run: UUID, kind: str = "job") -> list[JobEvent]:
        with self.workspace.database.read() as session:
            rows = select(JobEvent).where(JobEvent.job_id == run, JobEvent.kind == kind)
            return list(session.exec(rows.order_by(col(JobEvent.id))).all())


@contextmanager
def process_for(run: UUID) -> Generator[psutil.Process]:
    """A process that looks like the engine's: it carries the run's id, and ends when it is killed."""
    process = subprocess.Popen(
        [sys.executable, "-c", "import time; time.sleep(300)"], env={"PREFECT__FLOW_RUN_ID": str(run)}
    )
    try:
        yield psutil.Process(process.pid)
    finally:
        process.kill()
        process.wait()
