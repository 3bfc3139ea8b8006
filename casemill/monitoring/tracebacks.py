"""Tracebacks of what failed: Prefect has them in the run's log only, which comes seconds after the state."""

from datetime import datetime, timedelta
from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.filters import (
    LogFilter,
    LogFilterFlowRunId,
    LogFilterLevel,
    LogFilterTaskRunId,
)
from prefect.client.schemas.sorting import LogSort
from sqlalchemy import update
from sqlmodel import col, select

from casemill.db import Database
from casemill.models import AttemptStatus, Job, JobStatus, TaskAttempt
from casemill.monitoring.events import failure_columns
from casemill.monitoring.failure import Failure, logged_failure

_ERROR = 40
_AT_ONCE = 50
_LINES = 200


def fetch_tracebacks(client: SyncPrefectClient, database: Database, now: datetime, within: timedelta) -> None:
    """Completes what failed lately and has no traceback yet; what failed without an exception has none."""
    with database.read() as session:
        jobs = session.exec(
            select(Job.id, Job.finished_at)
            .where(
                Job.status == JobStatus.FAILED,
                col(Job.finished_at) > now - within,
                col(Job.traceback).is_(None),
                col(Job.error_type).is_not(None),
            )
            .limit(_AT_ONCE)
        ).all()
        attempts = session.exec(
            select(TaskAttempt.task_run_id, TaskAttempt.attempt)
            .where(
                TaskAttempt.status == AttemptStatus.FAILED,
                col(TaskAttempt.finished_at) > now - within,
                col(TaskAttempt.traceback).is_(None),
                col(TaskAttempt.error_type).is_not(None),
            )
            .limit(_AT_ONCE)
        ).all()
    of_jobs = _logged(client, jobs=[job_id for job_id, _ in jobs])
    of_tasks = _logged(client, tasks=[task_run_id for task_run_id, _ in attempts])
    with database.write() as session:
        for job_id, failure in of_jobs.items():
            session.exec(
                update(Job)
                .where(
                    col(Job.id) == job_id, col(Job.status) == JobStatus.FAILED, col(Job.traceback).is_(None)
                )
                .values(**failure_columns(failure))
                .execution_options(synchronize_session=False)
            )
        for task_run_id, number in attempts:
            if failure := of_tasks.get(task_run_id):
                session.exec(
                    update(TaskAttempt)
                    .where(
                        col(TaskAttempt.task_run_id) == task_run_id,
                        col(TaskAttempt.attempt) == number,
                        col(TaskAttempt.traceback).is_(None),
                    )
                    .values(**failure_columns(failure))
                    .execution_options(synchronize_session=False)
                )


def _logged(
    client: SyncPrefectClient, *, jobs: list[UUID] | None = None, tasks: list[UUID] | None = None
) -> dict[UUID, Failure]:
    """The last traceback that each logged."""
    if not jobs and not tasks:
        return {}
    logs = client.read_logs(
        LogFilter(
            level=LogFilterLevel(ge_=_ERROR),
            flow_run_id=LogFilterFlowRunId(any_=jobs) if jobs else None,
            task_run_id=LogFilterTaskRunId(any_=tasks) if tasks else None,
        ),
        limit=_LINES,
        sort=LogSort.TIMESTAMP_DESC,
    )
    found: dict[UUID, Failure] = {}
    for log in reversed(logs):
        whose = log.task_run_id if tasks else (log.flow_run_id if log.task_run_id is None else None)
        if whose and (failure := logged_failure(log.message)):
            found[whose] = failure
    return found
