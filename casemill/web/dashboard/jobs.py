"""Job Dashboard: all jobs, found by any filter, steered one by one or all that match."""

from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, ClassVar
from uuid import UUID

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse

from casemill.access.actor import Actor
from casemill.access.users import users_by_name
from casemill.models import JobStatus, JobType
from casemill.monitoring.bulk import BulkAction, Found, makes_sense
from casemill.monitoring.job_history import count_by_error
from casemill.monitoring.job_queries import JobSort
from casemill.web.api.bulk import BulkFilter
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
_MOST_USERS = 1000


@dataclass(frozen=True, slots=True)
class Head:
    """What a click on the head of a column sorts by, and which way it is sorted now."""

    next: JobSort
    now: str


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
        self, actor: Actor, workspace: Workspace, wanted: BulkFilter, sort: JobSort, page: int
    ) -> None:
        self._actor = actor
        self._workspace = workspace
        self.wanted, self.sort, self.page = wanted, sort, page

    @cached_property
    def summary(self) -> QueueSummary:
        return show_queue(self._workspace, self._actor)

    @cached_property
    def found(self) -> JobList:
        return self._list(self.wanted, self.sort, self.page, _PER_PAGE)

    @cached_property
    def planned(self) -> int:
        """How many match that schedules have planned, and are left out."""
        if self.wanted.planned or (self.wanted.status and JobStatus.SCHEDULED not in self.wanted.status):
            return 0
        to_come = self.wanted.model_copy(update={"status": [JobStatus.SCHEDULED]})
        with_planned = to_come.model_copy(update={"planned": True})
        return self._total(with_planned) - self._total(to_come)

    @cached_property
    def users(self) -> dict[str, str]:
        """Names by id, for those who see everybody's jobs."""
        if self._actor.only_of is not None:
            return {}
        with self._workspace.database.read() as session:
            return {str(user.id): user.name for user in users_by_name(session, 1, _MOST_USERS)[0]}

    @cached_property
    def same_error(self) -> dict[str, int]:
        """How many jobs have each of the errors on this page."""
        fingerprints = {job.error_fingerprint for job in self.found.jobs if job.error_fingerprint}
        if not fingerprints:
            return {}
        with self._workspace.database.read() as session:
            return count_by_error(session, fingerprints, self._actor.only_of)

    @property
    def sees_all(self) -> bool:
        return self._actor.only_of is None

    @property
    def is_filtered(self) -> bool:
        return not self.wanted.is_empty

    def head(self, column: str) -> Head:
        """Of a column that can be sorted by: the other way round if it is already."""
        rising, falling = JobSort(column), JobSort(f"-{column}")
        if self.sort == falling:
            return Head(rising, "descending")
        return Head(falling, "ascending" if self.sort == rising else "")

    def actions(self, job: ShownJob) -> list[str]:
        return actions_of(job)

    def _total(self, wanted: BulkFilter) -> int:
        return self._list(wanted, JobSort.NEWEST, 1, 1).total

    def _list(self, wanted: BulkFilter, sort: JobSort, page: int, per_page: int) -> JobList:
        return list_jobs(
            self._actor, self._workspace, **dict(wanted), sort=sort, page=page, per_page=per_page
        )


def actions_of(job: ShownJob) -> list[str]:
    """What makes sense to do with it now."""
    known = Found(job.id, job.status, job.sub_status)
    return [action.value for action in BulkAction if makes_sense(action, known)]


@router.get("/jobs")
def show_jobs(
    request: Request,
    actor: Viewer,
    workspace: GivenWorkspace,
    status: Annotated[list[JobStatus], WithoutEmpty, Query(default_factory=list)],
    type: Annotated[list[JobType], WithoutEmpty, Query(default_factory=list)],
    user: Annotated[Word | None, NoneIfEmpty] = None,
    batch: Annotated[UUID | None, NoneIfEmpty] = None,
    error: Annotated[Word | None, NoneIfEmpty] = None,
    created_from: Day = None,
    created_to: Day = None,
    tz: Zone = "",
    q: Annotated[Word | None, NoneIfEmpty] = None,
    planned: bool = False,
    sort: JobSort = JobSort.NEWEST,
    page: PageNumber = 1,
) -> HTMLResponse:
    """Days are those of the time zone `tz`. Who asks for scheduled jobs is shown planned ones too."""
    wanted = BulkFilter(
        status=list(dict.fromkeys(status)),
        type=list(dict.fromkeys(type)),
        user=user,
        batch=batch,
        error=error,
        created_from=begin_of(created_from, tz),
        created_to=end_of(created_to, tz),
        q=q,
        planned=planned or JobStatus.SCHEDULED in status,
    )
    return show(request, actor, "jobs.html", view=JobsView(actor, workspace, wanted, sort, page))
