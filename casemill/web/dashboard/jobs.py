"""Job Dashboard: all jobs, found by any filter, steered one by one or all that match."""

from datetime import datetime
from functools import cached_property
from typing import Annotated, ClassVar
from uuid import UUID

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse

from casemill.access.actor import Actor
from casemill.models import JobStatus, JobType
from casemill.monitoring.bulk import BulkAction, Found, makes_sense
from casemill.monitoring.job_queries import JobSort
from casemill.web.api.jobs import list_jobs
from casemill.web.api.queue import QueueSummary, show_queue
from casemill.web.dashboard.query import Day, NoneIfEmpty, WithoutEmpty, Zone, begin_of, end_of
from casemill.web.deps import GivenWorkspace, Viewer
from casemill.web.job_detail import JobList
from casemill.web.rendering import show
from casemill.web.shown_jobs import ShownJob
from casemill.web.text import PageNumber, Word
from casemill.workspace import Workspace

router = APIRouter()

_PER_PAGE = 50


class JobsView:
    """What the page shows; each part is worked out when it is drawn."""

    statuses = tuple(JobStatus)
    types = tuple(JobType)
    sorts: ClassVar = {
        JobSort.NEWEST: "Newest first",
        JobSort.OLDEST: "Oldest first",
        JobSort.STATUS: "Status, A to Z",
        JobSort.STATUS_REVERSED: "Status, Z to A",
        JobSort.MOST_PROGRESS: "Most progress",
        JobSort.LEAST_PROGRESS: "Least progress",
    }

    def __init__(
        self,
        actor: Actor,
        workspace: Workspace,
        *,
        status: list[JobStatus],
        type: list[JobType],
        user: str | None,
        batch: UUID | None,
        created_from: datetime | None,
        created_to: datetime | None,
        q: str | None,
        sort: JobSort,
        page: int,
    ) -> None:
        self._actor = actor
        self._workspace = workspace
        self.status, self.type, self.user, self.batch = status, type, user, batch
        self.created_from, self.created_to = created_from, created_to
        self.q, self.sort, self.page = q, sort, page

    @cached_property
    def summary(self) -> QueueSummary:
        return show_queue(self._workspace, self._actor)

    @cached_property
    def found(self) -> JobList:
        return list_jobs(
            self._actor,
            self._workspace,
            status=self.status,
            type=self.type,
            user=self.user,
            batch=self.batch,
            created_from=self.created_from,
            created_to=self.created_to,
            q=self.q,
            sort=self.sort,
            page=self.page,
            per_page=_PER_PAGE,
        )

    @property
    def is_filtered(self) -> bool:
        given = [*self.status, *self.type, self.user, self.batch, self.created_from, self.created_to, self.q]
        return any(given)

    def actions(self, job: ShownJob) -> list[str]:
        return actions_of(job)


def actions_of(job: ShownJob) -> list[str]:
    """What makes sense to do with it now."""
    known = Found(job.id, job.status, job.sub_status)
    return [action.value for action in BulkAction if makes_sense(action, known)]


@router.get("/jobs")
def show_jobs(
    request: Request,
    actor: Viewer,
    workspace: GivenWorkspace,
    status: Annotated[list[JobStatus], WithoutEmpty, Query()] = [],  # noqa: B006  FastAPI copies it
    type: Annotated[list[JobType], WithoutEmpty, Query()] = [],  # noqa: B006
    user: Annotated[Word | None, NoneIfEmpty] = None,
    batch: Annotated[UUID | None, NoneIfEmpty] = None,
    created_from: Day = None,
    created_to: Day = None,
    tz: Zone = "",
    q: Annotated[Word | None, NoneIfEmpty] = None,
    sort: JobSort = JobSort.NEWEST,
    page: PageNumber = 1,
) -> HTMLResponse:
    """The days of the filter are those of the time zone `tz`."""
    view = JobsView(
        actor,
        workspace,
        status=status,
        type=type,
        user=user,
        batch=batch,
        created_from=begin_of(created_from, tz),
        created_to=end_of(created_to, tz),
        q=q,
        sort=sort,
        page=page,
    )
    return show(request, actor, "jobs.html", view=view)
