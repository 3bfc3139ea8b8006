"""What Prefect's API says, taken over, so that nothing depends on having heard every event."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import TypeVar
from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.filters import (
    FlowFilter,
    FlowFilterId,
    FlowRunFilter,
    FlowRunFilterEndTime,
    FlowRunFilterId,
    FlowRunFilterState,
    FlowRunFilterStateType,
    TaskRunFilter,
    TaskRunFilterEndTime,
    TaskRunFilterId,
    TaskRunFilterStartTime,
)
from prefect.client.schemas.objects import FlowRun, StateType, TaskRun
from prefect.client.schemas.sorting import FlowRunSort, TaskRunSort
from prefect.types import DateTime
from sqlmodel import col, select

from casemill.db import Database
from casemill.models import ATTEMPT_NOT_OVER, NOT_OVER, Job, TaskAttempt
from casemill.models.columns import utc_now
from casemill.monitoring.apply_changes import apply_changes, close_left_attempts, make_due_pending
from casemill.monitoring.changes import Change, JobGone
from casemill.monitoring.snapshots import changes_of_run, changes_of_task_run

_PAGE = 200  # the most Prefect returns at once
_OVERLAP = timedelta(minutes=10)  # clocks of workers, and what is on its way, are no further off
_LAST_WORDS = timedelta(minutes=1)  # after a job's end, for its tasks' last events to come in
_OPEN = [
    StateType.SCHEDULED,
    StateType.PENDING,
    StateType.RUNNING,
    StateType.PAUSED,
    StateType.CANCELLING,
]

T = TypeVar("T")


class Reconciler:
    """Reads runs from Prefect and records them. Anything it raises leaves whole pages recorded, or not."""

    def __init__(self, client: SyncPrefectClient, database: Database, at_most: int) -> None:
        self._client = client
        self._database = database
        self._at_most = at_most
        self._flow_names: dict[UUID, str] = {}

    def refresh(self, job_ids: Collection[UUID]) -> list[FlowRun]:
        """The jobs as Prefect has them now; those that it does not know are gone."""
        found: list[FlowRun] = []
        for ids in _pages(list(job_ids)):
            asked_at = utc_now()
            runs = self._client.read_flow_runs(
                flow_run_filter=FlowRunFilter(id=FlowRunFilterId(any_=ids)), limit=_PAGE
            )
            gone = [JobGone(job_id, asked_at) for job_id in set(ids) - {run.id for run in runs}]
            self._record([*self._changes(runs, asked_at), *gone])
            found.extend(runs)
        return found

    def reconcile(self, since: datetime | None) -> datetime:
        """All that changed since, and all that is open here or there. Since when the next one has to look."""
        begun = utc_now()
        from_when = (since or datetime(2000, 1, 1, tzinfo=UTC)) - _OVERLAP
        after = DateTime.fromtimestamp(from_when.timestamp(), UTC)
        open_there = FlowRunFilter(state=FlowRunFilterState(type=FlowRunFilterStateType(any_=_OPEN)))
        ended = FlowRunFilter(end_time=FlowRunFilterEndTime(after_=after))
        seen: set[UUID] = set()
        for wanted in (open_there, ended):
            seen |= self._take_over_runs(wanted)
        with self._database.read() as session:
            open_here = set(session.exec(select(Job.id).where(col(Job.status).in_(NOT_OVER))))
        self.refresh(open_here - seen)
        for wanted in (
            TaskRunFilter(end_time=TaskRunFilterEndTime(after_=after)),
            TaskRunFilter(start_time=TaskRunFilterStartTime(after_=after)),
        ):
            self._take_over_task_runs(wanted)
        with self._database.read() as session:
            unfinished = set(
                session.exec(
                    select(TaskAttempt.task_run_id).where(col(TaskAttempt.status).in_(ATTEMPT_NOT_OVER))
                )
            )
        for ids in _pages(list(unfinished)):
            self._take_over_task_runs(TaskRunFilter(id=TaskRunFilterId(any_=ids)))
        with self._database.write() as session:
            make_due_pending(session, utc_now())
            close_left_attempts(session, utc_now() - _LAST_WORDS)
        return begun

    def _take_over_runs(self, wanted: FlowRunFilter) -> set[UUID]:
        seen: set[UUID] = set()
        offset = 0
        while True:
            asked_at = utc_now()
            runs = self._client.read_flow_runs(
                flow_run_filter=wanted, sort=FlowRunSort.ID_DESC, limit=_PAGE, offset=offset
            )
            self._record(self._changes(runs, asked_at))
            seen.update(run.id for run in runs)
            offset += len(runs)
            if len(runs) < _PAGE:
                return seen

    def _take_over_task_runs(self, wanted: TaskRunFilter) -> None:
        offset = 0
        while True:
            runs = self._client.read_task_runs(
                task_run_filter=wanted, sort=TaskRunSort.ID_DESC, limit=_PAGE, offset=offset
            )
            self._record(change for run in self._unknown(runs) for change in self._attempts(run))
            offset += len(runs)
            if len(runs) < _PAGE:
                return

    def _unknown(self, runs: Sequence[TaskRun]) -> list[TaskRun]:
        """Those of which not all is recorded: most are, and a history costs a request each."""
        with self._database.read() as session:
            rows = session.exec(
                select(TaskAttempt).where(col(TaskAttempt.task_run_id).in_([run.id for run in runs]))
            ).all()
        last = {(row.task_run_id, row.state_id) for row in rows}
        whole = {
            (row.task_run_id, row.attempt) for row in rows if row.started_at and row.state_id is not None
        }
        return [
            run
            for run in runs
            if (run.id, run.state_id) not in last
            or not all((run.id, number) in whole for number in range(1, run.run_count + 1))
        ]

    def _attempts(self, run: TaskRun) -> list[Change]:
        history = self._client.read_task_run_states(run.id) if run.run_count > 1 else ()
        return changes_of_task_run(run, history)

    def _changes(self, runs: Sequence[FlowRun], asked_at: datetime) -> Iterator[Change]:
        self._learn_flow_names({run.flow_id for run in runs})
        for run in runs:
            name = self._flow_names.get(run.flow_id)
            yield from changes_of_run(run, name, asked_at, self._at_most)

    def _learn_flow_names(self, ids: set[UUID]) -> None:
        if unknown := ids - set(self._flow_names):
            for wanted in _pages(list(unknown)):
                flows = self._client.read_flows(flow_filter=FlowFilter(id=FlowFilterId(any_=wanted)))
                self._flow_names.update((flow.id, flow.name) for flow in flows)

    def _record(self, changes: Iterable[Change]) -> None:
        found = list(changes)
        if found:
            with self._database.write() as session:
                apply_changes(session, found)


def _pages(ids: Sequence[T]) -> Iterator[list[T]]:
    return (list(ids[start : start + _PAGE]) for start in range(0, len(ids), _PAGE))
