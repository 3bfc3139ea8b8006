"""Which job of a deployment was its last run."""

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from casemill.db import Database
from casemill.models import Job, JobStatus, JobSubStatus
from casemill.monitoring.last_runs import last_runs

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)


def new_job(
    database: Database,
    deployment_id: UUID,
    hours: float,
    status: JobStatus,
    sub_status: JobSubStatus | None = None,
    began: bool = True,
) -> UUID:
    """Due so many hours after noon, begun a minute later. Of what never began, Prefect gives the end as its
    start. All are made beforehand."""
    due = NOON + timedelta(hours=hours)
    job = Job(
        id=uuid4(),
        status=status,
        sub_status=sub_status,
        deployment_id=deployment_id,
        scheduled_at=due,
        started_at=due + timedelta(minutes=1 if began else 30),
        run_count=int(began),
        created_at=NOON,
    )
    with database.write() as session:
        session.add(job)
    return job.id


def last_ids(database: Database, *deployment_ids: UUID) -> dict[UUID, UUID]:
    with database.read() as session:
        return {deployment: run.job_id for deployment, run in last_runs(session, deployment_ids).items()}


def test_each_deployment_has_its_own_last_run(database: Database) -> None:
    often, seldom, never = uuid4(), uuid4(), uuid4()
    new_job(database, often, 1, JobStatus.COMPLETED)
    failed = new_job(database, seldom, 0, JobStatus.FAILED)
    new_job(database, uuid4(), 3, JobStatus.COMPLETED)
    newest = new_job(database, often, 2, JobStatus.RUNNING)
    assert last_ids(database, often, seldom, never) == {often: newest, seldom: failed}
    with database.read() as session:
        last = last_runs(session, [often])[often]
    assert (last.status, last.at, last.finished_at) == ("running", NOON + timedelta(hours=2, minutes=1), None)


def test_nothing_ran_where_nothing_is_asked_for(database: Database) -> None:
    assert last_ids(database) == {}


@pytest.mark.parametrize(
    "status",
    [JobStatus.SCHEDULED, JobStatus.PENDING, JobStatus.CANCELLED],
    ids=["planned", "waiting", "skipped"],
)
def test_what_never_began_is_no_run(database: Database, status: JobStatus) -> None:
    deployment = uuid4()
    new_job(database, deployment, 2, status, began=False)
    assert last_ids(database, deployment) == {}
    began = new_job(database, deployment, 1, JobStatus.COMPLETED)
    assert last_ids(database, deployment) == {deployment: began}


def test_a_run_that_was_cancelled_at_work_is_one(database: Database) -> None:
    deployment = uuid4()
    new_job(database, deployment, 1, JobStatus.COMPLETED)
    stopped = new_job(database, deployment, 2, JobStatus.CANCELLED)
    assert last_ids(database, deployment) == {deployment: stopped}


def test_a_run_that_crashed_before_it_began_is_one(database: Database) -> None:
    """Its code could not be loaded, say. Who looks at the schedule is to see that, not that all was well."""
    deployment = uuid4()
    new_job(database, deployment, 1, JobStatus.COMPLETED)
    crashed = new_job(database, deployment, 2, JobStatus.FAILED, JobSubStatus.CRASHED, began=False)
    with database.read() as session:
        last = last_runs(session, [deployment])[deployment]
    assert (last.job_id, last.sub_status, last.at) == (crashed, "crashed", NOON + timedelta(hours=2))
