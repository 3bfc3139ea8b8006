"""One action for many jobs, named or found by a filter. Each job's own refusal is part of the answer."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from enum import StrEnum
from functools import partial
from uuid import UUID

from sqlmodel import Session, col, select

from casemill.access.actor import Actor
from casemill.access.audit import audited
from casemill.models import NOT_OVER, OVER, Job, JobStatus, JobSubStatus
from casemill.monitoring import job_controls
from casemill.monitoring.cancel_many import cancelling
from casemill.monitoring.each_job import JobResult, each_job
from casemill.monitoring.job_queries import JobFilter, matching_ids
from casemill.workspace import Workspace

_PORTION = 500  # ids in one question: databases take a bounded number
_WAITING = (JobStatus.SCHEDULED, JobStatus.PENDING)


class BulkAction(StrEnum):
    CANCEL = "cancel"
    PAUSE = "pause"
    RESUME = "resume"
    RETRY = "retry"
    RESTART = "restart"
    DELETE = "delete"


@dataclass(frozen=True, slots=True)
class _Way:
    """Of which statuses an action makes sense, how it is done, and what is said then."""

    of: tuple[JobStatus, ...]
    do: Callable[[Workspace, UUID], None]
    done: str
    not_of: tuple[JobSubStatus, ...] = ()


_WAYS = {
    BulkAction.CANCEL: _Way(
        NOT_OVER, job_controls.cancel, "Asked to cancel", not_of=(JobSubStatus.CANCELLING,)
    ),
    BulkAction.PAUSE: _Way(
        (*_WAITING, JobStatus.RUNNING),
        job_controls.pause,
        "Asked to pause",
        not_of=(JobSubStatus.CANCELLING, JobSubStatus.RETRYING),
    ),
    BulkAction.RESUME: _Way(
        (JobStatus.PAUSED,), job_controls.resume, "Goes on", not_of=(JobSubStatus.PAUSING,)
    ),
    BulkAction.RETRY: _Way((JobStatus.FAILED, JobStatus.CANCELLED), job_controls.retry, "Tried again"),
    BulkAction.RESTART: _Way(OVER, job_controls.restart, "Started from scratch"),
    BulkAction.DELETE: _Way(OVER, job_controls.delete, "Deleted"),
}


@dataclass(frozen=True, slots=True)
class Found:
    """A job as it was recorded when the action began; status is None for none that the actor sees."""

    job_id: UUID
    status: JobStatus | None
    sub_status: JobSubStatus | None = None

    @property
    def word(self) -> str:
        return str(self.sub_status or self.status)


@dataclass(slots=True)
class Bulk:
    """What an action would do to these jobs."""

    action: BulkAction
    found: list[Found]
    matched: Counter[JobStatus] = field(default_factory=Counter[JobStatus])
    applicable: Counter[JobStatus] = field(default_factory=Counter[JobStatus])

    def __post_init__(self) -> None:
        for job in self.found:
            if job.status:
                self.matched[job.status] += 1
                self.applicable[job.status] += makes_sense(self.action, job)


def find_by_ids(session: Session, actor: Actor, action: BulkAction, ids: Sequence[UUID]) -> Bulk:
    """Each once, in the order given. Jobs of others are not there."""
    wanted = list(dict.fromkeys(ids))
    known = {job.job_id: job for job in _recorded(session, wanted, actor.only_of)}
    return Bulk(action, [known.get(job_id) or Found(job_id, None) for job_id in wanted])


def find_by_filter(session: Session, action: BulkAction, wanted: JobFilter) -> Bulk:
    """All that match, however many; whose jobs may be seen is part of the filter."""
    ids = matching_ids(session, wanted)
    known = {job.job_id: job for job in _recorded(session, ids, None)}
    return Bulk(action, [known[job_id] for job_id in reversed(ids) if job_id in known])


def makes_sense(action: BulkAction, job: Found) -> bool:
    way = _WAYS[action]
    return job.status in way.of and job.sub_status not in way.not_of


def act_on_all(workspace: Workspace, actor: Actor, bulk: Bulk) -> Iterator[JobResult]:
    """One result a job, as it comes; an audit record for each that was changed.

    Oldest first; of those to be cancelled, what waits before what runs, whose places it would take.
    """
    ready: list[UUID] = []
    for job in sorted(bulk.found, key=_runs):
        if makes_sense(bulk.action, job):
            ready.append(job.job_id)
        elif job.status is None:
            yield JobResult(job.job_id, False, f"No job {job.job_id} among those you can see")
        else:
            yield JobResult(job.job_id, False, f"It is {job.word}; there is nothing to {bulk.action}")
    way = _WAYS[bulk.action]
    with _acting(workspace, bulk.action) as act:
        yield from each_job(ready, partial(_do, workspace, actor, bulk.action, act), way.done)


def _runs(job: Found) -> bool:
    return job.status not in _WAITING


def _acting(workspace: Workspace, action: BulkAction) -> AbstractContextManager[Callable[[UUID], None]]:
    if action == BulkAction.CANCEL:
        return cancelling(workspace)
    return nullcontext(partial(_WAYS[action].do, workspace))


def _do(
    workspace: Workspace, actor: Actor, action: BulkAction, act: Callable[[UUID], None], job_id: UUID
) -> None:
    act(job_id)
    with audited(workspace.database, actor, f"job.{action}", f"job:{job_id}") as detail:
        detail["bulk"] = True


def _recorded(session: Session, ids: Sequence[UUID], only_of: UUID | None) -> Iterator[Found]:
    for start in range(0, len(ids), _PORTION):
        query = select(Job.id, Job.status, Job.sub_status).where(
            col(Job.id).in_(ids[start : start + _PORTION])
        )
        if only_of is not None:
            query = query.where(Job.user_id == only_of)
        for job_id, status, sub_status in session.exec(query).all():
            yield Found(job_id, JobStatus(status), JobSubStatus(sub_status) if sub_status else None)
