"""Limits: in force at once, outlasting a restart; what is over them waits and never fails."""

from uuid import UUID, uuid4

import pytest
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.actions import WorkPoolUpdate
from prefect.settings import PREFECT_API_URL, temporary_settings
from prefect.states import Pending, Running

from casemill.access.actor import Actor
from casemill.errors import BadInput
from casemill.models import LimitName, Role, Scope, User
from casemill.monitoring.jobs import PrefectUnreachable, submit_batch_jobs, user_queue
from casemill.monitoring.limits import apply_limits, change_limit
from casemill.operations.limits import limits_in_force
from casemill.workspace import Workspace
from deployments.apply import apply_pool
from tests.pool import in_own_pool, next_jobs


@pytest.fixture
def desk_in_pool(desk: Workspace, prefect_client: SyncPrefectClient) -> Workspace:
    return in_own_pool(desk, prefect_client)


@pytest.fixture
def admin(desk: Workspace) -> Actor:
    with desk.database.write() as session:
        session.add(user := User(name="Ada", role=Role.ADMIN, scope=Scope.OWN))
    return Actor.of(user, "token")


def queue_limit(client: SyncPrefectClient, workspace: Workspace, queue: str) -> int | None:
    return client.read_work_queue_by_name(
        queue, work_pool_name=workspace.settings.work_pool
    ).concurrency_limit


def start(client: SyncPrefectClient, job_id: UUID) -> None:
    for state in (Pending(), Running()):
        client.set_flow_run_state(job_id, state, force=True)


def submit(workspace: Workspace, user_id: UUID, count: int) -> list[UUID]:
    return submit_batch_jobs(
        uuid4(),
        [[uuid4()] for _ in range(count)],
        user_id=user_id,
        queue=user_queue(workspace.settings, user_id, workspace.database),
        round_id="only",
    )


@pytest.mark.parametrize(
    ("name", "users"),
    [(LimitName.JOBS_PER_USER, 1), (LimitName.JOBS_AT_ONCE, 2)],
    ids=["a user's", "the pool's"],
)
def test_the_job_over_a_limit_waits_until_a_place_is_free(
    desk_in_pool: Workspace, admin: Actor, prefect_client: SyncPrefectClient, name: LimitName, users: int
) -> None:
    change_limit(desk_in_pool, name, 2, admin)
    for _ in range(users):
        submit(desk_in_pool, uuid4(), 3)
    first, second = next_jobs(prefect_client, desk_in_pool)
    start(prefect_client, first)
    start(prefect_client, second)
    assert next_jobs(prefect_client, desk_in_pool) == []
    change_limit(desk_in_pool, name, 3, admin)
    [third] = next_jobs(prefect_client, desk_in_pool)
    assert prefect_client.read_flow_run(third).state_name in ("Scheduled", "Late")


def test_a_limit_is_changed_for_all_users_at_once(
    desk_in_pool: Workspace, admin: Actor, prefect_client: SyncPrefectClient
) -> None:
    queues = [user_queue(desk_in_pool.settings, uuid4(), desk_in_pool.database) for _ in range(3)]
    change_limit(desk_in_pool, LimitName.JOBS_PER_USER, 5, admin)
    assert {queue_limit(prefect_client, desk_in_pool, queue) for queue in queues} == {5}
    newcomer = user_queue(desk_in_pool.settings, uuid4(), desk_in_pool.database)
    assert queue_limit(prefect_client, desk_in_pool, newcomer) == 5


def test_a_restart_keeps_what_an_admin_set(
    desk: Workspace, admin: Actor, prefect_client: SyncPrefectClient
) -> None:
    file = str(desk.database.engine.url)
    settings = desk.settings.model_copy(update={"work_pool": f"pool-{uuid4()}"})
    settings = settings.model_validate(settings.model_dump() | {"database_url": file})
    apply_pool(prefect_client, settings)
    assert prefect_client.read_work_pool(settings.work_pool).concurrency_limit == 10
    workspace = in_pool(desk, settings.work_pool)
    change_limit(workspace, LimitName.JOBS_AT_ONCE, 4, admin)
    change_limit(workspace, LimitName.JOBS_PER_USER, 2, admin)
    prefect_client.update_work_pool(settings.work_pool, WorkPoolUpdate(is_paused=True, concurrency_limit=50))
    apply_pool(prefect_client, settings)
    pool = prefect_client.read_work_pool(settings.work_pool)
    assert (pool.concurrency_limit, pool.is_paused) == (4, True)
    assert queue_limit(prefect_client, workspace, f"user-{admin.user_id}") == 2


def in_pool(desk: Workspace, name: str) -> Workspace:
    from dataclasses import replace

    return replace(desk, settings=desk.settings.model_copy(update={"work_pool": name}))


def test_a_limit_is_kept_while_prefect_is_away(
    desk_in_pool: Workspace, admin: Actor, prefect_client: SyncPrefectClient
) -> None:
    with (
        temporary_settings({PREFECT_API_URL: "http://127.0.0.1:9/api"}),
        pytest.raises(PrefectUnreachable, match="jobs_at_once is kept as 7, but Prefect could not be told"),
    ):
        change_limit(desk_in_pool, LimitName.JOBS_AT_ONCE, 7, admin)
    with desk_in_pool.database.read() as session:
        limits = limits_in_force(session, desk_in_pool.settings)
    apply_limits(prefect_client, desk_in_pool.settings.work_pool, limits)
    assert prefect_client.read_work_pool(desk_in_pool.settings.work_pool).concurrency_limit == 7


def test_a_limit_out_of_range_changes_nothing(
    desk_in_pool: Workspace, admin: Actor, prefect_client: SyncPrefectClient
) -> None:
    with pytest.raises(BadInput, match="jobs_at_once is 1 to 1000"):
        change_limit(desk_in_pool, LimitName.JOBS_AT_ONCE, 100_000, admin)
    assert prefect_client.read_work_pool(desk_in_pool.settings.work_pool).concurrency_limit == 10
