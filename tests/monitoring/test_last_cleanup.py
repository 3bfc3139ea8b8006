"""The last cleanup is the last that deleted."""

from datetime import timedelta
from uuid import uuid4

from casemill.db import Database
from casemill.models import CleanupReport, Job, JobStatus, JobType
from casemill.models.columns import utc_now
from casemill.monitoring.last_cleanup import last_cleanup

NOW = utc_now()
DELETES = {"dry_run": False}


def cleanup(ago: float, status: JobStatus = JobStatus.COMPLETED, **values: object) -> Job:
    at = NOW - timedelta(seconds=ago)
    given = {"type": JobType.MAINTENANCE, "flow_name": "job-cleanup", "parameters": DELETES, **values}
    return Job(id=uuid4(), status=status, created_at=at, finished_at=at, **given)


def keep(database: Database, *jobs: Job) -> None:
    with database.write() as session:
        session.add_all(jobs)


def test_it_says_when_it_was_and_what_it_removed(database: Database) -> None:
    new = cleanup(100, result="12 jobs removed")
    at_work = cleanup(1, JobStatus.RUNNING)
    at_work.finished_at = None
    keep(database, cleanup(5000, result="old"), new, cleanup(1, flow_name="other"), at_work)
    rows = [{"what": "jobs", "removed": 12, "left": 0, "why": ""}]
    with database.write() as session:
        session.add(CleanupReport(id=new.id, finished_at=NOW, removed=rows))
    with database.read() as session:
        found = last_cleanup(session)
    assert found
    assert (found.job_id, found.result, found.removed) == (new.id, "12 jobs removed", rows)
    assert (found.status, found.finished_at) == (JobStatus.COMPLETED, NOW - timedelta(seconds=100))


def test_neither_a_dry_run_nor_a_cancelled_one_is_it(database: Database) -> None:
    keep(
        database,
        cleanup(3, parameters={"dry_run": True}),
        cleanup(2, parameters={}),
        cleanup(2, parameters=None),
        cleanup(1, JobStatus.CANCELLED),
    )
    with database.read() as session:
        assert last_cleanup(session) is None


def test_one_that_failed_is_it_and_says_why(database: Database) -> None:
    keep(database, cleanup(9), cleanup(1, JobStatus.FAILED, error="database is locked"))
    with database.read() as session:
        found = last_cleanup(session)
    assert found
    assert (found.status, found.result, found.removed) == (JobStatus.FAILED, "database is locked", ())
