"""Batches handed to Prefect: nothing is lost, nothing is submitted twice, what matters more goes first."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from prefect.client.orchestration import SyncPrefectClient
from prefect.settings import PREFECT_API_URL, temporary_settings
from sqlmodel import select

from casemill.access.actor import Actor
from casemill.models import CaseStep, Job, JobStatus, Role, Scope, StepState, User
from casemill.monitoring.batches import (
    Begun,
    begin_ordered_batch,
    submit_missing,
    submit_open_cases,
)
from casemill.monitoring.jobs import PrefectUnreachable, jobs_of_batch, waiting_since
from casemill.operations.order_batch import BatchOrder
from casemill.workspace import Workspace
from tests.concurrency import at_once
from tests.conftest import NewOwner
from tests.pool import in_own_pool, next_jobs


@pytest.fixture
def desk_in_pool(desk: Workspace, prefect_client: SyncPrefectClient) -> Workspace:
    return in_own_pool(desk, prefect_client)


@pytest.fixture
def actor(desk: Workspace) -> Actor:
    with desk.database.write() as session:
        session.add(user := User(name="Ada", role=Role.OPERATOR, scope=Scope.OWN))
    return Actor.of(user, "token")


@pytest.fixture
def cases(desk: Workspace, new_case: NewOwner) -> list[UUID]:
    return [new_case(desk, letter=f"letter {number}") for number in range(5)]


def recorded(workspace: Workspace, batch_id: UUID) -> list[Job]:
    with workspace.database.read() as session:
        return list(session.exec(select(Job).where(Job.batch_id == batch_id)))


def covered(batch_id: UUID) -> list[str]:
    return sorted(case for job in jobs_of_batch(batch_id) for case in job.parameters["case_ids"])


def test_a_batch_is_shared_out_and_recorded_at_once(
    desk_in_pool: Workspace, actor: Actor, cases: list[UUID]
) -> None:
    """Without a recorder, so that who started it sees its jobs in the very next answer."""
    begun = begin_ordered_batch(desk_in_pool, BatchOrder(cases), actor)
    jobs = recorded(desk_in_pool, begun.ordered.batch.id)
    assert {job.id for job in jobs} == set(begun.jobs)
    assert len(jobs) == 3  # two cases a job
    assert {(job.status, job.queue, job.user_id) for job in jobs} <= {
        (status, f"user-{actor.user_id}", actor.user_id)
        for status in (JobStatus.SCHEDULED, JobStatus.PENDING)
    }
    assert covered(begun.ordered.batch.id) == sorted(map(str, cases))


def test_racing_requests_with_one_key_submit_each_shard_once(
    desk_in_pool: Workspace, actor: Actor, cases: list[UUID]
) -> None:
    order = BatchOrder(cases, key="monday")

    def begin(_: int) -> Begun:
        return begin_ordered_batch(desk_in_pool, order, actor)

    begun = at_once(3, begin)
    [batch_id] = {one.ordered.batch.id for one in begun}
    assert covered(batch_id) == sorted(map(str, cases))


def test_a_batch_outlives_prefects_absence(desk_in_pool: Workspace, actor: Actor, cases: list[UUID]) -> None:
    order = BatchOrder(cases, key="monday")
    with (
        temporary_settings({PREFECT_API_URL: "http://127.0.0.1:9/api"}),
        pytest.raises(
            PrefectUnreachable, match=r"is kept, but .* send the same request again with the same key"
        ),
    ):
        begin_ordered_batch(desk_in_pool, order, actor)
    begun = begin_ordered_batch(desk_in_pool, order, actor)
    assert not begun.ordered.is_new
    assert covered(begun.ordered.batch.id) == sorted(map(str, cases))


def test_the_same_request_again_submits_only_what_has_no_job(
    desk_in_pool: Workspace, actor: Actor, cases: list[UUID], prefect_client: SyncPrefectClient
) -> None:
    """Prefect went away in the middle: one of three shards was handed out."""
    begun = begin_ordered_batch(desk_in_pool, BatchOrder(cases, key="monday"), actor)
    batch_id = begun.ordered.batch.id
    kept, *lost = [job.id for job in jobs_of_batch(batch_id)]
    for job_id in lost:
        prefect_client.delete_flow_run(job_id)
    again = submit_missing(desk_in_pool, batch_id)
    assert kept in again
    assert len(again) == 3
    assert covered(batch_id) == sorted(map(str, cases))


def test_what_a_job_has_begun_is_not_submitted_again_by_the_same_request(
    desk_in_pool: Workspace, actor: Actor, cases: list[UUID], prefect_client: SyncPrefectClient
) -> None:
    """Even when Prefect has forgotten the job: going on with it is for resume and retry."""
    begun = begin_ordered_batch(desk_in_pool, BatchOrder(cases[:2], key="monday"), actor)
    batch_id = begun.ordered.batch.id
    with desk_in_pool.database.write() as session:
        for row in session.exec(select(CaseStep)):
            row.state = StepState.FAILED
            session.add(row)
    for job_id in begun.jobs:
        prefect_client.delete_flow_run(job_id)
    assert submit_missing(desk_in_pool, batch_id) == []
    assert len(submit_open_cases(desk_in_pool, batch_id)) == 1


def test_a_higher_priority_goes_before_the_users_other_waiting_jobs(
    desk_in_pool: Workspace, actor: Actor, cases: list[UUID], prefect_client: SyncPrefectClient
) -> None:
    order = {
        priority: BatchOrder([case], priority=priority)
        for priority, case in zip((0, 9, 1), cases, strict=False)
    }
    jobs = {
        priority: begin_ordered_batch(desk_in_pool, given, actor).jobs for priority, given in order.items()
    }
    [later_but_equal] = begin_ordered_batch(desk_in_pool, BatchOrder([cases[3]], priority=1), actor).jobs
    wanted = [*jobs[9], *jobs[1], later_but_equal]
    assert next_jobs(prefect_client, desk_in_pool) == wanted  # three slots a user: the fourth waits
    for job in (run for priority in (9, 1) for run in recorded_by_ids(desk_in_pool, jobs[priority])):
        assert job.scheduled_at is not None
        assert job.scheduled_at >= job.created_at
        assert job.status == JobStatus.PENDING


def recorded_by_ids(workspace: Workspace, ids: list[UUID]) -> list[Job]:
    with workspace.database.read() as session:
        return [session.get_one(Job, job_id) for job_id in ids]


def test_no_job_waits_so_long_that_one_of_less_priority_overtakes_it() -> None:
    now = datetime.now(UTC)
    assert waiting_since(1, now) < waiting_since(0, now - timedelta(days=60))
    assert waiting_since(10, now) < waiting_since(9, now - timedelta(days=60))
