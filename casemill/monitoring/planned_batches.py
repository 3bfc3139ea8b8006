"""Batch schedules in Prefect: a schedule of one deployment for each cron, a run that waits for each moment.

A run that waits goes late, and once, where server or worker were away at its time. A schedule is found by its
slug, which is why `prefect deploy` leaves it alone.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from uuid import UUID, uuid4

from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.actions import DeploymentScheduleCreate
from prefect.client.schemas.filters import (
    DeploymentFilter,
    DeploymentFilterId,
    FlowRunFilter,
    FlowRunFilterId,
    FlowRunFilterState,
    FlowRunFilterStateType,
)
from prefect.client.schemas.objects import DeploymentSchedule, FlowRun, StateType
from prefect.client.schemas.responses import DeploymentResponse
from prefect.client.schemas.schedules import CronSchedule
from prefect.client.schemas.sorting import FlowRunSort
from prefect.exceptions import ObjectNotFound
from prefect.states import Cancelled, Scheduled
from sqlalchemy import update
from sqlmodel import col, select

from casemill.db import Database
from casemill.models import OVER, BatchSchedule, Job
from casemill.models.columns import utc_now
from casemill.monitoring.jobs import NotDeployed, user_tag

SCHEDULED_BATCH = "scheduled-batch/default"
_SLUG = "batch-"
_PAGE = 200


@dataclass
class Plans:
    """What Prefect is to start, read once and changed here."""

    client: SyncPrefectClient

    @cached_property
    def deployment(self) -> DeploymentResponse:
        try:
            return self.client.read_deployment_by_name(SCHEDULED_BATCH)
        except ObjectNotFound:
            raise NotDeployed(
                f"Prefect knows no deployment {SCHEDULED_BATCH}; `casemill up` or deployments/apply.py "
                "brings it"
            ) from None

    @cached_property
    def by_slug(self) -> dict[str, DeploymentSchedule]:
        return {schedule.slug: schedule for schedule in self.deployment.schedules if schedule.slug}

    @cached_property
    def waiting(self) -> list[FlowRun]:
        """Runs that wait for their time or a worker, the earliest first."""
        found: list[FlowRun] = []
        while True:
            page = self.client.read_flow_runs(
                deployment_filter=DeploymentFilter(id=DeploymentFilterId(any_=[self.deployment.id])),
                flow_run_filter=FlowRunFilter(
                    state=FlowRunFilterState(type=FlowRunFilterStateType(any_=[StateType.SCHEDULED]))
                ),
                sort=FlowRunSort.NEXT_SCHEDULED_START_TIME_ASC,
                limit=_PAGE,
                offset=len(found),
            )
            found.extend(page)
            if len(page) < _PAGE:
                return found

    def is_on(self, schedule: BatchSchedule) -> bool:
        """Whether Prefect will start it; somebody may have paused it there."""
        if schedule.cron is None:
            return any(run.id == schedule.job_id for run in self.waiting)
        known = self.by_slug.get(slug_of(schedule.id))
        return known is not None and known.active and not self.deployment.paused

    def next_runs(self, schedule: BatchSchedule) -> list[datetime]:
        if schedule.cron is None:
            runs = [run for run in self.waiting if run.id == schedule.job_id]
        else:
            known = self.by_slug.get(slug_of(schedule.id))
            runs = [run for run in self.waiting if known and run.created_by and run.created_by.id == known.id]
        return [run.next_scheduled_start_time for run in runs if run.next_scheduled_start_time]

    def plan(self, schedule: BatchSchedule, again: bool = False) -> UUID | None:
        """The id of the waiting job of a schedule with a moment. Twice is once; `again` is another job."""
        if schedule.cron is None:
            round_ = f":{uuid4()}" if again else ""
            return self.client.create_flow_run_from_deployment(
                self.deployment.id,
                name=f"scheduled batch {str(schedule.id)[:8]}",
                parameters={"schedule_id": str(schedule.id)},
                tags=[user_tag(schedule.user_id)],
                idempotency_key=f"batch-schedule:{schedule.id}{round_}",
                state=Scheduled(scheduled_time=schedule.at),
            ).id
        known = self.by_slug.get(slug_of(schedule.id))
        if known is None:
            when = CronSchedule(cron=schedule.cron, timezone=schedule.timezone)
            parameters = {"schedule_id": str(schedule.id)}
            new = DeploymentScheduleCreate(schedule=when, parameters=parameters, slug=slug_of(schedule.id))
            self.client.create_deployment_schedules(self.deployment.id, [new])
        else:
            self.client.update_deployment_schedule(self.deployment.id, known.id, active=True)
        if self.deployment.paused:
            self.client.resume_deployment(self.deployment.id)
        self._changed()
        return None

    def take_back(self, schedule: BatchSchedule, why: str) -> None:
        """It starts nothing any more; what it has started goes on.

        Prefect's schedule is switched off and not deleted: with one, Prefect deletes the runs of all others
        of the deployment that are due and wait for a worker.
        """
        if schedule.cron is None:
            if any(run.id == schedule.job_id for run in self.waiting) and schedule.job_id:
                self.client.set_flow_run_state(schedule.job_id, Cancelled(message=why))
        elif (known := self.by_slug.get(slug_of(schedule.id))) is not None:
            self.client.update_deployment_schedule(self.deployment.id, known.id, active=False)
            self._changed()

    def sweep(self, keep: Iterable[UUID]) -> int:
        """Deletes schedules in Prefect that are none of ours any more, unless that would lose a due run."""
        kept = {slug_of(schedule_id) for schedule_id in keep}
        gone = [one for slug, one in self.by_slug.items() if slug.startswith(_SLUG) and slug not in kept]
        now = utc_now()
        if any(run.auto_scheduled and _is_due(run, now) for run in self.waiting):
            return 0
        for schedule in gone:
            self.client.delete_deployment_schedule(self.deployment.id, schedule.id)
        if gone:
            self._changed()
        return len(gone)

    def _changed(self) -> None:
        for read in ("deployment", "by_slug", "waiting"):
            self.__dict__.pop(read, None)
        if not self.deployment.paused:
            plan_runs(self.client, self.deployment.id)


def plan_runs(client: SyncPrefectClient, deployment_id: UUID) -> None:
    """Prefect deletes the coming runs of all schedules of a deployment when it changes one, and its scheduler
    takes up to a minute to make them anew: what falls into that minute would never run."""
    client.request("POST", "/deployments/{id}/schedule", path_params={"id": deployment_id}, json={})


def slug_of(schedule_id: UUID) -> str:
    return f"{_SLUG}{schedule_id}"


def bring_batch_schedules(client: SyncPrefectClient, database: Database) -> int:
    """Prefect is told again of what it does not know: its database is new, or we were cut off. How many.

    What somebody paused, here or there, stays so.
    """
    with database.read() as session:
        rows = session.exec(select(BatchSchedule)).all()
        planned = [row.job_id for row in rows if row.job_id]
        over = set(session.exec(select(Job.id).where(col(Job.id).in_(planned), col(Job.status).in_(OVER))))
    plans, brought = Plans(client), 0
    plans.sweep(row.id for row in rows)
    there = _known(client, planned)
    for row in rows:
        if row.paused_at is not None:
            continue
        if row.cron is not None:
            if slug_of(row.id) not in plans.by_slug:
                plans.plan(row)
                brought += 1
        elif row.last_run_at is None and row.job_id not in there | over:
            job_id = plans.plan(row, again=row.job_id is not None)
            with database.write() as session:
                session.exec(
                    update(BatchSchedule).where(col(BatchSchedule.id) == row.id).values(job_id=job_id)
                )
            brought += 1
    return brought


def _known(client: SyncPrefectClient, job_ids: list[UUID]) -> set[UUID]:
    found: set[UUID] = set()
    for start in range(0, len(job_ids), _PAGE):
        wanted = FlowRunFilter(id=FlowRunFilterId(any_=job_ids[start : start + _PAGE]))
        found |= {run.id for run in client.read_flow_runs(flow_run_filter=wanted, limit=_PAGE)}
    return found


def _is_due(run: FlowRun, now: datetime) -> bool:
    return run.next_scheduled_start_time is not None and run.next_scheduled_start_time <= now
