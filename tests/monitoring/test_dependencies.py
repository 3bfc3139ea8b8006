"""Dependencies as rows: known from what is recorded, settled with it, and what is to be done by them."""

from datetime import datetime, timedelta
from uuid import UUID, uuid4

import pytest
from sqlmodel import Session, col, select

from casemill.db import Database
from casemill.errors import Refused
from casemill.models import (
    Condition,
    DependencyState,
    FeedKind,
    Job,
    JobDependency,
    JobEvent,
    JobStatus,
    JobSubStatus,
)
from casemill.models.columns import utc_now
from casemill.monitoring.apply_changes import apply_changes
from casemill.monitoring.changes import Change, JobFacts, JobGone, JobState, ProcessBegan, ProcessEnded
from casemill.monitoring.dependencies import settle, settle_missed, still_waits_for, undone
from casemill.operations.job_dependencies import After

START = utc_now() - timedelta(minutes=10)


def state(
    job_id: UUID,
    status: JobStatus,
    seconds: float,
    name: str | None = None,
    sub_status: JobSubStatus | None = None,
    run_count: int = 1,
) -> JobState:
    at = START + timedelta(seconds=seconds)
    named = name or status.title()
    return JobState(job_id, at, uuid4(), run_count, status, sub_status, named, None, "a job")


def facts(job_id: UUID, *after: After) -> JobFacts:
    return JobFacts(job_id, {"created_at": START, "tags": [one.tag for one in after]})


def record(database: Database, *changes: Change) -> None:
    with database.write() as session:
        apply_changes(session, changes)


def begun(database: Database) -> UUID:
    job_id = uuid4()
    record(database, facts(job_id), state(job_id, JobStatus.RUNNING, 1))
    return job_id


def waiting(database: Database, *after: After) -> UUID:
    """A job that was recorded as it waits."""
    job_id = uuid4()
    record(database, facts(job_id, *after), state(job_id, JobStatus.PENDING, 2, name="Waiting", run_count=0))
    return job_id


def states(database: Database, job_id: UUID) -> dict[UUID, str]:
    with database.read() as session:
        rows = session.exec(select(JobDependency).where(JobDependency.job_id == job_id))
        return {row.on_job_id: str(row.state) for row in rows}


def told(session: Session, job_id: UUID) -> list[dict[str, object]]:
    rows = select(JobEvent).where(JobEvent.job_id == job_id, JobEvent.kind == FeedKind.DEPENDENCY)
    return [row.data for row in session.exec(rows.order_by(col(JobEvent.id)))]


def to_do(database: Database, *, everything: bool = False) -> list[UUID]:
    with database.read() as session:
        return undone(session, everything=everything)


def test_the_end_of_a_job_settles_who_waits_for_it_in_the_same_transaction(database: Database) -> None:
    first = begun(database)
    after = {on: waiting(database, After(job_id=first, on=on)) for on in Condition}
    assert to_do(database) == []
    with pytest.raises(RuntimeError), database.write() as session:
        apply_changes(session, [state(first, JobStatus.COMPLETED, 5)])
        raise RuntimeError("killed before it was kept")
    assert {states(database, job_id)[first] for job_id in after.values()} == {"waiting"}
    record(database, state(first, JobStatus.COMPLETED, 5))
    assert states(database, after[Condition.SUCCESS]) == {first: "met"}
    assert states(database, after[Condition.COMPLETION]) == {first: "met"}
    assert states(database, after[Condition.FAILURE]) == {first: "broken"}
    assert sorted(to_do(database)) == sorted(after.values())


def test_the_feed_tells_each_change_once(database: Database) -> None:
    first = begun(database)
    second = waiting(database, After(job_id=first))
    ended = state(first, JobStatus.FAILED, 5)
    for _ in range(2):
        record(database, ended)
    with database.read() as session:
        [data] = told(session, second)
    assert data == {"on_job_id": str(first), "on": "success", "state": "broken", "status": "failed"}


def test_of_two_dependencies_both_have_to_come_and_one_can_break(database: Database) -> None:
    one, two = begun(database), begun(database)
    both = waiting(database, After(job_id=one), After(job_id=two))
    lost = waiting(database, After(job_id=one, on=Condition.FAILURE), After(job_id=two))
    record(database, state(one, JobStatus.COMPLETED, 5))
    assert to_do(database) == [lost], "what cannot come any more is not waited out"
    record(database, state(two, JobStatus.COMPLETED, 6))
    assert set(to_do(database)) == {both, lost}


def test_a_job_recorded_after_what_it_waits_for_has_ended_is_settled_at_once(database: Database) -> None:
    first = begun(database)
    record(database, state(first, JobStatus.COMPLETED, 1.5))
    second = waiting(database, After(job_id=first))
    assert states(database, second) == {first: "met"}
    assert to_do(database) == [second]


def test_a_cancelled_job_has_ended_when_its_process_is_gone(database: Database) -> None:
    first = begun(database)
    second = waiting(database, After(job_id=first, on=Condition.COMPLETION))
    record(database, ProcessBegan(first, START + timedelta(seconds=1)))
    record(database, state(first, JobStatus.CANCELLED, 5))
    assert states(database, second) == {first: "waiting"}
    record(database, ProcessEnded(first, START + timedelta(seconds=9)))
    assert states(database, second) == {first: "met"}


