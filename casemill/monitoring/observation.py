"""Pool, queues and workers as Prefect has them, taken over into our rows."""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas import objects as prefects
from prefect.exceptions import ObjectNotFound
from sqlalchemy import delete
from sqlmodel import Session, col, select

from casemill.db import Database
from casemill.local.host import TreeMeter, TreeUse
from casemill.models import FeedKind, Job, JobEvent, JobStatus, Worker, WorkQueue
from casemill.models.columns import utc_now
from casemill.monitoring.jobs import USER_QUEUE
from casemill.monitoring.recorded_json import storable
from casemill.settings import Settings

_PAGE = 200  # the most Prefect returns at once
_QUIET_SECONDS = 8.0
_LIVE = (JobStatus.PENDING, JobStatus.RUNNING)
_CPU_STEP = 5.0  # percent of a core: less than that is no news
_MEMORY_STEP = 0.05  # of what it had

_QUEUE_COLUMNS = ("is_pool", "user_id", "paused", "concurrency_limit", "priority")

Row = Worker | WorkQueue
T = TypeVar("T")


class Observer:
    """Looks at Prefect's pool, and at the processes of this host's worker; writes what is new."""

    def __init__(self, client: SyncPrefectClient, database: Database, settings: Settings) -> None:
        self._client = client
        self._database = database
        self._pool = settings.work_pool
        self._local_worker = settings.local_worker
        self._seen: list[Row] | None = None
        self._not_before = 0.0
        self._meter = TreeMeter(settings.local_worker, "CASEMILL_HOME", str(settings.home))

    def observe(self) -> None:
        """To be called every few seconds; while nothing waits or runs, every other time is enough."""
        with self._database.read() as session:
            is_quiet = session.exec(select(Job.id).where(col(Job.status).in_(_LIVE)).limit(1)).first() is None
            known = [*session.exec(select(WorkQueue)), *session.exec(select(Worker))]
        if is_quiet and time.monotonic() < self._not_before:
            return
        self._not_before = time.monotonic() + _QUIET_SECONDS
        seen = self._look()
        news = compared(known, seen)
        # Who pauses a queue shows so at once, in our rows: the feed goes by what was seen of Prefect
        told = news.told if self._seen is None else compared(self._seen, seen).told
        if news.changed or news.gone or told:  # nothing new is the rule, and a writer keeps others waiting
            with self._database.write() as session:
                write(session, News(news.changed, news.gone, told), utc_now())
        self._seen = seen

    def _look(self) -> list[Row]:
        """A pool that Prefect does not know has no queues and no workers."""
        try:
            pool = self._client.read_work_pool(self._pool)
            queues = _all(lambda at: self._client.read_work_queues(self._pool, limit=_PAGE, offset=at))
            workers = _all(
                lambda at: self._client.read_workers_for_work_pool(self._pool, limit=_PAGE, offset=at)
            )
        except ObjectNotFound:
            return []
        use = {self._local_worker: self._meter.read()}
        return [
            _pool(pool),
            *(_queue(queue) for queue in queues if queue.name != self._pool),
            *(_worker(worker, use.get(worker.name)) for worker in workers),
        ]


@dataclass(frozen=True, slots=True)
class News:
    """Rows that are new or not as they were, rows that are gone, and what the feed is to say of both."""

    changed: list[Row]
    gone: list[Row]
    told: list[dict[str, Any]]


def compared(known: Iterable[Row], seen: Iterable[Row]) -> News:
    """What differs. A queue's coming is no news to people: it comes with its user; that of a worker is."""
    before = {(type(row), row.name): row for row in known}
    news = News([], [], [])
    for row in seen:
        old = before.pop((type(row), row.name), None)
        if isinstance(row, Worker):
            was = old if isinstance(old, Worker) else None
            if was is None or _differs(was, row, "online", "last_heartbeat_at") or _uses_other(was, row):
                news.changed.append(row)
            if row.online != (was is not None and was.online):
                news.told.append(_told_worker(row, row.online))
        elif old is None or _differs(old, row, *_QUEUE_COLUMNS):
            news.changed.append(row)
            if old is not None and _differs(old, row, "paused", "concurrency_limit"):
                news.told.append(_told_queue(row))
    for old in before.values():
        news.gone.append(old)
        if isinstance(old, Worker) and old.online:
            news.told.append(_told_worker(old, False))
    return news


def write(session: Session, news: News, now: datetime) -> None:
    for row in news.changed:
        row.recorded_at = now
        if isinstance(row, Worker) and (known := session.get(Worker, row.name)):
            row.health, row.health_at = known.health, known.health_at  # it tells those itself
        session.merge(row)
    for row in news.gone:
        model = type(row)
        session.exec(delete(model).where(col(model.name) == row.name))
    session.add_all(JobEvent(kind=FeedKind.WORKER, occurred_at=now, data=data) for data in news.told)


def _queue(found: prefects.WorkQueue) -> WorkQueue:
    return WorkQueue(
        name=storable(found.name),
        user_id=_user(found.name),
        paused=found.is_paused,
        concurrency_limit=found.concurrency_limit,
        priority=found.priority,
    )


def _pool(found: prefects.WorkPool) -> WorkQueue:
    return WorkQueue(
        name=storable(found.name),
        is_pool=True,
        paused=found.is_paused,
        concurrency_limit=found.concurrency_limit,
    )


def _worker(found: prefects.Worker, use: TreeUse | None) -> Worker:
    return Worker(
        name=storable(found.name),
        online=found.status == "ONLINE",
        last_heartbeat_at=found.last_heartbeat_time,
        cpu_percent=None if use is None or use.cpu_percent is None else round(use.cpu_percent, 1),
        memory_bytes=use.memory_bytes if use else None,
    )


def _user(queue: str) -> UUID | None:
    try:
        return UUID(queue.removeprefix(USER_QUEUE)) if queue.startswith(USER_QUEUE) else None
    except ValueError:
        return None


def _differs(before: object, after: object, *names: str) -> bool:
    return any(getattr(before, name) != getattr(after, name) for name in names)


def _uses_other(before: Worker, after: Worker) -> bool:
    """Whether CPU or memory changed by more than they do while nothing happens."""
    cpu, other_cpu = before.cpu_percent, after.cpu_percent
    memory, other_memory = before.memory_bytes, after.memory_bytes
    if (cpu is None) != (other_cpu is None) or (memory is None) != (other_memory is None):
        return True
    return abs((cpu or 0) - (other_cpu or 0)) >= _CPU_STEP or (
        abs((memory or 0) - (other_memory or 0)) > _MEMORY_STEP * (memory or 0)
    )


def _told_queue(queue: WorkQueue) -> dict[str, Any]:
    return {
        "queue": queue.name,
        "is_pool": queue.is_pool,
        "user_id": str(queue.user_id) if queue.user_id else None,
        "paused": queue.paused,
        "concurrency_limit": queue.concurrency_limit,
    }


def _told_worker(worker: Worker, online: bool) -> dict[str, Any]:
    heard = worker.last_heartbeat_at
    return {
        "worker": worker.name,
        "online": online,
        "last_heartbeat_at": heard.isoformat() if heard else None,
    }


def _all(read: Callable[[int], Iterable[T]]) -> list[T]:
    found: list[T] = []
    while True:
        page = list(read(len(found)))
        found.extend(page)
        if len(page) < _PAGE:
            return found
