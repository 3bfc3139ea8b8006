"""Pipeline Dashboard: choose cases and steps, start a batch, and follow what runs to its end."""

from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from casemill.access.actor import Actor
from casemill.access.users import names_of
from casemill.models import JobType
from casemill.monitoring.durations import in_words
from casemill.operations.batch_status import OPEN, BatchStatus
from casemill.steps.chunking import ChunkOptions
from casemill.web.api.batches import get_batch, get_batches
from casemill.web.api.cases import list_cases
from casemill.web.api.failures import FailureList, list_failures
from casemill.web.api.jobs import list_jobs
from casemill.web.api.queue import QueueSummary, show_queue
from casemill.web.api.steps import RunnableStep, list_steps
from casemill.web.dashboard.query import NoneIfEmpty
from casemill.web.deps import GivenWorkspace, Viewer
from casemill.web.job_detail import JobList
from casemill.web.rendering import show
from casemill.web.shown_batches import BatchDetail, ShownBatch, ShownEta
from casemill.web.shown_owners import CaseList
from casemill.web.text import PageNumber, Word
from casemill.workspace import Workspace

router = APIRouter()

_CASES_A_PAGE = 12
_CASES_OF_A_BATCH = 10
_CASES_OF_THE_OPENED = 50
_MOST_OPEN = 50
_IN_FULL = 5
_LATEST = 6
_JOBS = 20
_FAILURES = 20


@dataclass(frozen=True, slots=True)
class Option:
    """A field of the form, from the option's own declaration."""

    name: str
    label: str
    hint: str
    default: Any
    choices: tuple[str, ...] = ()
    least: int | None = None
    most: int | None = None

    @property
    def is_number(self) -> bool:
        return isinstance(self.default, int)

    @property
    def shown_default(self) -> str:
        """As the form has it, which is of one line: new lines and tabs are written as \\n and \\t."""
        return str(self.default).replace("\\", "\\\\").replace("\n", "\\n").replace("\t", "\\t")


def _options() -> tuple[Option, ...]:
    found: list[Option] = []
    schema = ChunkOptions.model_json_schema()["properties"]
    for name, field in ChunkOptions.model_fields.items():
        default = field.default
        found.append(
            Option(
                name=name,
                label=name.capitalize(),
                hint=field.description or "",
                default=default.value if isinstance(default, Enum) else default,
                choices=tuple(str(each.value) for each in type(default)) if isinstance(default, Enum) else (),
                least=schema[name].get("minimum"),
                most=schema[name].get("maximum"),
            )
        )
    return tuple(found)


OPTIONS = _options()


class PipelineView:
    """What the page shows; each part is worked out when it is drawn."""

    options = OPTIONS

    def __init__(
        self, actor: Actor, workspace: Workspace, *, q: str | None, page: int, batch: UUID | None
    ) -> None:
        self._actor = actor
        self._workspace = workspace
        self.q, self.page, self.batch = q, page, batch

    @cached_property
    def summary(self) -> QueueSummary:
        return show_queue(self._workspace, self._actor)

    @cached_property
    def steps(self) -> list[RunnableStep]:
        return list_steps(self._actor).steps

    @cached_property
    def found(self) -> CaseList:
        return list_cases(self._actor, self._workspace, self.q, self.page, _CASES_A_PAGE)

    @cached_property
    def _open(self) -> list[ShownBatch]:
        """Those that somebody or something will still work on."""
        return get_batches(self._actor, self._workspace, list(OPEN), 1, _MOST_OPEN).batches

    @cached_property
    def open_batches(self) -> list[BatchDetail]:
        """The newest of them, with all that is known."""
        return [
            get_batch(batch.batch_id, self._actor, self._workspace, 1, _CASES_OF_A_BATCH)
            for batch in self._open[:_IN_FULL]
        ]

    @cached_property
    def others(self) -> list[ShownBatch]:
        """The rest of the open ones, and the newest that are over."""
        newest = get_batches(self._actor, self._workspace, [], 1, _LATEST + len(self._open)).batches
        over = [batch for batch in newest if batch.status not in OPEN]
        return [*self._open[_IN_FULL:], *over[:_LATEST]]

    @cached_property
    def opened(self) -> BatchDetail:
        """The batch of the address. Raises NotFound if there is none, or none that one sees."""
        assert self.batch is not None
        return get_batch(self.batch, self._actor, self._workspace, self.page, _CASES_OF_THE_OPENED)

    @cached_property
    def users(self) -> dict[UUID, str]:
        """Whose the shown batches are, by id, for those who see everybody's."""
        if self._actor.only_of is not None:
            return {}
        shown: list[ShownBatch] = [self.opened] if self.batch else [*self.open_batches, *self.others]
        ids = {batch.user_id for batch in shown if batch.user_id}
        with self._workspace.database.read() as session:
            return names_of(session, ids)

    @cached_property
    def jobs(self) -> JobList:
        return list_jobs(self._actor, self._workspace, type=[JobType.EXTRACTION], per_page=_JOBS)

    @cached_property
    def failures(self) -> FailureList:
        return list_failures(self._actor, self._workspace, 1, _FAILURES)

    def title_of(self, step: str) -> str:
        return next((known.title for known in self.steps if known.name == step), step)

    def actions(self, batch: ShownBatch) -> list[str]:
        return actions_of(batch)

    def time_left(self, eta: ShownEta) -> str:
        return time_left(eta)


_STARTS_AGAIN = (BatchStatus.COMPLETED, BatchStatus.FAILED, BatchStatus.CANCELLED)


def actions_of(batch: ShownBatch) -> list[str]:
    """What makes sense to do with it now, in the order of the buttons."""
    status = batch.status
    found: list[str] = []
    if status in (BatchStatus.PENDING, BatchStatus.RUNNING):
        found.append("pause")
    # With a reason, a paused one waits in a queue that is paused: resuming it changes nothing. With one, a
    # failed one stopped before it was through: there is something left to go on with.
    if (status == BatchStatus.PAUSED and not batch.why) or status == BatchStatus.CANCELLED:
        found.append("resume")
    if status == BatchStatus.FAILED:
        found.append("resume" if batch.why else "retry")
    if status in _STARTS_AGAIN:
        found.append("restart")
    if status in OPEN and status != BatchStatus.CANCELLING:
        found.append("cancel")
    return found


def time_left(eta: ShownEta) -> str:
    """Such as "about 4 min, 3 to 7 min"."""
    about, low, high = in_words(eta.seconds), in_words(eta.low), in_words(eta.high)
    return f"about {about}" if low == high else f"about {about}, {_range(low, high)}"


def _range(low: str, high: str) -> str:
    """The unit once where it is the same."""
    number, _, unit = low.partition(" ")
    return f"{number} to {high}" if high.endswith(f" {unit}") and high.count(" ") == 1 else f"{low} to {high}"


@router.get("/pipeline/dashboard")
def show_pipeline(
    request: Request,
    actor: Viewer,
    workspace: GivenWorkspace,
    q: Annotated[Word | None, NoneIfEmpty] = None,
    page: PageNumber = 1,
    batch: Annotated[UUID | None, NoneIfEmpty] = None,
) -> HTMLResponse:
    """`batch` opens that one; `page` is of its cases then, and of the cases to choose from without it."""
    view = PipelineView(actor, workspace, q=q, page=page, batch=batch)
    if batch is not None:
        view.opened  # noqa: B018  not found is told before anything is drawn
        return show(request, actor, "batch.html", view=view)
    return show(request, actor, "pipeline.html", view=view)
