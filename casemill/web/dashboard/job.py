"""A job's page: what became of it and why, and what can be done with it now."""

import json
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Self
from uuid import UUID

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse
from sqlmodel import col, select

from casemill.access.actor import Actor
from casemill.errors import NotFound
from casemill.models import OVER, Job, User
from casemill.models.columns import utc_now
from casemill.monitoring.job_logs import LogLevel
from casemill.web.api.jobs import show_job
from casemill.web.dashboard.jobs import actions_of
from casemill.web.deps import GivenWorkspace, Viewer
from casemill.web.job_detail import JobDetail, ProgressThen
from casemill.web.rendering import show
from casemill.web.shown_jobs import ShownJob
from casemill.workspace import Workspace

router = APIRouter()

_WIDE, _HIGH = 600, 100


@dataclass(frozen=True, slots=True)
class ProgressChart:
    """A line in a field of 600 x 100, from `since` to `until`."""

    since: datetime
    until: datetime
    line: str

    @classmethod
    def of(cls, history: list[ProgressThen], until: datetime) -> Self | None:
        """None where there is no line yet: it takes two moments."""
        if not history or (until := max(until, history[-1].at)) <= history[0].at:
            return None
        since = history[0].at
        points = [(then.at, then.percent) for then in history] + [(until, history[-1].percent)]
        line = " ".join(
            f"{_WIDE * ((at - since) / (until - since)):.1f},{_HIGH - _HIGH * min(percent, 100) / 100:.1f}"
            for at, percent in points
        )
        return cls(since, until, line)

    @property
    def area(self) -> str:
        """What lies under the line."""
        return f"0,{_HIGH} {self.line} {_WIDE},{_HIGH}"


class JobView:
    """What the page shows; each part is worked out when it is drawn."""

    levels = tuple(LogLevel)

    def __init__(self, actor: Actor, workspace: Workspace, job: JobDetail) -> None:
        self._actor = actor
        self._workspace = workspace
        self.job = job

    @property
    def is_over(self) -> bool:
        return self.job.status in OVER

    @property
    def waits(self) -> bool:
        """What others do concerns it as well then."""
        return self.job.waiting is not None

    @property
    def has_process(self) -> bool:
        """A worker said that it began one, and nobody that it is gone."""
        began, ended = self.job.process_began_at, self.job.process_ended_at
        return began is not None and (ended is None or ended < began)

    @property
    def actions(self) -> list[str]:
        return [*actions_of(self.job), "unpin" if self.job.pinned else "pin"]

    @property
    def seconds(self) -> float | None:
        """How long it has worked, or has been at it until now."""
        job = self.job
        if job.started_at is None:
            return None
        if job.status == "running":
            return max(job.execution_seconds, (utc_now() - job.started_at).total_seconds())
        return job.execution_seconds

    @property
    def waited(self) -> float | None:
        """Seconds from when it could have begun until it first did."""
        job = self.job
        if job.started_at is None:
            return None
        return max(
            (job.started_at - max(job.created_at, job.scheduled_at or job.created_at)).total_seconds(), 0
        )

    @cached_property
    def chart(self) -> ProgressChart | None:
        return ProgressChart.of(self.job.progress_history, self.job.finished_at or utc_now())

    @property
    def parameters(self) -> str:
        return json.dumps(self.job.parameters, indent=2, ensure_ascii=False) if self.job.parameters else ""

    @cached_property
    def user(self) -> str | None:
        """Whose it is; none for one of a schedule."""
        if self.job.user_id is None:
            return None
        with self._workspace.database.read() as session:
            user = session.get(User, self.job.user_id)
        return user.name if user else f"a user who is no longer there ({self.job.user_id})"

    @cached_property
    def holders(self) -> dict[UUID, str]:
        """Titles of the jobs that the reasons for waiting name."""
        ids = (
            {job_id for reason in self.job.waiting.reasons for job_id in reason.jobs}
            if self.job.waiting
            else ()
        )
        if not ids:
            return {}
        with self._workspace.database.read() as session:
            jobs = session.exec(select(Job).where(col(Job.id).in_(ids))).all()
        return {job.id: ShownJob.of(job).title for job in jobs}


@router.get("/jobs/{job_id}")
def show_job_page(request: Request, actor: Viewer, workspace: GivenWorkspace, job_id: str) -> HTMLResponse:
    """A page too where there is no such job for who asks; an error where a part of the page asks."""
    try:
        job = show_job(_id(job_id), actor, workspace)
    except NotFound as missing:
        if "HX-Request" in request.headers:
            raise
        answer = show(request, actor, "job_missing.html", said=str(missing))
        answer.status_code = 404
        return answer
    return show(request, actor, "job.html", view=JobView(actor, workspace, job))


def _id(given: str) -> UUID:
    try:
        return UUID(given)
    except ValueError:
        raise NotFound(f"No job {given!r}: ids of jobs look like {UUID(int=0)}") from None
