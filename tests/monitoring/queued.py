"""Rows of a queue, for tests that need no Prefect."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from casemill.db import Database
from casemill.models import Job, JobStatus, RecorderMark, Worker, WorkQueue
from casemill.models.columns import utc_now

NOW = utc_now().replace(microsecond=0)
POOL = "casemill"


def ago(seconds: float) -> datetime:
    return NOW - timedelta(seconds=seconds)


def job(queue: str | None = "default", status: JobStatus = JobStatus.PENDING, **values: Any) -> Job:
    state = {JobStatus.PENDING: "Scheduled", JobStatus.RUNNING: "Running"}.get(status, str(status).title())
    given = {
        "state_name": state,
        "created_at": ago(60),
        "scheduled_at": ago(60),
        "state_at": ago(60),
        **values,
    }
    return Job(id=given.pop("id", None) or uuid4(), queue=queue, status=status, **given)


def running(queue: str | None = "default", **values: Any) -> Job:
    return job(queue, JobStatus.RUNNING, **{"started_at": ago(30), **values})


def user_queue(user: UUID, **values: Any) -> WorkQueue:
    return WorkQueue(name=f"user-{user}", user_id=user, **values)


def keep(
    database: Database, *rows: Any, limit: int | None = 10, paused: bool = False, workers: int = 1
) -> None:
    """These rows, in a pool with that limit and so many workers that were heard just now."""
    with database.write() as session:
        session.add(WorkQueue(name=POOL, is_pool=True, concurrency_limit=limit, paused=paused))
        session.add(RecorderMark(seen_at=NOW))
        if not any(isinstance(row, WorkQueue) and row.name == "default" for row in rows):
            session.add(WorkQueue(name="default"))
        for number in range(workers):
            session.add(Worker(name=f"worker {number}", online=True, last_heartbeat_at=ago(5)))
        session.add_all(rows)
