"""What is wrong now: raised when it begins, gone when it is over."""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import func
from sqlmodel import Session, col, select

from casemill.db import Database
from casemill.models import Alert, FeedKind, Job, JobEvent, JobStatus, JobSubStatus, Severity, WorkQueue
from casemill.models.columns import utc_now
from casemill.monitoring.durations import in_words
from casemill.monitoring.serving import Serving, overdue_jobs, serving, taken_before, waits_for_slot
from casemill.settings import Settings

LONG_WAIT = timedelta(minutes=15)
RECENT = timedelta(hours=1)
_MANY_FAILURES = 5
_SETTLED = timedelta(seconds=30)  # a crashed job that is begun again is so within that
_LITTLE_SPACE = 0.05  # of the disk
_LITTLE_BYTES = 2 << 30
_NO_SPACE_BYTES = 500 << 20

NO_WORKER, WAITS, GIVEN_UP, DISK = "no-worker", "waits-long", "given-up", "disk-full"
_PAUSED, _FAILING = _PREFIXES = ("queue-paused:", "failing:")
_KEYS = (NO_WORKER, WAITS, GIVEN_UP, DISK)


@dataclass(frozen=True, slots=True)
class Wrong:
    severity: Severity
    message: str


@dataclass(frozen=True, slots=True)
class Space:
    """Of the disk that holds our data, in bytes."""

    free: int
    total: int


@dataclass(frozen=True)
class Facts:
    """What the alerts are decided from. waiting_in counts jobs that wait by queue."""

    scene: Serving
    running: int = 0
    waiting_in: Mapping[str | None, int] | None = None
    paused_queues: Mapping[str, bool] | None = None  # by name, whether it is a user's
    long_waiting: int = 0  # that only a worker could let go
    given_up: int = 0
    failing: Mapping[str, tuple[int, str]] | None = None  # by fingerprint: how many jobs, which error
    space: Space | None = None


class Alerts:
    """Keeps our rows of the table to what is wrong; rows that others raise are left alone."""

    def __init__(self, database: Database, settings: Settings) -> None:
        self._database = database
        self._settings = settings

    def watch_for_trouble(self) -> None:
        now = utc_now()
        with self._database.read() as session:
            wrong = find_wrong(gather(session, self._settings, space_of(self._settings.home), now))
            if not is_news(session, wrong):  # nothing new is the rule, and a writer keeps others waiting
                return
        with self._database.write() as session:
            keep(session, wrong, now)


def find_wrong(facts: Facts) -> dict[str, Wrong]:
    """By key. Decides from facts alone."""
    found: dict[str, Wrong] = {}
    scene, waiting = facts.scene, facts.waiting_in or {}
    total = sum(waiting.values())
    if scene.is_known and not scene.online and (total or facts.running):
        held = (
            f"{_jobs(total, 'wait')}" if total else f"what is shown as running has nobody ({facts.running})"
        )
        said = f"No worker is online, and {held}; start one"
        found[NO_WORKER] = Wrong(Severity.CRITICAL, said)
    if scene.pool_paused and total:
        said = f"The whole queue is paused, and {_jobs(total, 'wait')} until it is resumed"
        found[f"{_PAUSED}all"] = Wrong(Severity.WARNING, said)
    for name, is_users in (facts.paused_queues or {}).items():
        if count := waiting.get(name, 0):
            whose = "A user's queue" if is_users else f"Queue {name}"
            said = f"{whose} is paused, and {_jobs(count, 'wait')} until it is resumed"
            found[f"{_PAUSED}{name}"] = Wrong(Severity.WARNING, said)
    if facts.long_waiting:
        said = (
            f"{_jobs(facts.long_waiting, 'wait')} for a worker longer than {in_words(LONG_WAIT)}, though no "
            "limit and no pause holds them; see whether the worker is well"
        )
        found[WAITS] = Wrong(Severity.WARNING, said)
    if facts.given_up:
        said = f"{_crashed(facts.given_up)} within the last hour and were given up; retry what is worth it"
        found[GIVEN_UP] = Wrong(Severity.WARNING, said)
    for fingerprint, (count, error) in (facts.failing or {}).items():
        said = f"{count} jobs failed with the same error within the last hour: {error}"
        found[f"{_FAILING}{fingerprint}"] = Wrong(Severity.WARNING, said)
    if facts.space and (disk := _disk(facts.space)):
        found[DISK] = disk
    return found


