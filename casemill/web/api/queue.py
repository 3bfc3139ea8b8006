"""The queue at a glance."""

from collections.abc import Iterable
from datetime import datetime
from typing import Annotated, Self
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field
from sqlmodel import Session, col, select

from casemill.access.actor import Actor
from casemill.access.users import names_of
from casemill.errors import NotFound
from casemill.local.host import HostMeter
from casemill.models import Alert, Job, Severity, WorkQueue
from casemill.models.columns import utc_now
from casemill.monitoring.dependencies import dependencies_of
from casemill.monitoring.last_cleanup import last_cleanup
from casemill.monitoring.queue_summary import QueueLoad, counts, jobs_in_order, light_of, load_by_queue
from casemill.monitoring.serving import Serving, line_up, serving
from casemill.monitoring.waiting import Waiting, explain_all, waits_for_others
from casemill.operations.limits import limits_in_force
from casemill.settings import Settings
from casemill.web.api.retention import ShownCleanup
from casemill.web.api.workers import ShownLight, ShownWorker
from casemill.web.deps import GivenWorkspace, Viewer
from casemill.web.shown_jobs import ShownJob, title_of

router = APIRouter(tags=["queue"])

_MOST_JOBS = 100
_HOST = HostMeter()


class ShownCounts(BaseModel):
    """Jobs by status. Cancelling and retrying ones are among the running."""

    model_config = ConfigDict(from_attributes=True)

    pending: int
    running: int
    scheduled: int
    paused: int
    completed: int
    failed: int
    cancelled: int
    total: int
    cancelling: int
    retrying: int


class ShownHost(BaseModel):
    """The host that answers this request."""

    model_config = ConfigDict(from_attributes=True)

    cpu_percent: float = Field(description="100 when all cores are busy.")
    cores: int
    memory_used: int = Field(description="Bytes.")
    memory_total: int


class ShownLimit(BaseModel):
    limit: int
    used: int = Field(description="How much of it is in use now.")


class ShownLimits(BaseModel):
    """used of jobs_per_user is by the user who asks."""

    jobs_at_once: ShownLimit
    jobs_per_user: ShownLimit
    job_seconds: int
    result_seconds: int


class ShownQueue(BaseModel):
    name: str
    user_id: UUID | None
    user_name: str | None = Field(description="Null for the queue of nobody in particular.")
    paused: bool
    concurrency_limit: int | None
    priority: int = Field(description="1 is served first.")
    running: int = Field(description="How many of its jobs hold a place.")
    waiting: int = Field(description="How many of its jobs are due and wait.")

    @classmethod
    def of(cls, queue: WorkQueue, user_name: str | None, load: QueueLoad) -> Self:
        return cls(
            name=queue.name,
            user_id=queue.user_id,
            user_name=user_name,
            paused=queue.paused,
            concurrency_limit=queue.concurrency_limit,
            priority=queue.priority,
            running=load.running,
            waiting=load.waiting,
        )


class JobInQueue(BaseModel):
    job: ShownJob
    waiting: Waiting | None = Field(description="Why it waits; null for a job that runs.")


