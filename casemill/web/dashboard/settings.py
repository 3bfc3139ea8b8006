"""Settings: one's own password and tokens; limits, retention, and for admins the users."""

from dataclasses import dataclass
from functools import cached_property
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse

from casemill.access.actor import Actor
from casemill.access.login_links import MINUTES
from casemill.access.passwords import LONGEST, SHORTEST
from casemill.access.users import user_of_id
from casemill.errors import NotFound
from casemill.models import OVER, RetentionName, Role
from casemill.web.api.jobs import show_job
from casemill.web.api.retention import (
    RetentionList,
    ShownReport,
    ShownRetention,
    list_retention,
    show_cleanup,
)
from casemill.web.api.tokens import TokenList, list_tokens
from casemill.web.api.trials import ShownTrial, list_trials
from casemill.web.api.users import ShownUser, UserList, list_users, read_user
from casemill.web.dashboard.query import NoneIfEmpty
from casemill.web.dashboard.queue import EditedLimit, QueueView
from casemill.web.deps import GivenWorkspace, Viewer
from casemill.web.job_detail import JobDetail
from casemill.web.rendering import show
from casemill.web.text import PageNumber
from casemill.workspace import Workspace

router = APIRouter()

_TITLES = {
    RetentionName.FINISHED_RUN_HOURS: "Finished runs",
    RetentionName.AD_HOC_RUN_HOURS: "Ad hoc runs",
    RetentionName.FAILED_RUN_DAYS: "Failed runs",
    RetentionName.OFFLINE_WORKER_MINUTES: "Offline workers",
    RetentionName.STALE_CLAIM_MINUTES: "Stale claims and locks",
    RetentionName.FEED_DAYS: "Feed of changes",
    RetentionName.CREDENTIAL_DAYS: "Sessions, links, tokens",
    RetentionName.TEMPORARY_FILE_HOURS: "Temporary files",
    RetentionName.MAIL_DAYS: "Mail",
    RetentionName.HISTORY_DAYS: "History of jobs",
}


@dataclass(frozen=True, slots=True)
class Preview:
    """A cleanup that only counts: its job as soon as it is recorded, its report at its end."""

    job_id: UUID
    job: JobDetail | None
    report: ShownReport | None

    @property
    def is_over(self) -> bool:
        return self.report is not None or (self.job is not None and self.job.status in OVER)


class SettingsView:
    """What the page shows; each part is worked out when it is drawn. What is the admins' asks who looks."""

    roles = tuple(Role)
    shortest, longest, link_minutes = SHORTEST, LONGEST, MINUTES

    def __init__(
        self, actor: Actor, workspace: Workspace, *, page: int, user_id: UUID | None, preview_id: UUID | None
    ) -> None:
        self._actor = actor
        self._workspace = workspace
        self._page = page
        self.user_id = user_id
        self._preview_id = preview_id

    @cached_property
    def me(self) -> ShownUser:
        with self._workspace.database.read() as session:
            return ShownUser.of(user_of_id(session, self._actor.user_id))

    @cached_property
    def tokens(self) -> TokenList:
        return list_tokens(self._actor, self._workspace, per_page=200)

    @cached_property
    def limits(self) -> list[EditedLimit]:
        return QueueView(self._actor, self._workspace, user=None).limits

    @cached_property
    def retention(self) -> RetentionList:
        return list_retention(self._actor, self._workspace)

    def title(self, row: ShownRetention) -> str:
        return _TITLES[row.name]

    @cached_property
    def users(self) -> UserList:
        self._actor.require(Role.ADMIN)
        return list_users(self._actor, self._workspace, self._page)

    @cached_property
    def trials(self) -> dict[UUID, ShownTrial]:
        """Of the users that are listed."""
        ids = [user.id for user in self.users.users]
        found = list_trials(self._actor, self._workspace, user=ids, per_page=200) if ids else None
        return {trial.user_id: trial for trial in found.trials} if found else {}

    @cached_property
    def user(self) -> ShownUser | None:
        """The one in the drawer; None if there is no such user."""
        self._actor.require(Role.ADMIN)
        if self.user_id is None:
            return None
        try:
            return read_user(self.user_id, self._actor, self._workspace)
        except NotFound:
            return None

    @cached_property
    def trial(self) -> ShownTrial | None:
        """Of the user in the drawer."""
        self._actor.require(Role.ADMIN)
        if self.user_id is None:
            return None
        found = list_trials(self._actor, self._workspace, user=[self.user_id]).trials
        return found[0] if found else None

    @cached_property
    def preview(self) -> Preview | None:
        if self._preview_id is None:
            return None
        try:
            job = show_job(self._preview_id, self._actor, self._workspace)
        except NotFound:  # started just now
            job = None
        try:
            report = show_cleanup(self._preview_id, self._actor, self._workspace)
        except NotFound:
            report = None
        return Preview(self._preview_id, job, report)


@router.get("/settings")
def show_settings(
    request: Request,
    actor: Viewer,
    workspace: GivenWorkspace,
    page: Annotated[PageNumber, Query(description="Of the users.")] = 1,
    user: Annotated[UUID | None, NoneIfEmpty, Query(description="Shown in the drawer.")] = None,
    preview: Annotated[UUID | None, NoneIfEmpty, Query(description="Job of a dry run.")] = None,
) -> HTMLResponse:
    """Everybody's own settings, and those of all for who may see them."""
    view = SettingsView(actor, workspace, page=page, user_id=user, preview_id=preview)
    return show(request, actor, "settings.html", view=view)
