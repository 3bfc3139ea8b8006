"""The queue, which is Prefect's work pool, and each user's own: started, paused, stopped and cleared.

A paused queue starts nothing new; what runs goes on. Raises NotFound for a user that does not exist and
PrefectUnreachable.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.actions import WorkPoolUpdate
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterState,
    FlowRunFilterStateType,
    WorkPoolFilter,
    WorkPoolFilterName,
    WorkQueueFilter,
    WorkQueueFilterName,
)
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.client.schemas.sorting import FlowRunSort
from sqlmodel import col, update

from casemill.errors import NotFound, Unavailable
from casemill.models import User, WorkQueue
from casemill.models.columns import utc_now
from casemill.monitoring.cancel_many import cancelling
from casemill.monitoring.each_job import JobResult, each_job
from casemill.monitoring.jobs import prefect, queue_name, user_queue
from casemill.monitoring.record_now import record_now
from casemill.workspace import Workspace

AUTO_SCHEDULED = "auto-scheduled"  # Prefect's tag of runs that a schedule made ahead of time
_PAGE = 200  # the most Prefect returns at once
_MOST_ROUNDS = 5
_IN_LINE = [StateType.SCHEDULED, StateType.PENDING, StateType.RUNNING, StateType.PAUSED]


@dataclass(frozen=True, slots=True)
class QueueStanding:
    """name is the pool's or the user's queue's. why_idle says what else keeps jobs from starting."""

    name: str
    user_id: UUID | None
    paused: bool
    why_idle: str | None


@dataclass(frozen=True, slots=True)
class InLine:
    """What clear_queue would cancel now."""

    running: int
    waiting: int
    paused: int


def pause_queue(workspace: Workspace, user_id: UUID | None) -> QueueStanding:
    return _set_paused(workspace, user_id, paused=True)


def start_queue(workspace: Workspace, user_id: UUID | None) -> QueueStanding:
    """Resuming is the same: what waits begins as soon as there is a worker and a place."""
    return _set_paused(workspace, user_id, paused=False)


def count_in_line(workspace: Workspace, user_id: UUID | None) -> InLine:
    """By Prefect's word, as clear_queue finds them; changes nothing."""
    found = Counter(run.state_type for run in _in_line(workspace, user_id))
    waiting = found[StateType.SCHEDULED] + found[StateType.PENDING]
    return InLine(found[StateType.RUNNING], waiting, found[StateType.PAUSED])


def clear_queue(
    workspace: Workspace, user_id: UUID | None, why: str
) -> tuple[QueueStanding, list[JobResult]]:
    """Pauses it, then cancels all that waits, runs or is paused in it. It stays paused until it is started.

    What a schedule will start later is left to its time.
    """
    standing = pause_queue(workspace, user_id)
    results: dict[UUID, JobResult] = {}
    # Those who submitted just before see theirs cancelled too; with a bound, for somebody may go on and on
    for _ in range(_MOST_ROUNDS):
        found = [run.id for run in _in_line(workspace, user_id) if run.id not in results]
        if not found:
            break
        record_now(workspace, found)
        with cancelling(workspace, why) as cancel:
            results.update((result.job_id, result) for result in each_job(found, cancel, "Asked to cancel"))
    return standing, list(results.values())


def _set_paused(workspace: Workspace, user_id: UUID | None, *, paused: bool) -> QueueStanding:
    """Read back before it is answered; shown as such at once, before the recorder looks."""
    settings = workspace.settings
    name = settings.work_pool
    if user_id is not None:
        with workspace.database.read() as session:
            if session.get(User, user_id) is None:
                raise NotFound(f"No user {user_id}; the list of users shows who there is")
        name = user_queue(settings, user_id, workspace.database)
    with prefect() as client:
        steer: Callable[[SyncPrefectClient, str, str, bool], bool] = (
            _pause_pool if user_id is None else _pause_own
        )
        found = steer(client, settings.work_pool, name, paused)
        pool_paused = client.read_work_pool(settings.work_pool).is_paused
        workers = client.read_workers_for_work_pool(settings.work_pool)
    if found != paused:
        wanted = "pause" if paused else "start"
        raise Unavailable(f"Prefect was asked to {wanted} queue {name} and did not; try again in a moment")
    with workspace.database.write() as session:
        session.exec(
            update(WorkQueue)
            .where(col(WorkQueue.name) == name)
            .values(paused=paused, recorded_at=utc_now())
            .execution_options(synchronize_session=False)
        )
    why = None
    if not paused and user_id is not None and pool_paused:
        why = "The whole queue is paused; nothing begins until an admin starts it"
    elif not paused and not any(worker.status == "ONLINE" for worker in workers):
        why = "No worker is there to take jobs; start one, for instance with `casemill up`"
    return QueueStanding(name, user_id, paused, why)


def _pause_pool(client: SyncPrefectClient, work_pool: str, _name: str, paused: bool) -> bool:
    client.update_work_pool(work_pool, WorkPoolUpdate(is_paused=paused))
    return bool(client.read_work_pool(work_pool).is_paused)


def _pause_own(client: SyncPrefectClient, work_pool: str, name: str, paused: bool) -> bool:
    queue = client.read_work_queue_by_name(name, work_pool_name=work_pool)
    client.update_work_queue(queue.id, is_paused=paused)
    return bool(client.read_work_queue_by_name(name, work_pool_name=work_pool).is_paused)


def _in_line(workspace: Workspace, user_id: UUID | None) -> list[FlowRun]:
    """What waits, runs or is paused there, by Prefect's word; those that wait come first."""
    pool = WorkPoolFilter(name=WorkPoolFilterName(any_=[workspace.settings.work_pool]))
    queue = WorkQueueFilter(name=WorkQueueFilterName(any_=[queue_name(user_id)])) if user_id else None
    wanted = FlowRunFilter(state=FlowRunFilterState(type=FlowRunFilterStateType(any_=_IN_LINE)))
    found: list[FlowRun] = []
    now = utc_now()
    with prefect() as client:
        while page := client.read_flow_runs(
            flow_run_filter=wanted,
            work_pool_filter=pool,
            work_queue_filter=queue,
            sort=FlowRunSort.ID_DESC,
            limit=_PAGE,
            offset=len(found),
        ):
            found.extend(page)
    ours = [
        run
        for run in found
        if not (
            AUTO_SCHEDULED in run.tags
            and run.state_type == StateType.SCHEDULED
            and run.expected_start_time
            and run.expected_start_time > now
        )
    ]
    return sorted(ours, key=lambda run: _IN_LINE.index(run.state_type or StateType.RUNNING))
