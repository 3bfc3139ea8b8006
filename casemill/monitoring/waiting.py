"""Why a job waits: what holds it, in a sentence, and its place in the queue."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field
from sqlmodel import Session

from casemill.models import DependencyState, Job, JobStatus, JobSubStatus
from casemill.models.job_dependency import WAITING_STATE
from casemill.monitoring.dependencies import Dependency, dependencies_of
from casemill.monitoring.durations import clock, in_words
from casemill.monitoring.serving import Holder, Place, Serving, is_taken, places, serving
from casemill.operations.job_dependencies import to_what
from casemill.settings import Settings

_ABOUT_TO_START_SECONDS = 15  # a worker asks for work every few seconds, and begins one job after the other
_ABOUT_TO_RETRY_SECONDS = 5  # later than that, its process is gone and a worker has to take it

_MOST_NAMED = 20


class WaitKind(StrEnum):
    START_TIME = "start_time"
    OTHER_JOBS = "other_jobs"
    POOL_PAUSED = "pool_paused"
    QUEUE_PAUSED = "queue_paused"
    NO_WORKER = "no_worker"
    USER_LIMIT = "user_limit"
    GLOBAL_LIMIT = "global_limit"
    WORKER_BUSY = "worker_busy"
    STARTING = "starting"
    RETRY_PAUSE = "retry_pause"


class Reason(BaseModel):
    model_config = ConfigDict(frozen=True)

    kind: WaitKind
    sentence: str = Field(description="What holds it, for people.")
    jobs: list[UUID] = Field(default=[], description="The jobs that hold what it waits for, at most 20.")


class Waiting(BaseModel):
    """Why a job waits, the most important reason first."""

    model_config = ConfigDict(frozen=True)

    reasons: list[Reason]
    place: int | None = Field(
        default=None, description="Its place in the queue, 1 is next; null when it is in no line."
    )
    ahead: int = Field(default=0, description="How many jobs come before it.")


def why_waiting(
    session: Session, settings: Settings, job: Job, now: datetime, only_of: UUID | None = None
) -> Waiting | None:
    """None when it does not wait. Reasons name jobs of `only_of` alone, if given."""
    return why_waiting_all(session, settings, [job], now, only_of).get(job.id)


def why_waiting_all(
    session: Session, settings: Settings, jobs: Iterable[Job], now: datetime, only_of: UUID | None = None
) -> dict[UUID, Waiting]:
    """Of those of the jobs that wait; six queries however many they are."""
    waiting = [job for job in jobs if waits(job)]
    if not waiting:
        return {}
    scene = serving(session, settings, (job.queue for job in waiting))
    due = [job.id for job in waiting if job.status == JobStatus.PENDING and not is_taken(job)]
    needs = dependencies_of(session, [job.id for job in waiting if waits_for_others(job)])
    return explain_all(waiting, scene, places(session, due), needs, now, only_of)


def explain_all(
    jobs: Iterable[Job],
    scene: Serving,
    known: Mapping[UUID, Place],
    needs: Mapping[UUID, Sequence[Dependency]],
    now: datetime,
    only_of: UUID | None = None,
) -> dict[UUID, Waiting]:
    """Of those of the jobs that wait, given the places of those in line, and what others wait for."""
    return {
        job.id: _for_others(needs.get(job.id, ()), only_of)
        if waits_for_others(job)
        else explain(job, scene, known.get(job.id), now, only_of)
        for job in jobs
        if waits(job)
    }


def waits(job: Job) -> bool:
    """A paused job does not wait: somebody stopped it."""
    return job.status in (JobStatus.SCHEDULED, JobStatus.PENDING) or job.sub_status == JobSubStatus.RETRYING


def waits_for_others(job: Job) -> bool:
    """No worker is given it before other jobs have ended."""
    return job.status == JobStatus.PENDING and job.state_name == WAITING_STATE


def explain(
    job: Job, scene: Serving, place: Place | None, now: datetime, only_of: UUID | None = None
) -> Waiting:
    """Decides from rows alone."""
    due_at = job.scheduled_at or job.created_at
    if is_taken(job):
        reasons = [_taken(job, now)]
    elif job.sub_status == JobSubStatus.RETRYING and (now - due_at).total_seconds() < _ABOUT_TO_RETRY_SECONDS:
        reasons = [_retry_pause(due_at, now)]
    elif due_at > now:
        said = f"Scheduled for {clock(due_at, now)}, in {in_words(due_at - now)}"
        reasons = [Reason(kind=WaitKind.START_TIME, sentence=said), *_stopped(job, scene, now)]
    else:
        reasons = [*_stopped(job, scene, now), *_limited(job, scene, place, only_of)]
        reasons = reasons or [_soon(scene, place, due_at, now)]
    overall = place.overall if place else None
    return Waiting(reasons=reasons, place=overall, ahead=overall - 1 if overall else 0)


def _for_others(needs: Sequence[Dependency], only_of: UUID | None) -> Waiting:
    left = [need for need in needs if need.state == DependencyState.WAITING]
    reasons = [_for_other(need, only_of) for need in left[:_MOST_NAMED]]
    if not left:
        said = "What it waited for is decided; the recorder lets it go on or cancels it in a moment"
        reasons = [Reason(kind=WaitKind.STARTING, sentence=said)]
    return Waiting(reasons=reasons)


def _for_other(need: Dependency, only_of: UUID | None) -> Reason:
    job = need.job
    if job is None or (only_of is not None and job.user_id != only_of):
        return Reason(kind=WaitKind.OTHER_JOBS, sentence=f"Waits for a job of others {to_what(need.on)}")
    said = f"Waits for job {job.name or job.id} {to_what(need.on)}; it is {job.sub_status or job.status}"
    return Reason(kind=WaitKind.OTHER_JOBS, sentence=said, jobs=[job.id])


def _taken(job: Job, now: datetime) -> Reason:
    who = f"Worker {job.worker}" if job.worker else "A worker"
    since = f", for {in_words(now - job.state_at)} now" if job.state_at else ""
    return Reason(kind=WaitKind.STARTING, sentence=f"{who} has it and is starting its process{since}")


def _retry_pause(due_at: datetime, now: datetime) -> Reason:
    if due_at <= now:
        return Reason(kind=WaitKind.RETRY_PAUSE, sentence="About to try again after an error")
    said = f"Pauses after an error; tries again at {clock(due_at, now)}, in {in_words(due_at - now)}"
    return Reason(kind=WaitKind.RETRY_PAUSE, sentence=said)


def _stopped(job: Job, scene: Serving, now: datetime) -> list[Reason]:
    """What holds it however many slots are free."""
    found: list[Reason] = []
    if scene.pool_paused:
        found.append(
            Reason(
                kind=WaitKind.POOL_PAUSED,
                sentence="The whole queue is paused: nothing starts until it is resumed",
            )
        )
    if scene.queue_paused(job.queue):
        whose = "The user's queue" if scene.queues[job.queue or ""].user_id else f"Queue {job.queue}"
        found.append(
            Reason(
                kind=WaitKind.QUEUE_PAUSED,
                sentence=f"{whose} is paused: its jobs wait until it is resumed",
            )
        )
    if job.queue is None:
        said = "It is in no queue that a worker asks; whoever started it has to run it"
        found.append(Reason(kind=WaitKind.NO_WORKER, sentence=said))
    elif scene.is_known and not scene.online:
        heard = scene.last_heartbeat_at
        last = (
            f"the last one was heard at {clock(heard, now)}, {in_words(now - heard)} ago"
            if heard
            else "none was ever heard"
        )
        found.append(
            Reason(kind=WaitKind.NO_WORKER, sentence=f"No worker is online: {last}. Start one to go on")
        )
    return found


def _limited(job: Job, scene: Serving, place: Place | None, only_of: UUID | None) -> list[Reason]:
    """Limits that are reached, or will be by those that come before it."""
    found: list[Reason] = []
    limit, free = scene.queue_limit(job.queue), scene.free_in_queue(job.queue)
    if limit is not None and (free == 0 or (place and place.in_queue > free)):
        holders = scene.in_queue(job.queue)
        is_users = (job.queue or "").startswith("user-")
        whose = f"The user's limit of {_jobs(limit)} at once" if is_users else f"The limit of {_jobs(limit)}"
        said = (
            f"{whose} is reached: it starts when one of them ends"
            if free == 0
            else f"{whose} will be reached by earlier jobs of the same queue"
        )
        found.append(Reason(kind=WaitKind.USER_LIMIT, sentence=said, jobs=_seen(holders, only_of)))
    free = scene.free_in_pool
    if scene.pool_limit is not None and (free == 0 or (place and place.overall > free)):
        limit = scene.pool_limit
        said = (
            f"The limit of {_jobs(limit)} at once for everybody is reached: a place has to become free"
            if free == 0
            else f"The {free} free of {limit} places for everybody go to jobs before it"
        )
        found.append(Reason(kind=WaitKind.GLOBAL_LIMIT, sentence=said, jobs=_seen(scene.in_pool, only_of)))
    return found


def _soon(scene: Serving, place: Place | None, due_at: datetime, now: datetime) -> Reason:
    waited = now - due_at
    if not scene.is_known:
        said = "Waits for a worker; whether one is online is not known yet"
        return Reason(kind=WaitKind.STARTING, sentence=said)
    if waited.total_seconds() < _ABOUT_TO_START_SECONDS:
        said = "About to start: workers ask for work every few seconds"
        return Reason(kind=WaitKind.STARTING, sentence=said)
    before = f", and starts {_jobs(place.overall - 1)} before it" if place and place.overall > 1 else ""
    said = (
        f"A place is free and {_workers(len(scene.online))} online, but none has taken it for "
        f"{in_words(waited)}: busy with what runs{before}"
    )
    return Reason(kind=WaitKind.WORKER_BUSY, sentence=said, jobs=[])


def _seen(holders: list[Holder], only_of: UUID | None) -> list[UUID]:
    seen = [holder.id for holder in holders if only_of is None or holder.user_id == only_of]
    return seen[:_MOST_NAMED]


def _jobs(count: int) -> str:
    return f"{count} job{'s' * (count != 1)}"


def _workers(count: int) -> str:
    return f"{count} worker{'s are' if count != 1 else ' is'}"
