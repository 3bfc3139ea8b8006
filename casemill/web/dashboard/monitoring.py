"""Job Monitoring: how tasks go, and each attempt of one with its result or its error."""

from datetime import datetime
from functools import cached_property
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse

from casemill.access.actor import Actor
from casemill.errors import BadInput, NotFound
from casemill.models import AttemptStatus
from casemill.monitoring.periods import Period
from casemill.monitoring.visible_jobs import visible_job
from casemill.web.api.tasks import (
    list_task_names,
    list_tasks,
    show_task,
    show_task_statistics,
    show_task_throughput,
)
from casemill.web.api.workers import Workers, list_workers
from casemill.web.dashboard.query import Day, NoneIfEmpty, Zone, begin_of, end_of
from casemill.web.deps import GivenWorkspace, Viewer
from casemill.web.rendering import show
from casemill.web.shown_jobs import ShownJob
from casemill.web.shown_tasks import TaskDetail, TaskList, TaskStatistics, Throughput
from casemill.web.text import Word
from casemill.workspace import Workspace

router = APIRouter()

_PERIODS = {
    Period.HOUR: "hour",
    Period.QUARTER_DAY: "6 hours",
    Period.DAY: "24 hours",
    Period.WEEK: "7 days",
    Period.MONTH: "30 days",
}


class MonitoringView:
    """What the page shows; each part is worked out when it is drawn."""

    statuses = tuple(AttemptStatus)
    periods = tuple(Period)

    def __init__(
        self,
        actor: Actor,
        workspace: Workspace,
        *,
        period: Period,
        name: str | None,
        status: AttemptStatus | None,
        created_from: datetime | None,
        created_to: datetime | None,
        cursor: str | None,
        task_id: int | None,
    ) -> None:
        self._actor = actor
        self._workspace = workspace
        self.period, self.name, self.status, self.cursor = period, name, status, cursor
        self.created_from, self.created_to, self.task_id = created_from, created_to, task_id

    @property
    def period_in_words(self) -> str:
        return _PERIODS[self.period]

    @cached_property
    def workers(self) -> Workers:
        return list_workers(self._workspace, self._actor)

    @cached_property
    def statistics(self) -> TaskStatistics:
        return show_task_statistics(self._actor, self._workspace, self.period)

    @cached_property
    def throughput(self) -> Throughput:
        return show_task_throughput(self._actor, self._workspace, self.period)

    @cached_property
    def names(self) -> list[str]:
        """What the list can be narrowed to: functions of the last month, and what it is narrowed to now."""
        known = list_task_names(self._actor, self._workspace, Period.MONTH).names
        return sorted({each.name for each in known} | ({self.name} if self.name else set()))

    @cached_property
    def found(self) -> TaskList:
        return list_tasks(
            self._actor,
            self._workspace,
            name=self.name,
            status=self.status,
            from_=self.created_from,
            to=self.created_to,
            cursor=self.cursor,
        )

    @property
    def is_filtered(self) -> bool:
        return any([self.name, self.status, self.created_from, self.created_to])

    @property
    def wants_failures(self) -> bool:
        """Then finding nothing is good news."""
        return self.status == AttemptStatus.FAILED

    @cached_property
    def task(self) -> TaskDetail | None:
        """The one in the drawer; None if there is none of that number that one sees."""
        if self.task_id is None:
            return None
        try:
            return show_task(self.task_id, self._actor, self._workspace)
        except NotFound:
            return None

    def name_of_job(self, job_id: UUID) -> str | None:
        """None for a job that was deleted."""
        with self._workspace.database.read() as session:
            try:
                return ShownJob.of(visible_job(session, self._actor, job_id)).title
            except NotFound:
                return None


@router.get("/admin/jobs")
def show_monitoring(
    request: Request,
    actor: Viewer,
    workspace: GivenWorkspace,
    period: Period = Period.DAY,
    name: Annotated[Word | None, NoneIfEmpty] = None,
    status: Annotated[AttemptStatus | None, NoneIfEmpty] = None,
    created_from: Day = None,
    created_to: Day = None,
    tz: Zone = "",
    cursor: Annotated[str | None, NoneIfEmpty, Query(max_length=40)] = None,
    task: Annotated[int | None, NoneIfEmpty, Query(ge=1, le=2**31 - 1)] = None,
) -> HTMLResponse:
    """Statistics of the period; attempts created on the days of the filter, which are those of `tz`."""
    first, last = begin_of(created_from, tz), end_of(created_to, tz)
    if first and last and first > last:
        raise BadInput("The first day is after the last one; swap them")
    view = MonitoringView(
        actor,
        workspace,
        period=period,
        name=name,
        status=status,
        created_from=first,
        created_to=last,
        cursor=cursor,
        task_id=task,
    )
    return show(request, actor, "monitoring.html", view=view)
