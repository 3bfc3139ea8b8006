"""What was asked of jobs and takes its time, followed until the evidence says that it is done.

Prefect answers a cancellation with a state, and a worker has to end the process; either may fail. A job asked
to cancel is cancelled when its process is gone, not before; what does not go in time is said, and ended where
it is on this host and nobody else will.
"""

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta

import psutil
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.objects import FlowRun, State, StateType
from prefect.states import Cancelled, Failed
from sqlalchemy import and_, or_
from sqlmodel import col, select

from casemill.db import Database
from casemill.errors import Refused
from casemill.models import NOT_OVER, Job, JobAsk, JobStatus, JobSubStatus
from casemill.monitoring.apply_changes import apply_changes
from casemill.monitoring.asking import ask_to_cancel, ask_to_suspend
from casemill.monitoring.changes import ProcessEnded
from casemill.monitoring.liveness import SILENCE
from casemill.monitoring.process_evidence import OVERTIME, has_process, living_processes, told_end
from casemill.monitoring.reconcile import Reconciler
from casemill.monitoring.snapshots import WORKER_LABEL
from casemill.monitoring.still_there import SAY_AFTER, say_still_there, take_back_alerts
from casemill.settings import Settings

logger = logging.getLogger(__name__)

_SETTLED = timedelta(seconds=3)  # what is younger may be on its way: an event, a process just starting
_END_CANCELLED_AFTER = timedelta(seconds=5)  # Prefect says it is over, so no worker will end it any more
_END_AFTER = timedelta(seconds=45)  # a worker asks a process to end, and kills it 30 s later


_CRASHED_LATELY = timedelta(minutes=10)
_FAILED = col(Job.status) == JobStatus.FAILED


@dataclass(frozen=True, slots=True)
class Evidence:
    """is_gone with how that is known, or the processes found on this host."""

    is_gone: bool
    how: str
    at: datetime | None = None
    processes: tuple[psutil.Process, ...] = ()


