"""Many jobs at once: all that match, each with its own answer, none beyond what one sees."""

from uuid import UUID, uuid4

import pytest
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.objects import StateType
from prefect.settings import PREFECT_API_URL, temporary_settings
from sqlmodel import select

from casemill.access.actor import Actor
from casemill.errors import Refused
from casemill.models import AuditRecord, Job, JobStatus, JobSubStatus, Role, Scope, User
from casemill.models.columns import utc_now
from casemill.monitoring.bulk import BulkAction, Found, act_on_all, find_by_filter, find_by_ids, makes_sense
from casemill.monitoring.each_job import each_job
from casemill.monitoring.job_queries import JobFilter
from casemill.monitoring.jobs import submit_batch_jobs
from casemill.monitoring.record_now import record_now
from casemill.workspace import Workspace
from tests.pool import in_own_pool


@pytest.fixture
def actor(desk: Workspace) -> Actor:
    with desk.database.write() as session:
        session.add(user := User(name="Ada", role=Role.OPERATOR, scope=Scope.OWN))
    return Actor.of(user, "token")


def add_jobs(workspace: Workspace, user_id: UUID | None, *statuses: JobStatus) -> list[UUID]:
    jobs = [Job(id=uuid4(), status=status, user_id=user_id, created_at=utc_now()) for status in statuses]
    ids = [job.id for job in jobs]
    with workspace.database.write() as session:
        session.add_all(jobs)
    return ids


def test_a_filter_finds_all_that_match_not_one_page(desk: Workspace, actor: Actor) -> None:
    add_jobs(desk, actor.user_id, *([JobStatus.FAILED] * 1200), *([JobStatus.COMPLETED] * 3))
    add_jobs(desk, uuid4(), JobStatus.FAILED)
    with desk.database.read() as session:
        bulk = find_by_filter(session, BulkAction.RETRY, JobFilter(only_of=actor.only_of))
    assert (bulk.matched.total(), bulk.applicable.total()) == (1203, 1200)
    assert bulk.matched == {JobStatus.FAILED: 1200, JobStatus.COMPLETED: 3}


def test_jobs_of_others_and_jobs_that_are_not_there_answer_the_same(desk: Workspace, actor: Actor) -> None:
    [theirs] = add_jobs(desk, uuid4(), JobStatus.FAILED)
    unknown = uuid4()
    with desk.database.read() as session:
        bulk = find_by_ids(session, actor, BulkAction.DELETE, [theirs, unknown, theirs])
    assert bulk.matched.total() == 0
    results = list(act_on_all(desk, actor, bulk))
    assert [(result.job_id, result.done) for result in results] == [(theirs, False), (unknown, False)]
    assert all("among those you can see" in result.detail for result in results)
    with desk.database.read() as session:
        assert session.get(Job, theirs) is not None


SENSE = {
    BulkAction.CANCEL: {"scheduled", "pending", "running", "paused", "pausing", "retrying"},
    BulkAction.PAUSE: {"scheduled", "pending", "running"},
    BulkAction.RESUME: {"paused"},
    BulkAction.RETRY: {"failed", "crashed", "cancelled"},
    BulkAction.RESTART: {"completed", "failed", "crashed", "cancelled"},
    BulkAction.DELETE: {"completed", "failed", "crashed", "cancelled"},
}


@pytest.mark.parametrize("action", BulkAction)
def test_an_action_makes_sense_for_some_statuses(action: BulkAction) -> None:
    shown = [Found(uuid4(), status) for status in JobStatus] + [
        Found(uuid4(), JobStatus.RUNNING, JobSubStatus.CANCELLING),
        Found(uuid4(), JobStatus.RUNNING, JobSubStatus.RETRYING),
        Found(uuid4(), JobStatus.PAUSED, JobSubStatus.PAUSING),
        Found(uuid4(), JobStatus.FAILED, JobSubStatus.CRASHED),
    ]
    assert {job.word for job in shown if makes_sense(action, job)} == SENSE[action]


def test_jobs_that_wait_are_cancelled_for_real_and_each_is_audited(
    desk: Workspace, actor: Actor, prefect_client: SyncPrefectClient
) -> None:
    workspace = in_own_pool(desk, prefect_client)
    jobs = submit_batch_jobs(
        uuid4(), [[uuid4()] for _ in range(3)], user_id=actor.user_id, queue=None, round_id="only"
    )
    record_now(workspace, jobs)
    [done] = add_jobs(workspace, actor.user_id, JobStatus.COMPLETED)
    with workspace.database.read() as session:
        bulk = find_by_ids(session, actor, BulkAction.CANCEL, [done, *jobs])
    results = {result.job_id: result for result in act_on_all(workspace, actor, bulk)}
    assert {job for job, result in results.items() if result.done} == set(jobs)
    assert results[done].detail == "It is completed; there is nothing to cancel"
    assert {prefect_client.read_flow_run(job).state_type for job in jobs} == {StateType.CANCELLED}
    with workspace.database.read() as session:
        targets = session.exec(select(AuditRecord.target).where(AuditRecord.action == "job.cancel")).all()
    assert set(targets) == {f"job:{job}" for job in jobs}


def test_deleted_jobs_are_gone_here_and_there(
    desk: Workspace, actor: Actor, prefect_client: SyncPrefectClient
) -> None:
    ids = add_jobs(desk, actor.user_id, JobStatus.COMPLETED, JobStatus.FAILED, JobStatus.RUNNING)
    with desk.database.read() as session:
        bulk = find_by_filter(session, BulkAction.DELETE, JobFilter(only_of=actor.only_of))
    assert sum(result.done for result in act_on_all(desk, actor, bulk)) == 2
    with desk.database.read() as session:
        assert session.exec(select(Job.id)).all() == ids[2:]


def test_once_prefect_is_away_the_rest_is_not_tried(desk: Workspace, actor: Actor) -> None:
    ids = add_jobs(desk, actor.user_id, *([JobStatus.FAILED] * 150))
    with desk.database.read() as session:
        bulk = find_by_ids(session, actor, BulkAction.RETRY, ids)
    with temporary_settings({PREFECT_API_URL: "http://127.0.0.1:9/api"}):
        results = list(act_on_all(desk, actor, bulk))
    assert [result.job_id for result in results] == ids
    assert not any(result.done for result in results)
    assert results[-1].detail.startswith("Not tried: Prefect's server does not answer")


def test_ids_are_taken_as_they_are_needed() -> None:
    taken: list[UUID] = []

    def ids():
        for _ in range(1000):
            taken.append(uuid4())
            yield taken[-1]

    def refuse_some(job_id: UUID) -> None:
        if job_id.int % 2:
            raise Refused("odd")

    results = each_job(ids(), refuse_some, "even")
    first = next(results)
    assert len(taken) < 1000
    assert [first.job_id, *(result.job_id for result in results)] == taken