def gather(session: Session, settings: Settings, space: Space | None, now: datetime) -> Facts:
    scene = serving(session, settings)
    waiting_in = dict(
        session.exec(select(Job.queue, func.count()).where(waits_for_slot()).group_by(col(Job.queue))).all()
    )
    paused = session.exec(select(WorkQueue).where(col(WorkQueue.paused), ~col(WorkQueue.is_pool))).all()
    failed = (Job.status == JobStatus.FAILED, col(Job.finished_at) > now - RECENT)
    given_up = (
        select(func.count())
        .select_from(Job)
        .where(*failed, Job.sub_status == JobSubStatus.CRASHED, col(Job.finished_at) < now - _SETTLED)
    )
    failing = (
        select(Job.error_fingerprint, func.count(), func.max(Job.error_type))
        .where(*failed, col(Job.error_fingerprint).is_not(None))
        .group_by(col(Job.error_fingerprint))
        .having(func.count() >= _MANY_FAILURES)
    )
    stuck = select(func.count()).select_from(Job).where(taken_before(now - LONG_WAIT))
    overdue = overdue_jobs(session, scene, now - LONG_WAIT) if waiting_in else 0
    return Facts(
        scene=scene,
        running=len(scene.holders),
        waiting_in=waiting_in,
        paused_queues={queue.name: queue.user_id is not None for queue in paused},
        long_waiting=session.exec(stuck).one() + overdue,
        given_up=session.exec(given_up).one(),
        failing={
            key: (count, kind or "of no known kind") for key, count, kind in session.exec(failing) if key
        },
        space=space,
    )


def is_news(session: Session, wrong: Mapping[str, Wrong]) -> bool:
    shown = {alert.key: Wrong(alert.severity, alert.message) for alert in _ours(session)}
    return shown != wrong


def keep(session: Session, wrong: Mapping[str, Wrong], now: datetime) -> None:
    """Our rows become these. The feed tells of what begins and what is over, not of other numbers in it."""
    shown = {alert.key: alert for alert in _ours(session)}
    for key, alert in shown.items():
        if key not in wrong:
            session.delete(alert)
            _tell(session, alert, now, is_over=True)
    for key, found in wrong.items():
        alert = shown.get(key)
        if alert is None:
            session.add(alert := Alert(key=key, severity=found.severity, message=found.message, since=now))
            _tell(session, alert, now, is_over=False)
        alert.severity, alert.message = found.severity, found.message


def space_of(folder: Path) -> Space | None:
    try:
        usage = shutil.disk_usage(folder)
    except OSError:
        return None
    return Space(usage.free, usage.total)


def _ours(session: Session) -> list[Alert]:
    alerts = session.exec(select(Alert))
    return [alert for alert in alerts if alert.key in _KEYS or alert.key.startswith(_PREFIXES)]


def _disk(space: Space) -> Wrong | None:
    if space.free >= min(_LITTLE_SPACE * space.total, _LITTLE_BYTES):
        return None
    severity = Severity.CRITICAL if space.free < _NO_SPACE_BYTES else Severity.WARNING
    said = f"The disk that holds Casemill's data has {space.free >> 20} MB left; make room before it is full"
    return Wrong(severity, said)


def _tell(session: Session, alert: Alert, now: datetime, *, is_over: bool) -> None:
    data: dict[str, Any] = {
        "key": alert.key,
        "severity": alert.severity,
        "message": alert.message,
        "since": alert.since.isoformat(),
        "over": is_over,
    }
    session.add(JobEvent(kind=FeedKind.ALERT, occurred_at=now, data=data))


def _crashed(count: int) -> str:
    return f"{count} job{'s' * (count != 1)} crashed"


def _jobs(count: int, verb: str) -> str:
    """Such as "1 job waits", "3 jobs wait"."""
    return f"{count} job {verb}s" if count == 1 else f"{count} jobs {verb}"
