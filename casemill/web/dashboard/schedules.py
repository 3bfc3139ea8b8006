"""Schedules: what starts by the clock, Casemill's own and batches of users; and ordering a batch for later.

What is planned is Prefect's answer, which can take a second: the page comes at once, and asks for its two
lists when it is there.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Generic, TypeVar
from uuid import UUID

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from casemill.access.actor import Actor
from casemill.access.users import names_of
from casemill.errors import Unavailable
from casemill.web.api.batch_schedules import ShownBatchSchedule, list_batch_schedules
from casemill.web.api.schedules import ShownSchedule, list_schedules
from casemill.web.api.steps import RunnableStep, list_steps
from casemill.web.deps import GivenWorkspace, Viewer
from casemill.web.rendering import show
from casemill.web.when import cron_in_words, every
from casemill.workspace import Workspace

router = APIRouter()

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Told(Generic[T]):
    """What there is; without Prefect none, and why."""

    schedules: list[T]
    trouble: str | None = None


class SchedulesView:
    """What the page shows. Without `asked_for_part` it is the frame alone, without the lists."""

    def __init__(self, actor: Actor, workspace: Workspace, *, asked_for_part: bool) -> None:
        self._actor = actor
        self._workspace = workspace
        self.is_there = asked_for_part

    @cached_property
    def own(self) -> Told[ShownSchedule]:
        return _told(lambda: list_schedules(self._actor, self._workspace).schedules)

    @cached_property
    def batches(self) -> Told[ShownBatchSchedule]:
        return _told(lambda: list_batch_schedules(self._actor, self._workspace).schedules)

    @cached_property
    def steps(self) -> list[RunnableStep]:
        return list_steps(self._actor).steps

    @cached_property
    def _owners(self) -> dict[UUID, str]:
        ids = {schedule.user_id for schedule in self.batches.schedules}
        with self._workspace.database.read() as session:
            return names_of(session, ids)

    def owner(self, schedule: ShownBatchSchedule) -> str:
        if schedule.user_id == self._actor.user_id:
            return "Yours"
        return f"Of {self._owners.get(schedule.user_id, 'a user who is gone')}"

    def cases(self, schedule: ShownBatchSchedule) -> str:
        if schedule.case_count:
            return "1 case" if schedule.case_count == 1 else f"{schedule.case_count:,} cases"
        return f"Cases with “{schedule.search}” in their name" if schedule.search else "All cases"

    def title(self, schedule: ShownSchedule) -> str:
        """job-cleanup/default -> Job cleanup."""
        return schedule.name.removesuffix("/default").replace("-", " ").capitalize()

    def when(self, schedule: ShownSchedule | ShownBatchSchedule) -> str:
        if schedule.cron:
            return cron_in_words(schedule.cron, schedule.timezone)
        if isinstance(schedule, ShownSchedule) and schedule.every_seconds:
            return every(schedule.every_seconds)
        return "Once" if isinstance(schedule, ShownBatchSchedule) else "By a rule of its own"

    def effect(self, schedule: ShownSchedule) -> str:
        """What starting it now does, before it is confirmed."""
        known = _EFFECTS.get(schedule.name.split("/")[0])
        return (
            known or f"{schedule.description or 'It does what it does by the clock.'} It concerns all users."
        )


_EFFECTS = {
    "job-cleanup": "It deletes, for good, runs, sessions, files and history of everybody that are past their "
    "time, as Settings has it. What was deleted cannot be brought back.",
    "mail-delivery": "It sends every message of the outbox that waits, to real people. What was sent cannot "
    "be taken back; no message is sent twice.",
    "trial-reminders": "It sends a mail to every user whose trial ends soon and who was not reminded yet.",
    "trial-expirations": "It ends every trial whose time is over, and sends its user a mail that says so.",
    "search-sync": "It compares search with the database and repairs what differs: what is missing is added, "
    "what should not be found any more is taken out.",
}


def _told(read: Callable[[], list[T]]) -> Told[T]:
    try:
        return Told(read())
    except Unavailable as error:
        return Told([], str(error))


@router.get("/schedules")
def show_schedules(request: Request, actor: Viewer, workspace: GivenWorkspace) -> HTMLResponse:
    view = SchedulesView(actor, workspace, asked_for_part="HX-Target" in request.headers)
    return show(request, actor, "schedules.html", view=view)
