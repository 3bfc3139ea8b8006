"""Limits in force, brought to Prefect: the work pool's is for all jobs, each user queue's for that user's."""

from collections.abc import Generator

from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.actions import WorkPoolUpdate
from prefect.client.schemas.objects import WorkQueue

from casemill.access.actor import Actor
from casemill.errors import Unavailable
from casemill.models import LimitName
from casemill.monitoring.jobs import USER_QUEUE, PrefectUnreachable, prefect
from casemill.operations.limits import Limits, limits_in_force, set_limit
from casemill.workspace import Workspace

_PAGE = 200  # the most Prefect returns at once
_OF_PREFECT = (LimitName.JOBS_AT_ONCE, LimitName.JOBS_PER_USER)


class LimitNotTaken(Unavailable):
    """Prefect was told, and says otherwise."""


def change_limit(workspace: Workspace, name: LimitName, value: int, actor: Actor) -> None:
    """Stored first, so that nothing brings the old one back; in force at once where Prefect answers.

    Raises BadInput; PrefectUnreachable and LimitNotTaken if it is stored and not in force yet.
    """
    with workspace.database.write() as session:
        set_limit(session, name, value, actor.user_id)
    if name not in _OF_PREFECT:
        return
    with workspace.database.read() as session:
        limits = limits_in_force(session, workspace.settings)
    try:
        with prefect() as client:
            apply_limits(client, workspace.settings.work_pool, limits)
    except PrefectUnreachable as unreachable:
        raise PrefectUnreachable(
            f"{name} is kept as {value}, but Prefect could not be told: send it again, or it is told when "
            f"Casemill starts. {unreachable}"
        ) from unreachable


def apply_limits(client: SyncPrefectClient, work_pool: str, limits: Limits) -> None:
    """The pool and all user queues have these limits afterwards: they are read back.

    Jobs over a limit wait. Those that run above a limit that was lowered go on.
    """
    client.update_work_pool(work_pool, WorkPoolUpdate(concurrency_limit=limits.jobs_at_once))
    for queue in user_queues(client, work_pool):
        if queue.concurrency_limit != limits.jobs_per_user:
            client.update_work_queue(queue.id, concurrency_limit=limits.jobs_per_user)
    found = client.read_work_pool(work_pool).concurrency_limit
    others = [
        queue.name
        for queue in user_queues(client, work_pool)
        if queue.concurrency_limit != limits.jobs_per_user
    ]
    if found != limits.jobs_at_once or others:
        raise LimitNotTaken(
            f"Prefect was told the limits and does not have them (pool: {found}; other queues: "
            f"{', '.join(others[:5]) or 'none'}). Somebody may have changed them; send the same again"
        )


def user_queues(client: SyncPrefectClient, work_pool: str) -> Generator[WorkQueue]:
    offset = 0
    while page := client.read_work_queues(work_pool_name=work_pool, limit=_PAGE, offset=offset):
        yield from (queue for queue in page if queue.name.startswith(USER_QUEUE))
        offset += len(page)
