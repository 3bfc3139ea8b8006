"""The queue: a paused one starts nothing, a cleared one holds nothing and stays paused."""

from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.objects import StateType
from prefect.states import Pending, Running, Scheduled

from casemill.errors import NotFound
from casemill.models import Role, User, WorkQueue
from casemill.models.columns import utc_now
from casemill.monitoring.jobs import submit_batch_jobs, user_queue
from casemill.monitoring.queue_controls import AUTO_SCHEDULED, clear_queue, pause_queue, start_queue
from casemill.workspace import Workspace
from tests.pool import in_own_pool, next_jobs


@pytest.fixture
def desk_in_pool(desk: Workspace, prefect_client: SyncPrefectClient) -> Workspace:
    return in_own_pool(desk, prefect_client)


@pytest.fixture
def users(desk: Workspace) -> tuple[UUID, UUID]:
    ada, ben = User(name="Ada", role=Role.OPERATOR), User(name="Ben", role=Role.OPERATOR)
    with desk.database.write() as session:
        session.add_all([ada, ben])
    return ada.id, ben.id


def submit(workspace: Workspace, user_id: UUID, count: int = 1) -> list[UUID]:
    return submit_batch_jobs(
        uuid4(),
        [[uuid4()] for _ in range(count)],
        user_id=user_id,
        queue=user_queue(workspace.settings, user_id, workspace.database),
        round_id="only",
    )


def start(client: SyncPrefectClient, job_id: UUID) -> None:
    for state in (Pending(), Running()):
        client.set_flow_run_state(job_id, state, force=True)


def test_a_paused_pool_starts_nothing_and_what_runs_goes_on(
    desk_in_pool: Workspace, users: tuple[UUID, UUID], prefect_client: SyncPrefectClient
) -> None:
    runs, waits = submit(desk_in_pool, users[0], 2)
    start(prefect_client, runs)
    assert pause_queue(desk_in_pool, None).paused
    assert next_jobs(prefect_client, desk_in_pool) == []
    assert prefect_client.read_flow_run(runs).state_type == StateType.RUNNING
    standing = start_queue(desk_in_pool, None)
    assert (standing.paused, standing.why_idle) == (
        False,
        "No worker is there to take jobs; start one, for instance with `casemill up`",
    )
    assert next_jobs(prefect_client, desk_in_pool) == [waits]


def test_one_users_queue_is_paused_without_the_others(
    desk_in_pool: Workspace, users: tuple[UUID, UUID], prefect_client: SyncPrefectClient
) -> None:
    adas, bens = (submit(desk_in_pool, user) for user in users)
    assert pause_queue(desk_in_pool, users[0]).name == f"user-{users[0]}"
    assert next_jobs(prefect_client, desk_in_pool) == bens
    start_queue(desk_in_pool, users[0])
    assert set(next_jobs(prefect_client, desk_in_pool)) == {*adas, *bens}


def test_a_queue_started_within_a_paused_pool_says_so(
    desk_in_pool: Workspace, users: tuple[UUID, UUID]
) -> None:
    pause_queue(desk_in_pool, None)
    why = start_queue(desk_in_pool, users[0]).why_idle
    assert why == "The whole queue is paused; nothing begins until an admin starts it"


def test_what_is_shown_of_a_queue_changes_with_it(desk_in_pool: Workspace, users: tuple[UUID, UUID]) -> None:
    pool = desk_in_pool.settings.work_pool
    with desk_in_pool.database.write() as session:
        session.add(WorkQueue(name=pool, is_pool=True))
    for steer, paused in ((pause_queue, True), (start_queue, False)):
        steer(desk_in_pool, None)
        with desk_in_pool.database.read() as session:
            assert session.get_one(WorkQueue, pool).paused == paused


def test_clearing_cancels_what_waits_and_runs_and_stays_paused(
    desk_in_pool: Workspace, users: tuple[UUID, UUID], prefect_client: SyncPrefectClient
) -> None:
    runs, waits = submit(desk_in_pool, users[0], 2)
    [other] = submit(desk_in_pool, users[1])
    start(prefect_client, runs)
    standing, results = clear_queue(desk_in_pool, None, "Ada stopped the queue")
    assert {result.job_id for result in results if result.done} == {runs, waits, other}
    states = {job: prefect_client.read_flow_run(job).state_type for job in (runs, waits, other)}
    assert states == {
        runs: StateType.CANCELLING,
        waits: StateType.CANCELLED,
        other: StateType.CANCELLED,
    }
    assert standing.paused
    assert prefect_client.read_work_pool(desk_in_pool.settings.work_pool).is_paused


def test_clearing_one_users_queue_leaves_the_others(
    desk_in_pool: Workspace, users: tuple[UUID, UUID], prefect_client: SyncPrefectClient
) -> None:
    adas, bens = (submit(desk_in_pool, user) for user in users)
    _, results = clear_queue(desk_in_pool, users[0], "enough")
    assert [result.job_id for result in results] == adas
    assert next_jobs(prefect_client, desk_in_pool) == bens


def test_what_a_schedule_starts_later_is_left_to_its_time(
    desk_in_pool: Workspace, prefect_client: SyncPrefectClient
) -> None:
    deployment = prefect_client.read_deployment_by_name("document-pipeline/default")
    later = Scheduled(scheduled_time=utc_now() + timedelta(minutes=15))
    sweep = prefect_client.create_flow_run_from_deployment(deployment.id, state=later, tags=[AUTO_SCHEDULED])
    by_hand = prefect_client.create_flow_run_from_deployment(deployment.id, state=later)
    _, results = clear_queue(desk_in_pool, None, "enough")
    assert [result.job_id for result in results] == [by_hand.id]
    assert prefect_client.read_flow_run(sweep.id).state_type == StateType.SCHEDULED


def test_a_user_that_does_not_exist_has_no_queue(desk_in_pool: Workspace) -> None:
    with pytest.raises(NotFound, match="No user"):
        pause_queue(desk_in_pool, uuid4())