def test_a_job_whose_run_was_deleted_counts_as_cancelled(database: Database) -> None:
    first = begun(database)
    second = waiting(database, After(job_id=first))
    record(database, JobGone(first, START + timedelta(seconds=5)))
    assert states(database, second) == {first: "broken"}


def test_a_job_that_is_nowhere_is_waited_for_until_all_is_known(database: Database) -> None:
    unknown = uuid4()
    second = waiting(database, After(job_id=unknown))
    assert states(database, second) == {unknown: "waiting"}
    with database.write() as session:
        settle_missed(session, utc_now())
    assert states(database, second) == {unknown: "broken"}


def test_what_nobody_settled_is_settled_later(database: Database) -> None:
    """Two transactions at once each miss the other's row: the end of a job, and who waits for it."""
    first = begun(database)
    second = waiting(database, After(job_id=first))
    with database.write() as session:
        session.get_one(Job, first).status = JobStatus.COMPLETED
    assert to_do(database) == []
    with database.write() as session:
        settle_missed(session, utc_now())
    assert to_do(database) == [second]


def test_a_crash_is_settled_once_the_job_was_not_begun_again(database: Database) -> None:
    first, again = begun(database), begun(database)
    waits = [waiting(database, After(job_id=job)) for job in (first, again)]

    def missed(now: datetime) -> None:
        with database.write() as session:
            settle_missed(session, now)

    now = (utc_now() - START).total_seconds()
    for job in (first, again):
        record(database, state(job, JobStatus.FAILED, now, sub_status=JobSubStatus.CRASHED))
    missed(utc_now())
    assert to_do(database) == []
    record(database, state(again, JobStatus.SCHEDULED, now + 1))
    missed(utc_now() + timedelta(seconds=40))
    assert to_do(database) == [waits[0]]


def test_what_was_met_stays_met_and_what_was_broken_waits_again(database: Database) -> None:
    good, bad = begun(database), begun(database)
    second = waiting(database, After(job_id=good), After(job_id=bad))
    record(database, state(good, JobStatus.COMPLETED, 5), state(bad, JobStatus.FAILED, 5))
    assert states(database, second) == {good: "met", bad: "broken"}
    for job in (good, bad):
        record(database, state(job, JobStatus.PENDING, 8))
    assert states(database, second) == {good: "met", bad: "waiting"}


def test_a_job_cancelled_for_it_waits_again_and_one_cancelled_by_somebody_does_not(
    database: Database,
) -> None:
    first = begun(database)
    by_rule, by_hand = (waiting(database, After(job_id=first)) for _ in range(2))
    record(database, state(first, JobStatus.FAILED, 5))
    record(database, state(by_rule, JobStatus.CANCELLED, 6, name="NotReady", run_count=0))
    record(database, state(by_hand, JobStatus.CANCELLED, 6, run_count=0))
    assert to_do(database, everything=True) == []
    record(database, state(first, JobStatus.PENDING, 8))
    assert to_do(database) == [by_rule]


def test_a_job_that_was_to_wait_again_is_found_though_all_has_come_meanwhile(database: Database) -> None:
    """The recorder was away while the failed job was retried and succeeded."""
    first = begun(database)
    second = waiting(database, After(job_id=first))
    record(database, state(first, JobStatus.FAILED, 5))
    record(database, state(second, JobStatus.CANCELLED, 6, name="NotReady", run_count=0))
    record(database, state(first, JobStatus.RUNNING, 8, run_count=2))
    record(database, state(first, JobStatus.COMPLETED, 9, run_count=2))
    assert to_do(database, everything=True) == [second]


def test_whoever_begins_a_job_again_is_told_what_it_waits_for(database: Database) -> None:
    first = begun(database)
    second = waiting(database, After(job_id=first))
    with database.read() as session:
        assert still_waits_for(session, second) == [After(job_id=first)]
    record(database, state(first, JobStatus.FAILED, 5))
    with database.read() as session, pytest.raises(Refused, match=r"that is failed\. Retry that job"):
        still_waits_for(session, second)
    with database.write() as session:
        session.delete(session.get_one(Job, first))
        session.flush()
        with pytest.raises(Refused, match="not there any more; start a new job"):
            still_waits_for(session, second)


def test_what_a_job_waits_for_goes_with_it(database: Database) -> None:
    first = begun(database)
    second = waiting(database, After(job_id=first))
    with database.write() as session:
        session.delete(session.get_one(Job, second))
    assert states(database, second) == {}


def test_settling_asks_for_any_number_of_jobs(sqlite: Database) -> None:
    with sqlite.write() as session:
        settle(session, [uuid4() for _ in range(1001)], utc_now())
        assert told(session, uuid4()) == []


def test_states_are_those_that_are_stored(database: Database) -> None:
    first = begun(database)
    second = waiting(database, After(job_id=first))
    record(database, state(first, JobStatus.COMPLETED, 5))
    with database.read() as session:
        row = session.exec(select(JobDependency).where(JobDependency.job_id == second)).one()
    assert (row.state, row.condition) == (DependencyState.MET, Condition.SUCCESS)
    assert row.settled_at is not None
