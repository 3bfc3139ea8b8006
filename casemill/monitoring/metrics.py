"""Figures for Prometheus, counted in our tables when they are asked for."""

import time
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from threading import Lock
from typing import cast

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from sqlalchemy import func
from sqlmodel import Session, col, select

from casemill.models import (
    Alert,
    Job,
    JobEvent,
    JobStatus,
    RecorderMark,
    Severity,
    TaskAttempt,
    Worker,
    WorkQueue,
)
from casemill.models.columns import utc_now
from casemill.models.recorder_mark import THE_RECORDER
from casemill.monitoring.serving import waits_for_jobs
from casemill.operations.document_pipeline import MODELS
from casemill.operations.limits import limits_in_force
from casemill.settings import Settings
from casemill.workspace import Workspace

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_KEPT_SECONDS = 5.0
_DAY = timedelta(hours=24)


class Metrics:
    """The text of all metrics. Counted at most every five seconds, whoever asks."""

    def __init__(self, workspace: Workspace) -> None:
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(_Counted(workspace))
        self._lock = Lock()
        self._text = b""
        self._until = 0.0

    def text(self) -> bytes:
        with self._lock:
            if time.monotonic() >= self._until:
                self._text = generate_latest(self._registry)
                self._until = time.monotonic() + _KEPT_SECONDS
            return self._text


class _Counted(Collector):
    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace

    def collect(self) -> Iterable[Metric]:
        with self._workspace.database.read() as session:
            return list(_metrics(session, self._workspace.settings, utc_now()))

    def describe(self) -> Iterable[Metric]:
        """Nothing: registering must not ask the database."""
        return ()


def _metrics(session: Session, settings: Settings, now: datetime) -> Iterator[Metric]:
    yield from (
        _jobs(session),
        _attempts(session, now),
        _waiting(session, now),
        _documents(session),
        _workers(session),
        _queues(session),
        _limits(session, settings),
        _alerts(session),
    )
    yield from _recorder(session, now)


def _jobs(session: Session) -> Metric:
    counted = select(Job.status, Job.type, func.count()).group_by(col(Job.status), col(Job.type))
    return _family(
        "casemill_jobs", "Jobs by status and type.", ["status", "type"], session.exec(counted).all()
    )


def _attempts(session: Session, now: datetime) -> Metric:
    counted = (
        select(TaskAttempt.function, TaskAttempt.status, func.count())
        .where(col(TaskAttempt.finished_at) > now - _DAY)
        .group_by(col(TaskAttempt.function), col(TaskAttempt.status))
    )
    return _family(
        "casemill_attempts_last_day",
        "Attempts of tasks that finished in the last 24 hours, by function and status.",
        ["function", "status"],
        session.exec(counted).all(),
    )


def _waiting(session: Session, now: datetime) -> Metric:
    due = func.min(func.coalesce(Job.scheduled_at, Job.created_at))
    oldest: datetime | None = session.exec(
        select(due).where(Job.status == JobStatus.PENDING, ~waits_for_jobs())
    ).one()
    waited = max((now - oldest).total_seconds(), 0.0) if oldest else 0.0
    return _family(
        "casemill_waiting_oldest_seconds",
        "How long the job that is pending longest has been due, of those that wait for no job; 0 if none is.",
        [],
        [(waited,)],
    )


def _documents(session: Session) -> Metric:
    rows: list[tuple[str, str, int]] = []
    for kind, model in MODELS.items():
        counted = select(model.processing_status, func.count()).group_by(col(model.processing_status))
        rows.extend((kind, status, count) for status, count in session.exec(counted))
    return _family("casemill_documents", "Documents by kind and status.", ["kind", "status"], rows)


def _workers(session: Session) -> Metric:
    online = session.exec(select(func.count()).select_from(Worker).where(col(Worker.online))).one()
    return _family("casemill_workers_online", "Workers that are online.", [], [(online,)])


def _queues(session: Session) -> Metric:
    rows = [
        ("pool" if is_pool else "queue", name, float(paused))
        for name, is_pool, paused in session.exec(
            select(WorkQueue.name, WorkQueue.is_pool, WorkQueue.paused).order_by(WorkQueue.name)
        )
    ]
    return _family(
        "casemill_queue_paused", "1 where the queue, or the whole pool, is paused.", ["kind", "name"], rows
    )


def _limits(session: Session, settings: Settings) -> Metric:
    limits = limits_in_force(session, settings)
    rows = [(name, getattr(limits, name)) for name in limits.__dataclass_fields__]
    return _family("casemill_limit", "Limits in force.", ["name"], rows)


def _alerts(session: Session) -> Metric:
    counted = dict(session.exec(select(Alert.severity, func.count()).group_by(col(Alert.severity))).all())
    rows = [(severity, counted.get(severity, 0)) for severity in Severity]
    return _family("casemill_alerts", "Alerts by severity.", ["severity"], rows)


def _recorder(session: Session, now: datetime) -> Iterator[Metric]:
    mark = session.get(RecorderMark, THE_RECORDER)
    if mark is not None and mark.seen_at is not None:
        age = (now - mark.seen_at).total_seconds()
        yield _family(
            "casemill_recorder_age_seconds", "Since the recorder's last sign of life.", [], [(age,)]
        )
    newest = session.exec(select(JobEvent).order_by(col(JobEvent.id).desc()).limit(1)).first()
    if newest is not None:
        lag = (newest.recorded_at - newest.occurred_at).total_seconds()
        yield _family(
            "casemill_feed_lag_seconds", "Between the newest change and its being recorded.", [], [(lag,)]
        )


def _family(name: str, help_: str, labels: list[str], rows: Iterable[tuple[object, ...]]) -> Metric:
    family = GaugeMetricFamily(name, help_, labels=labels)
    add: Callable[[list[str], float], None] = family.add_metric
    for *values, figure in rows:
        add([str(value) for value in values], float(cast(float, figure)))
    return family
