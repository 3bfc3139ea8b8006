"""The whole queue at a glance: how many jobs are where, who works, and what comes next."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import case, func
from sqlmodel import Session, col, select

from casemill.models import OVER, Job, JobStatus, JobSubStatus, RecorderMark
from casemill.models.recorder_mark import THE_RECORDER
from casemill.monitoring.serving import (
    TAKEN,
    Line,
    Serving,
    Turn,
    holds_slot,
    jobs_held,
    jobs_in,
    waits_for_jobs,
    waits_for_slot,
)
from casemill.monitoring.worker_light import LONG_WAIT, Light, Load, worker_light


@dataclass(frozen=True, slots=True)
class Counts:
    """Jobs by status; cancelling and retrying ones are among the running, crashed among the failed."""

    pending: int = 0
    running: int = 0
    scheduled: int = 0
    paused: int = 0
    completed: int = 0
    failed: int = 0
    cancelled: int = 0
    total: int = 0
    cancelling: int = 0
    retrying: int = 0


@dataclass(frozen=True, slots=True)
class QueueLoad:
    """running hold a place, as those do that a worker is starting; waiting are due."""

    running: int = 0
    waiting: int = 0


def counts(session: Session, only_of: UUID | None) -> Counts:
    """From indexes alone, whatever their number: of everybody's jobs, or one user's."""
    mine = () if only_of is None else (Job.user_id == only_of,)
    by_status = dict(session.exec(select(Job.status, func.count()).where(*mine).group_by(Job.status)).all())
    by_sub_status = dict(
        session.exec(
            select(Job.sub_status, func.count())
            .where(Job.status == JobStatus.RUNNING, *mine)  # few: they hold slots
            .group_by(col(Job.sub_status))
        ).all()
    )
    return Counts(
        **{status.value: by_status.get(status, 0) for status in JobStatus},
        total=sum(by_status.values()),
        cancelling=by_sub_status.get(JobSubStatus.CANCELLING, 0),
        retrying=by_sub_status.get(JobSubStatus.RETRYING, 0),
    )


def load_by_queue(session: Session) -> dict[str | None, QueueLoad]:
    """Of queues in which something waits or runs."""
    taken: Any = func.count(case((holds_slot(), 1)))
    waiting: Any = func.count(case((waits_for_slot(), 1)))
    rows = session.exec(
        select(Job.queue, taken, waiting)
        .where(col(Job.status).in_((JobStatus.RUNNING, JobStatus.PENDING)))
        .group_by(col(Job.queue))
    )
    return {queue: QueueLoad(running, waits) for queue, running, waits in rows}


def jobs_in_order(session: Session, line: Line, at_most: int, only_of: UUID | None) -> Sequence[Job]:
    """Those that run, then those that wait as they will be served, those held, those of later, those that
    wait for others."""
    mine = () if only_of is None else (Job.user_id == only_of,)
    running = select(Job).where(Job.status == JobStatus.RUNNING, *mine)
    found = list(session.exec(running.order_by(col(Job.started_at), col(Job.id)).limit(at_most)))
    taken = select(Job).where(Job.status == JobStatus.PENDING, col(Job.state_name).in_(TAKEN), *mine)
    found += session.exec(taken.order_by(col(Job.state_at), col(Job.id)).limit(at_most)).all()
    found += jobs_in(session, line)
    found += jobs_held(session, at_most, only_of)
    later = select(Job).where(Job.status == JobStatus.SCHEDULED, *mine)
    found += session.exec(later.order_by(col(Job.scheduled_at), col(Job.id)).limit(at_most)).all()
    dependent = select(Job).where(waits_for_jobs(), *mine)
    found += session.exec(dependent.order_by(col(Job.created_at), col(Job.id)).limit(at_most)).all()
    return found[:at_most]


def light_of(session: Session, scene: Serving, turn: Turn, now: datetime) -> Light:
    mark = session.get(RecorderMark, THE_RECORDER)
    load = load_of(session, scene, turn, now)
    return worker_light(scene.workers, load, mark.seen_at if mark else None, now)


def load_of(session: Session, scene: Serving, turn: Turn, now: datetime) -> Load:
    return Load(
        running=len(scene.in_pool),
        limit=scene.pool_limit,
        waiting=turn.waiting,
        grown_by=_grown_by(session, now) if turn.waiting else 0,
        longest_wait=now - turn.oldest_due_at if turn.oldest_due_at else None,
        pool_paused=scene.pool_paused,
    )


def _grown_by(session: Session, now: datetime) -> int:
    """Those that came in the last minutes and still wait, less those that waited before and were begun."""
    since = now - LONG_WAIT
    due = func.coalesce(col(Job.scheduled_at), col(Job.created_at))
    came = select(func.count()).select_from(Job).where(waits_for_slot(), due > since)
    begun_then = (col(Job.started_at) > since, due <= since)
    running = select(func.count()).select_from(Job).where(Job.status == JobStatus.RUNNING, *begun_then)
    ended = (
        select(func.count())
        .select_from(Job)
        .where(col(Job.status).in_(OVER), col(Job.finished_at) > since, *begun_then)
    )
    return session.exec(came).one() - session.exec(running).one() - session.exec(ended).one()
