"""Attempts of tasks: what ran in jobs, and how well it goes."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path, Query
from pydantic import AwareDatetime

from casemill.errors import NotFound
from casemill.models import AttemptStatus, TaskAttempt
from casemill.models.columns import utc_now
from casemill.monitoring.periods import Period
from casemill.monitoring.rollups import Tally, tally_by_function, tally_by_time
from casemill.monitoring.task_queries import Cursor, TaskFilter, tasks, tasks_from
from casemill.web.deps import GivenWorkspace, Viewer
from casemill.web.shown_tasks import (
    Bucket,
    FunctionTally,
    ShownTask,
    TaskDetail,
    TaskList,
    TaskName,
    TaskNames,
    TaskStatistics,
    Throughput,
)
from casemill.web.text import PageNumber, PerPage, Word
from casemill.workspace import Workspace

router = APIRouter(tags=["tasks"])

GivenPeriod = Annotated[Period, Query(description="What ended in it, until now, is counted.")]


@router.get("/tasks")
def list_tasks(
    actor: Viewer,
    workspace: GivenWorkspace,
    name: Annotated[Word | None, Query(description="Of this function.")] = None,
    status: AttemptStatus | None = None,
    from_: Annotated[AwareDatetime | None, Query(alias="from", description="Created then or later.")] = None,
    to: Annotated[AwareDatetime | None, Query(description="Created then or before.")] = None,
    job: Annotated[UUID | None, Query(description="Of this job.")] = None,
    page: PageNumber = 1,
    cursor: Annotated[
        str | None,
        Query(
            max_length=40, description="`next` or `previous` of another page; then `page` counts for nothing."
        ),
    ] = None,
    per_page: PerPage = 50,
) -> TaskList:
    """Attempts of tasks in jobs that one sees, the newest first."""
    wanted = TaskFilter(name, status, from_, to, job, actor.only_of)
    with workspace.database.read() as session:
        if cursor:
            found = tasks_from(session, wanted, Cursor.read(cursor), per_page)
        else:
            found = tasks(session, wanted, page, per_page)
    return TaskList(
        tasks=[ShownTask.of(attempt) for attempt in found.attempts],
        has_next=found.next is not None,
        has_previous=found.previous is not None,
        next=str(found.next) if found.next else None,
        previous=str(found.previous) if found.previous else None,
    )


@router.get("/tasks/stats")
def show_task_statistics(
    _actor: Viewer, workspace: GivenWorkspace, period: GivenPeriod = Period.DAY
) -> TaskStatistics:
    """How many attempts ended and how, all together and by function. They are the team's."""
    since, until = _reach(period)
    found = _by_function(workspace, since, until)
    functions = [FunctionTally.of(tally, name=name) for name, tally in found]
    everything = sum((tally for _, tally in found), Tally())
    return TaskStatistics.of(everything, period=period, since=since, until=until, functions=functions)


@router.get("/tasks/throughput")
def show_task_throughput(
    _actor: Viewer, workspace: GivenWorkspace, period: GivenPeriod = Period.DAY
) -> Throughput:
    """How many attempts ended and how, over time."""
    since, until = _reach(period)
    with workspace.database.read() as session:
        found = tally_by_time(session, since, until, period.bucket)
    return Throughput(
        period=period,
        since=since,
        until=until,
        bucket_seconds=int(period.bucket.total_seconds()),
        buckets=[Bucket.of(tally, start=start) for start, tally in found],
    )


@router.get("/tasks/names")
def list_task_names(_actor: Viewer, workspace: GivenWorkspace, period: GivenPeriod = Period.DAY) -> TaskNames:
    """Which functions there are, and how often each ran."""
    found = _by_function(workspace, *_reach(period))
    return TaskNames(period=period, names=[TaskName(name=name, count=tally.total) for name, tally in found])


@router.get("/tasks/{id}")
def show_task(
    attempt_id: Annotated[int, Path(alias="id", ge=1, le=2**31 - 1)], actor: Viewer, workspace: GivenWorkspace
) -> TaskDetail:
    """All that is known of an attempt, with its result or its error and traceback."""
    with workspace.database.read() as session:
        attempt = session.get(TaskAttempt, attempt_id)
    if attempt is None or not actor.sees(attempt.user_id):
        raise NotFound(
            f"No attempt {attempt_id} among those you can see; the list of tasks shows what there is"
        )
    return TaskDetail.of(attempt)


def _reach(period: Period) -> tuple[datetime, datetime]:
    now = utc_now()
    return now - period.span, now


def _by_function(workspace: Workspace, since: datetime, until: datetime) -> list[tuple[str, Tally]]:
    """The most executed first."""
    with workspace.database.read() as session:
        found = tally_by_function(session, since, until)
    return sorted(found.items(), key=lambda pair: (-pair[1].total, pair[0]))