class AskedFollower:
    """To be called every two seconds or so; one query where nothing was asked."""

    def __init__(
        self,
        client: SyncPrefectClient,
        database: Database,
        settings: Settings,
        end_after: timedelta = _END_AFTER,
        say_after: timedelta = SAY_AFTER,
    ) -> None:
        self._client = client
        self._database = database
        self._reconciler = Reconciler(client, database, settings.recorded_characters)
        self._local_worker = settings.local_worker
        self._end_after = end_after
        self._say_after = say_after

    def follow(self, now: datetime) -> None:
        asked = self._asked()
        if asked:
            runs = {run.id: run for run in self._reconciler.refresh([job.id for job in asked])}
            for job in self._asked():
                if run := runs.get(job.id):
                    self._follow(job, run, now)
        self._take_crashes_for_what_they_are(now)
        with self._database.read() as session:
            ids = set(session.exec(select(Job.id).where(*_BEING_CANCELLED)))
        take_back_alerts(self._database, still=ids)

    def _take_crashes_for_what_they_are(self, now: datetime) -> None:
        """A process that is ended as asked may have the time to call it a crash."""
        crashed = (Job.asked == JobAsk.CANCEL, Job.sub_status == JobSubStatus.CRASHED)
        recent = (col(Job.finished_at) > now - _CRASHED_LATELY, col(Job.finished_at) >= Job.asked_at)
        with self._database.read() as session:
            found = {job.id: job for job in session.exec(select(Job).where(_FAILED, *crashed, *recent))}
        for run in self._reconciler.refresh(list(found)) if found else ():
            job, state = found[run.id], run.state
            if state is None or state.type != StateType.CRASHED or living_processes(run):
                continue
            if (job.asked_why or "").startswith(OVERTIME):
                self._set(run, Failed(name="TimedOut", message=job.asked_why))
            else:
                self._set(run, Cancelled(message=f"Cancelled; its last words: {state.message}"))
            self._reconciler.refresh([run.id])

    def _asked(self) -> list[Job]:
        with self._database.read() as session:
            pausing = or_(col(Job.sub_status) == JobSubStatus.PAUSING, col(Job.asked) == JobAsk.PAUSE)
            wanted = select(Job).where(
                or_(and_(*_BEING_CANCELLED), and_(col(Job.status).in_(NOT_OVER), pausing))
            )
            return list(session.exec(wanted).all())

    def _follow(self, job: Job, run: FlowRun, now: datetime) -> None:
        if run.state is None:
            return
        if job.asked == JobAsk.CANCEL or job.sub_status == JobSubStatus.CANCELLING:
            self._follow_cancel(job, run, run.state, now)
        elif job.sub_status == JobSubStatus.PAUSING:
            if (found := self._look(job, run, now)).is_gone:
                self._record_end(job, found, now)
        elif job.status != JobStatus.PAUSED:
            self._ask_again(job, run, now)

    def _follow_cancel(self, job: Job, run: FlowRun, state: State[None], now: datetime) -> None:
        if state.type not in (StateType.CANCELLING, StateType.CANCELLED):
            self._ask_again(job, run, now)
            return
        if now - state.timestamp < _SETTLED and has_process(job):
            return
        found = self._look(job, run, now)
        asked_at = job.asked_at or state.timestamp
        if not found.is_gone:
            patience = _END_CANCELLED_AFTER if state.type == StateType.CANCELLED else self._end_after
            if now - asked_at >= self._say_after:
                say_still_there(self._database, job, found.how, now)
            if now - max(asked_at, state.timestamp) >= patience:
                _end(job, found.processes)
            return
        if now - state.timestamp < _SETTLED:
            return
        if (job.asked_why or "").startswith(OVERTIME):
            self._set(run, Failed(name="TimedOut", message=job.asked_why))
        elif state.type == StateType.CANCELLING:
            self._set(run, Cancelled(message=f"Cancelled; {found.how}"))
        self._record_end(job, found, now)

    def _look(self, job: Job, run: FlowRun, now: datetime) -> Evidence:
        worker = run.labels.get(WORKER_LABEL)
        if processes := tuple(living_processes(run)):
            pids = ", ".join(str(process.pid) for process in processes)
            return Evidence(
                is_gone=False, how=f"process {pids} on this host is still there", processes=processes
            )
        if not has_process(job):
            return Evidence(is_gone=True, how="its process is gone", at=job.process_ended_at)
        if worker == self._local_worker:
            return Evidence(is_gone=True, how="no process of it is left on this host", at=now)
        if ended := told_end(self._client, job):
            return Evidence(is_gone=True, how=f"worker {worker} said that its process is gone", at=ended)
        heard = [moment for moment in (job.process_began_at, job.heartbeat_at, job.asked_at) if moment]
        if max(heard, default=now) < now - SILENCE:
            return Evidence(
                is_gone=True, how=f"nothing was heard of its process or of worker {worker} since", at=heard[0]
            )
        return Evidence(is_gone=False, how=f"worker {worker} has not said that its process is gone")

    def _ask_again(self, job: Job, run: FlowRun, now: datetime) -> None:
        """It began, or was started again, in the moment in which it was asked."""
        if run.state is None or run.state.is_final() or (job.asked_at or now) > now - _SETTLED:
            return
        try:
            if job.asked == JobAsk.CANCEL:
                ask_to_cancel(self._client, run, job.asked_why)
            elif run.state.is_running() or run.state.is_scheduled():
                ask_to_suspend(self._client, run)
        except Refused as refused:
            logger.info("Job %s was asked to %s again: %s", job.id, job.asked, refused)
        self._reconciler.refresh([job.id])

    def _record_end(self, job: Job, found: Evidence, now: datetime) -> None:
        if has_process(job):
            with self._database.write() as session:
                apply_changes(session, [ProcessEnded(job.id, found.at or now)])
        self._reconciler.refresh([job.id])

    def _set(self, run: FlowRun, state: State[None]) -> None:
        self._client.set_flow_run_state(run.id, state, force=True)


_BEING_CANCELLED = (
    col(Job.status).in_(NOT_OVER),
    or_(col(Job.asked) == JobAsk.CANCEL, col(Job.sub_status) == JobSubStatus.CANCELLING),
)


def _end(job: Job, processes: tuple[psutil.Process, ...]) -> None:
    """Its own processes, known by the run's id in their environment when they were found."""
    for process in processes:
        logger.warning("Job %s: process %s did not end when asked to; killed", job.id, process.pid)
        try:
            process.kill()
        except psutil.Error as error:
            logger.warning("Job %s: process %s could not be killed: %s", job.id, process.pid, error)
