"""What changes, as it changes: server-sent events from the feed."""

import asyncio
import time
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Header, Path, Query, Request

from casemill.access.actor import Actor
from casemill.db import Database
from casemill.errors import BadInput, NotFound, NotSignedIn
from casemill.models import FeedKind, Job
from casemill.web.deps import GivenWorkspace, Viewer, signing_key_of
from casemill.web.entry import entry_of
from casemill.web.feed import feed_of
from casemill.web.feed_stream import FeedResponse, FeedStream

router = APIRouter(tags=["events"])

_LARGEST = 2**63 - 1
_RECORDED_WITHIN_SECONDS = 2.0  # a job that was just started is known to the recorder
_LOOK_AGAIN_SECONDS = 0.1

After = Annotated[int | None, Query(ge=0, le=_LARGEST, description="Replay what came after this event.")]
LastEventId = Annotated[
    int | None,
    Header(
        alias="Last-Event-ID", ge=0, le=_LARGEST, description="As `after`; sent by browsers that come back."
    ),
]
Kinds = Annotated[
    list[str],
    Query(
        description=f"Only these, repeated or with commas between: {', '.join(FeedKind)}. Default: all.",
        examples=[["job", "progress"]],
    ),
]
_STREAM = """

Events are named after the kind of change: job, progress, step (an attempt of a task), batch, worker, alert,
document (its status).
Their data is JSON with `id`, `job_id` and `occurred_at` besides what changed. The event's `id:` is where to
go on after a lost connection: send it as `Last-Event-ID`, as browsers do by themselves. An event may come
twice then; the `id` in its data tells. Event `reset` says that some of what was missed is no longer there:
load again what you show. A comment every 15 seconds says that the connection stands.
"""


@router.get(
    "/events",
    status_code=200,  # its class does not say
    response_class=FeedResponse,
    description="Changes of all jobs and batches one sees, from now on." + _STREAM,
)
async def follow_events(
    request: Request,
    workspace: GivenWorkspace,
    actor: Viewer,
    kinds: Kinds = [],  # noqa: B006  FastAPI copies it
    after: After = None,
    last_event_id: LastEventId = None,
) -> FeedResponse:
    stream = FeedStream(
        feed=feed_of(request),
        database=workspace.database,
        actor=actor,
        ask_again=lambda: _who_asks(request, workspace.database),
        kinds=_kinds(kinds),
        after=after if last_event_id is None else last_event_id,
    )
    return FeedResponse(stream.run())


@router.get(
    "/jobs/{id}/events",
    status_code=200,  # its class does not say
    response_class=FeedResponse,
    description="Changes of one job from its beginning; closes after event `end`, which comes when the job "
    "is over. Do not come back after that." + _STREAM,
)
async def follow_job(
    request: Request,
    workspace: GivenWorkspace,
    actor: Viewer,
    job_id: Annotated[UUID, Path(alias="id")],
    kinds: Kinds = [],  # noqa: B006
    after: After = None,
    last_event_id: LastEventId = None,
) -> FeedResponse:
    wanted = _kinds(kinds)
    await _recorded(workspace.database, job_id, actor)
    stream = FeedStream(
        feed=feed_of(request),
        database=workspace.database,
        actor=actor,
        ask_again=lambda: _who_asks(request, workspace.database),
        kinds=wanted,
        job_id=job_id,
        after=next((given for given in (last_event_id, after) if given is not None), 0),
    )
    return FeedResponse(stream.run())


def _who_asks(request: Request, database: Database) -> Actor:
    entry = entry_of(request, database, signing_key_of(request))
    if entry is None:
        raise NotSignedIn("Sign in again; the session or token has ended")
    return entry.actor


async def _recorded(database: Database, job_id: UUID, actor: Actor) -> None:
    """Raises NotFound, though not before a job that was started just now could have been recorded."""
    deadline = time.monotonic() + _RECORDED_WITHIN_SECONDS
    while not await asyncio.to_thread(_sees, database, job_id, actor):
        if time.monotonic() > deadline:
            raise NotFound(f"No job {job_id}")
        await asyncio.sleep(_LOOK_AGAIN_SECONDS)


def _sees(database: Database, job_id: UUID, actor: Actor) -> bool:
    with database.read() as session:
        job = session.get(Job, job_id)
        return job is not None and actor.sees(job.user_id)


def _kinds(given: list[str]) -> frozenset[FeedKind] | None:
    words = [word.strip() for each in given for word in each.split(",") if word.strip()]
    try:
        return frozenset(FeedKind(word) for word in words) or None
    except ValueError:
        raise BadInput(f"kinds are among {', '.join(FeedKind)}, separated by commas") from None
