"""Queue Management: what runs, what waits and why; pausing, clearing, limits; everybody's or one user's."""

from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from casemill.access.actor import Actor
from casemill.models import JobStatus, LimitName, Role
from casemill.web.api.limits import ShownLimit, list_limits
from casemill.web.api.queue import JobInQueue, QueueSummary, ShownQueue, show_queue
from casemill.web.dashboard.jobs import actions_of
from casemill.web.dashboard.query import NoneIfEmpty
from casemill.web.deps import GivenWorkspace, Viewer
from casemill.web.rendering import show
from casemill.web.shown_jobs import ShownJob
from casemill.workspace import Workspace

router = APIRouter()

_UNITS = ((3600, "hours"), (60, "minutes"), (1, "seconds"))


@dataclass(frozen=True, slots=True)
class EditedLimit:
    """A limit as people read and change it: `seconds` says how long the unit of a stretch of time is."""

    limit: ShownLimit
    title: str
    used: int | None = None
    seconds: int | None = None
    unit: str = ""

    @property
    def shown(self) -> str:
        return f"{self.limit.value / (self.seconds or 1):g}" if self.seconds else str(self.limit.value)


@dataclass(frozen=True, slots=True)
class Steered:
    """The queue that the buttons of the page steer. user_id is None for the one of all."""

    user_id: UUID | None
    paused: bool
    waiting: int
    name: str
    """As in a sentence: the whole queue, your queue, Ada's queue."""

    @property
    def query(self) -> str:
        return f"?user={self.user_id}" if self.user_id else ""


class QueueView:
    """What the page shows; each part is worked out when it is drawn."""

    def __init__(self, actor: Actor, workspace: Workspace, *, user: UUID | None) -> None:
        self._actor = actor
        self._workspace = workspace
        self.user = user

    @cached_property
    def summary(self) -> QueueSummary:
        return show_queue(self._workspace, self._actor, self.user)

    @property
    def now(self) -> list[tuple[str, str, list[JobInQueue]]]:
        """Title, order and jobs of what runs and of what waits; what there is none of is left out."""
        running = [each for each in self.summary.jobs if each.job.status == JobStatus.RUNNING]
        waiting = [each for each in self.summary.jobs if each.job.status == JobStatus.PENDING]
        groups = [
            ("Running", "the longest first", running),
            ("Waiting", "in the order in which they start", waiting),
        ]
        return [group for group in groups if group[2]]

    @property
    def later(self) -> list[JobInQueue]:
        """Those whose time has not come."""
        return [each for each in self.summary.jobs if each.job.status == JobStatus.SCHEDULED]

    def due(self, job: ShownJob) -> datetime:
        """Since when it waits; what goes before others is dated back by far."""
        return max(job.created_at, job.scheduled_at or job.created_at)

    @property
    def queues(self) -> list[ShownQueue]:
        """Of users, the busiest first."""
        found = [queue for queue in self.summary.queues if queue.user_id]
        return sorted(found, key=lambda queue: (-queue.running - queue.waiting, queue.user_name or ""))

    @cached_property
    def own(self) -> ShownQueue | None:
        """The queue of the user whose jobs are shown; None for everybody, and before their first job."""
        return self._queue_of(self.user) if self.user else None

    @property
    def whose(self) -> str:
        """As in a title."""
        if self.user == self._actor.user_id:
            return "Your queue"
        return f"Queue of {(self.own and self.own.user_name) or self.user}" if self.user else "Whole queue"

    @property
    def steered(self) -> Steered | None:
        """Admins steer what they look at, operators their own queue."""
        me = self._actor.user_id
        if self._actor.role == Role.ADMIN and self.user is None:
            return Steered(None, self.summary.paused, self.summary.counts.pending, "the whole queue")
        if self._actor.role == Role.ADMIN and self.user != me:
            name = (self.own and self.own.user_name) or "this user"
            return self._of_user(self.user, f"the queue of {name}")
        if self._actor.role.includes(Role.OPERATOR) and self.user in (None, me):
            return self._of_user(me, "your queue")
        return None

    @property
    def limits(self) -> list[EditedLimit]:
        now = self.summary.limits
        per_user = self.own.running if self.own else now.jobs_per_user.used
        used = {LimitName.JOBS_AT_ONCE: now.jobs_at_once.used, LimitName.JOBS_PER_USER: per_user}
        return [
            _edited(limit, used.get(limit.name)) for limit in list_limits(self._actor, self._workspace).limits
        ]

    @cached_property
    def users(self) -> dict[UUID | None, str]:
        return {queue.user_id: queue.user_name or "" for queue in self.summary.queues}

    def actions(self, job: ShownJob) -> list[str]:
        return [action for action in actions_of(job) if action in ("pause", "resume", "cancel")]

    def name_of(self, job_id: UUID) -> str:
        return self.summary.names.get(job_id) or f"job {str(job_id)[:8]}"

    def _queue_of(self, user: UUID | None) -> ShownQueue | None:
        return next((queue for queue in self.summary.queues if queue.user_id == user), None)

    def _of_user(self, user: UUID | None, name: str) -> Steered:
        queue = self._queue_of(user)
        return Steered(user, queue is not None and queue.paused, queue.waiting if queue else 0, name)


_TITLES = {
    LimitName.JOBS_AT_ONCE: "Jobs at once",
    LimitName.JOBS_PER_USER: "Jobs at once, per user",
    LimitName.JOB_SECONDS: "Longest run of a job",
    LimitName.RESULT_SECONDS: "Results of tasks are kept",
}


def _edited(limit: ShownLimit, used: int | None) -> EditedLimit:
    title = _TITLES[limit.name]
    if limit.name in (LimitName.JOBS_AT_ONCE, LimitName.JOBS_PER_USER):
        return EditedLimit(limit, title, used=used)
    seconds, unit = next(each for each in _UNITS if limit.value % each[0] == 0)
    return EditedLimit(limit, title, seconds=seconds, unit=unit)


@router.get("/pipeline/queue")
def show_queue_page(
    request: Request,
    actor: Viewer,
    workspace: GivenWorkspace,
    user: Annotated[UUID | None, NoneIfEmpty] = None,
) -> HTMLResponse:
    """Everybody's jobs as far as one sees them, or those of one user."""
    view = QueueView(actor, workspace, user=user)
    return show(request, actor, "queue.html", view=view)
