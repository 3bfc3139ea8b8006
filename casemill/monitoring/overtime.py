"""The time limit of jobs: what runs longer is stopped.

Prefect's own limit cannot interrupt a flow that waits for threads.
"""

import logging
from datetime import datetime, timedelta

from prefect.client.orchestration import SyncPrefectClient
from sqlmodel import col, select

from casemill.db import Database
from casemill.errors import NotFound, Refused
from casemill.models import Job, JobAsk, JobStatus
from casemill.monitoring.job_controls import stop
from casemill.monitoring.process_evidence import OVERTIME
from casemill.operations.limits import limits_in_force
from casemill.settings import Settings

logger = logging.getLogger(__name__)


def stop_overtime(client: SyncPrefectClient, database: Database, settings: Settings, now: datetime) -> None:
    """Cancels what has been running for longer than the limit; once it is gone it is marked as failed.

    Counted from when it last began: what it ran before a pause or a crash does not count.
    """
    with database.read() as session:
        limit = timedelta(seconds=limits_in_force(session, settings).job_seconds)
        late = session.exec(
            select(Job.id, Job.asked).where(
                Job.status == JobStatus.RUNNING,
                col(Job.sub_status).is_(None),
                col(Job.state_at) < now - limit,
            )
        ).all()
    for job_id, asked in late:
        if asked == JobAsk.CANCEL:
            continue
        try:
            stop(client, database, settings.recorded_characters, job_id, f"{OVERTIME}{_in_words(limit)}")
            logger.warning("Job %s ran longer than the limit and is stopped", job_id)
        except (Refused, NotFound) as ended:
            logger.info("Job %s was to be stopped: %s", job_id, ended)


def _in_words(limit: timedelta) -> str:
    seconds = round(limit.total_seconds())
    for size, unit in ((3600, "h"), (60, "min")):
        if seconds % size == 0:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"