class ShownAlert(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    key: str
    severity: Severity
    message: str
    since: datetime


class QueueSummary(BaseModel):
    counts: ShownCounts
    workers: ShownLight
    worker_list: list[ShownWorker]
    host: ShownHost
    limits: ShownLimits
    paused: bool = Field(description="Whether the whole queue is paused: nothing starts.")
    queues: list[ShownQueue]
    jobs: list[JobInQueue] = Field(
        description="Those that run, then those that wait in the order in which they will start, then those "
        f"of later and those that wait for other jobs; at most {_MOST_JOBS}."
    )
    jobs_total: int = Field(description="How many run, wait and are scheduled.")
    names: dict[UUID, str] = Field(description="Of the jobs that the reasons for waiting point to.")
    last_cleanup: ShownCleanup | None
    alerts: list[ShownAlert]


@router.get("/queue")
def show_queue(
    workspace: GivenWorkspace,
    actor: Viewer,
    user: Annotated[UUID | None, Query(description="Count and list only the jobs of this user.")] = None,
) -> QueueSummary:
    """Jobs are counted and listed as far as one sees them; places in the queue are among everybody's."""
    if user is not None and not actor.sees(user):
        raise NotFound(
            f"No user {user} among those whose jobs you can see; your own are ?user={actor.user_id}"
        )
    now, only_of = utc_now(), user or actor.only_of
    with workspace.database.read() as session:
        counted = counts(session, only_of)
        line = line_up(session, _MOST_JOBS, only_of)
        jobs = jobs_in_order(session, line, _MOST_JOBS, only_of)
        scene = serving(session, workspace.settings, (job.queue for job in jobs))
        needs = dependencies_of(session, [job.id for job in jobs if waits_for_others(job)])
        waiting = explain_all(jobs, scene, line.places, needs, now, actor.only_of)
        cleanup = last_cleanup(session)
        return QueueSummary(
            counts=ShownCounts.model_validate(counted),
            workers=ShownLight.model_validate(light_of(session, scene, line.turn, now)),
            worker_list=[ShownWorker.of(worker, now) for worker in scene.workers],
            host=ShownHost.model_validate(_HOST.read()),
            limits=_limits(session, workspace.settings, scene, actor),
            paused=scene.pool_paused,
            queues=_queues(session, actor),
            jobs=[JobInQueue(job=ShownJob.of(job), waiting=waiting.get(job.id)) for job in jobs],
            jobs_total=counted.running + counted.pending + counted.scheduled,
            names=_names(session, waiting.values()),
            last_cleanup=ShownCleanup.of(cleanup),
            alerts=_alerts(session, actor),
        )


def _limits(session: Session, settings: Settings, scene: Serving, actor: Actor) -> ShownLimits:
    limits = limits_in_force(session, settings)
    mine = sum(holder.user_id == actor.user_id for holder in scene.holders)
    return ShownLimits(
        jobs_at_once=ShownLimit(limit=limits.jobs_at_once, used=len(scene.in_pool)),
        jobs_per_user=ShownLimit(limit=limits.jobs_per_user, used=mine),
        job_seconds=limits.job_seconds,
        result_seconds=limits.result_seconds,
    )


def _queues(session: Session, actor: Actor) -> list[ShownQueue]:
    """Those of nobody in particular, and of whose jobs one sees."""
    query = select(WorkQueue).where(~col(WorkQueue.is_pool)).order_by(col(WorkQueue.priority), WorkQueue.name)
    rows = [row for row in session.exec(query) if row.user_id is None or actor.sees(row.user_id)]
    names = names_of(session, {row.user_id for row in rows if row.user_id})
    loads = load_by_queue(session)
    return [
        ShownQueue.of(row, names.get(row.user_id) if row.user_id else None, loads.get(row.name, QueueLoad()))
        for row in rows
    ]


def _names(session: Session, waiting: Iterable[Waiting]) -> dict[UUID, str]:
    ids = {job_id for each in waiting for reason in each.reasons for job_id in reason.jobs}
    rows = session.exec(select(Job.id, Job.name, Job.flow_name).where(col(Job.id).in_(ids)))
    return {job_id: title_of(job_id, name, flow_name) for job_id, name, flow_name in rows}


def _alerts(session: Session, actor: Actor) -> list[ShownAlert]:
    """The worst first, then the newest; not those about a single job that one does not see."""
    rows = session.exec(select(Alert).order_by(col(Alert.since).desc())).all()
    about = {alert.key: job_id for alert in rows if (job_id := _job_in(alert.key))}
    owners = dict(session.exec(select(Job.id, Job.user_id).where(col(Job.id).in_(about.values()))).all())
    seen = [row for row in rows if row.key not in about or actor.sees(owners.get(about[row.key]))]
    seen.sort(key=lambda alert: list(Severity).index(alert.severity), reverse=True)
    return [ShownAlert.model_validate(alert) for alert in seen]


def _job_in(key: str) -> UUID | None:
    try:
        return UUID(key.partition(":")[2])
    except ValueError:
        return None
