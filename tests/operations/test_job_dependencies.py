"""When what a job waits for has come, and what can be waited for at all."""

from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from sqlmodel import Session

from casemill.access.actor import Actor
from casemill.db import Database
from casemill.errors import BadInput, NotFound, Refused
from casemill.models import Condition, DependencyState, Job, JobStatus, JobSubStatus, Role, Scope
from casemill.models.columns import utc_now
from casemill.operations.job_dependencies import MOST_AFTER, After, after_in, require_possible, state_of

NOW = utc_now()
MET, BROKEN, WAITING = DependencyState.MET, DependencyState.BROKEN, DependencyState.WAITING


@pytest.mark.parametrize(
    ("status", "completion", "success", "failure"),
    [
        (JobStatus.PENDING, WAITING, WAITING, WAITING),
        (JobStatus.RUNNING, WAITING, WAITING, WAITING),
        (JobStatus.PAUSED, WAITING, WAITING, WAITING),
        (JobStatus.COMPLETED, MET, MET, BROKEN),
        (JobStatus.FAILED, MET, BROKEN, MET),
        (JobStatus.CANCELLED, MET, BROKEN, BROKEN),
        (None, BROKEN, BROKEN, BROKEN),
    ],
)
def test_how_a_job_ended_decides_for_each_who_waits(
    status: JobStatus | None,
    completion: DependencyState,
    success: DependencyState,
    failure: DependencyState,
) -> None:
    found = {on: state_of(on, status, None, NOW, NOW) for on in Condition}
    assert found == {
        Condition.COMPLETION: completion,
        Condition.SUCCESS: success,
        Condition.FAILURE: failure,
    }


def test_a_crash_counts_once_the_job_was_not_begun_again() -> None:
    def seen_after(seconds: float) -> DependencyState:
        crashed_at = NOW - timedelta(seconds=seconds)
        return state_of(Condition.FAILURE, JobStatus.FAILED, JobSubStatus.CRASHED, crashed_at, NOW)

    assert (seen_after(5), seen_after(31)) == (WAITING, MET)


def test_what_a_job_waits_for_stands_in_its_tags() -> None:
    wanted = [After(job_id=uuid4(), on=on) for on in Condition]
    assert set(after_in([*(one.tag for one in wanted), "type:extraction"])) == set(wanted)


@pytest.mark.parametrize(
    "tag", ["after", "after:x:success", f"after:{UUID(int=1)}", f"after:{UUID(int=1)}:luck", "after:::"]
)
def test_a_tag_that_is_not_what_it_claims_to_be_means_nothing(tag: str) -> None:
    assert after_in([tag]) == []


def test_tags_name_no_more_than_a_job_may_wait_for_and_each_job_once() -> None:
    many = [After(job_id=uuid4()).tag for _ in range(MOST_AFTER + 5)]
    assert len(after_in(many)) == MOST_AFTER
    one = uuid4()
    assert len(after_in([After(job_id=one, on=on).tag for on in Condition])) == 1


def actor(role: Role = Role.OPERATOR) -> Actor:
    return Actor(uuid4(), "somebody", role, Scope.OWN, "token")


def job_of(session: Session, user_id: UUID, status: JobStatus) -> UUID:
    session.add(job := Job(id=uuid4(), user_id=user_id, status=status, created_at=NOW, finished_at=NOW))
    session.flush()
    return job.id


def test_only_what_one_sees_can_be_waited_for(database: Database) -> None:
    me, admin = actor(), actor(Role.ADMIN)
    with database.write() as session:
        others = After(job_id=job_of(session, uuid4(), JobStatus.RUNNING))
        with pytest.raises(NotFound, match="to wait for among those you can see"):
            require_possible(session, me, [others], NOW)
        require_possible(session, admin, [others], NOW)
        with pytest.raises(NotFound):
            require_possible(session, admin, [After(job_id=uuid4())], NOW)


def test_what_has_come_is_no_hindrance_and_what_cannot_come_is_said(database: Database) -> None:
    me = actor()
    with database.write() as session:
        failed = job_of(session, me.user_id, JobStatus.FAILED)
        for on in (Condition.FAILURE, Condition.COMPLETION):
            require_possible(session, me, [After(job_id=failed, on=on)], NOW)
        with pytest.raises(Refused, match=f"wait for job {failed} to succeed, and that is failed already"):
            require_possible(session, me, [After(job_id=failed)], NOW)


def test_a_job_is_named_with_one_condition(database: Database) -> None:
    me = actor()
    with database.write() as session:
        job = job_of(session, me.user_id, JobStatus.RUNNING)
        require_possible(session, me, [After(job_id=job), After(job_id=job)], NOW)
        with pytest.raises(BadInput, match="in two ways"):
            require_possible(session, me, [After(job_id=job), After(job_id=job, on=Condition.FAILURE)], NOW)
