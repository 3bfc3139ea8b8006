"""Jobs that wait for others, in Prefect: released, cancelled, and made to wait again.

See dependencies.py for how it all works.
"""

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

import httpx
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.objects import FlowRun, State, StateType
from prefect.exceptions import ObjectNotFound
from prefect.states import Cancelled, Scheduled
from sqlalchemy import or_, update
from sqlmodel import Session, col, select

from casemill.db import Database
from casemill.models import DependencyState, Job, JobAsk, JobDependency
from casemill.models.columns import utc_now
from casemill.models.job_dependency import NOT_READY_STATE
from casemill.monitoring.dependencies import Dependency, dependencies_of, settle_missed, standing, undone
from casemill.monitoring.jobs import place_in_queue
from casemill.monitoring.reconcile import Reconciler
from casemill.monitoring.waiting_state import is_waiting, waiting_state

logger = logging.getLogger(__name__)

_LONGEST = timedelta(seconds=30)
"""Who acts on a job and has not said that it is done after that was killed: somebody else may act."""


class Dependents:
    """Does what the rows say is to be done. What Prefect does not take now is still to be done later."""

    def __init__(self, client: SyncPrefectClient, database: Database, at_most: int) -> None:
        self._client = client
        self._database = database
        self._reconciler = Reconciler(client, database, at_most)

    def make_up(self) -> None:
        """For all that nobody heard of. To be called when everything was compared with Prefect."""
        with self._database.write() as session:
            settle_missed(session, utc_now())
        self.act(everything=True)

    def act(self, *, everything: bool = False) -> None:
        """On each job once, and on those that wait for it; two queries where nothing is to be done."""
        done: set[UUID] = set()
        while todo := [job_id for job_id in self._undone(everything) if job_id not in done]:
            for job_id in todo:
                done.add(job_id)
                self._act_alone(job_id)

    def _undone(self, everything: bool) -> list[UUID]:
        with self._database.read() as session:
            return undone(session, everything=everything)

    def _act_alone(self, job_id: UUID) -> None:
        now = utc_now()
        with self._database.write() as session:
            if not _begin(session, job_id, now):
                return
        try:
            self._act_on(job_id)
        except httpx.HTTPStatusError as error:  # one that Prefect does not take stops no other
            if error.response.is_server_error:
                raise
            logger.exception("Job %s waits for others, and Prefect did not take what became of that", job_id)
        finally:
            with self._database.write() as session:
                _end(session, job_id, now)

    def _act_on(self, job_id: UUID) -> None:
        """As Prefect has it at this moment: who was released, or cancelled by somebody, is left alone."""
        try:
            run = self._client.read_flow_run(job_id)
        except ObjectNotFound:
            run = None
        if run:
            with self._database.read() as session:
                rows = dependencies_of(session, [job_id]).get(job_id, [])
            if rows and (state := next_state(run, rows, utc_now())):
                self._client.set_flow_run_state(job_id, state, force=True)
                logger.info("Job %s: %s", job_id, state.message)
        self._reconciler.refresh([job_id])


def next_state(run: FlowRun, rows: Sequence[Dependency], now: datetime) -> State[None] | None:
    """Where the run is to go, given what it waits for; None where it is to stay. Decides from these alone."""
    was_cancelled = run.state_type == StateType.CANCELLED and run.state_name == NOT_READY_STATE
    if not is_waiting(run) and not was_cancelled:
        return None
    match standing([row.state for row in rows]):
        case DependencyState.MET:
            due_at = place_in_queue(run.tags, now)
            return Scheduled(scheduled_time=due_at, message="What it waited for has come")
        case DependencyState.WAITING:
            waiting = [row.after for row in rows if row.state == DependencyState.WAITING]
            return waiting_state(waiting) if was_cancelled else None
        case DependencyState.BROKEN:
            broken = [row for row in rows if row.state == DependencyState.BROKEN]
            ends = [f"{row.after}, and that is {row.job.status if row.job else 'gone'}" for row in broken]
            said = f"Not begun: it waited for {'; for '.join(ends)}"
            return None if was_cancelled else Cancelled(name=NOT_READY_STATE, message=said)


def _begin(session: Session, job_id: UUID, now: datetime) -> bool:
    """Whether nobody else is at it, and nobody has asked to cancel the job."""
    asked = select(Job.id).where(Job.id == job_id, Job.asked == JobAsk.CANCEL, col(Job.finished_at).is_(None))
    since = col(JobDependency.acting_since)
    begun = session.exec(
        update(JobDependency)
        .where(
            col(JobDependency.job_id) == job_id,
            or_(since.is_(None), since < now - _LONGEST),
            ~asked.exists(),
        )
        .values(acting_since=now)
        .execution_options(synchronize_session=False)
    )
    return begun.rowcount > 0


def _end(session: Session, job_id: UUID, since: datetime) -> None:
    session.exec(
        update(JobDependency)
        .where(col(JobDependency.job_id) == job_id, col(JobDependency.acting_since) == since)
        .values(acting_since=None)
        .execution_options(synchronize_session=False)
    )
