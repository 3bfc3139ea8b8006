"""Results are kept for a while, those of pinned jobs for good."""

from datetime import timedelta
from uuid import UUID, uuid4

from sqlmodel import select

from casemill.db import Database
from casemill.models import AttemptStatus, Job, TaskAttempt
from casemill.models.columns import utc_now
from casemill.monitoring import result_expiry
from casemill.monitoring.result_expiry import ResultExpiry, expire_results
from casemill.settings import Settings

NOW = utc_now()


def attempt(database: Database, seconds_ago: float, job: UUID | None = None) -> UUID:
    finished = NOW - timedelta(seconds=seconds_ago)
    with database.write() as session:
        session.add(
            row := TaskAttempt(
                task_run_id=uuid4(),
                attempt=1,
                job_id=job,
                created_at=finished,
                finished_at=finished,
                status=AttemptStatus.SUCCESS,
                result={"found": 1},
            )
        )
        return row.task_run_id


def kept(database: Database) -> set[UUID]:
    with database.read() as session:
        rows = session.exec(select(TaskAttempt.task_run_id, TaskAttempt.result)).all()
    return {task for task, result in rows if result is not None}


def test_results_go_when_their_time_is_over_unless_the_job_is_pinned(database: Database) -> None:
    pinned, loose = uuid4(), uuid4()
    with database.write() as session:
        session.add_all([Job(id=pinned, created_at=NOW, pinned=True), Job(id=loose, created_at=NOW)])
    fresh, precious = attempt(database, 400, loose), attempt(database, 600, pinned)
    for job in (loose, None):
        attempt(database, 600, job)
    with database.write() as session:
        expire_results(session, NOW, 500)
    assert kept(database) == {fresh, precious}


def test_many_go_in_portions_and_each_is_looked_at(sqlite: Database, monkeypatch: object) -> None:
    monkeypatch.setattr(result_expiry, "_AT_ONCE", 3)  # type: ignore[attr-defined]
    for number in range(10):
        attempt(sqlite, 2000 + number // 4)  # some at the same moment
    expiry = ResultExpiry(sqlite, Settings())
    expiry.expire(NOW)
    assert kept(sqlite) == set()
    late = attempt(sqlite, 600)
    expiry.expire(NOW)
    assert kept(sqlite) == set(), f"{late} came in after its moment had been looked at"
