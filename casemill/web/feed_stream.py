"""One client's stream of events: what it missed, then what comes, for as long as it may see it."""

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, ClassVar
from uuid import UUID

from fastapi.sse import format_sse_event
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from casemill.access.actor import Actor
from casemill.db import TRANSIENT, Database
from casemill.errors import Denied, NotSignedIn
from casemill.models import OVER, FeedKind, Job
from casemill.models.columns import utc_now
from casemill.monitoring.feed_reader import Position, has_lost, newest_id, rows_between
from casemill.web.feed import Feed, Listener, Message, named_event

logger = logging.getLogger(__name__)

_LINGER_SECONDS = 1.0  # what a job said last may become known after its end
_LOOK_AGAIN_SECONDS = 0.05
_PAGE = 1000


class FeedResponse(StreamingResponse):
    """Answers once it listens, so that nothing is missed from then on; closes however the client went away.

    FastAPI's EventSourceResponse would queue between stream and client: a slow one has to be noticed.
    """

    media_type = "text/event-stream"

    def __init__(self, stream: AsyncGenerator[bytes]) -> None:
        super().__init__(stream, headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
        self._stream = stream

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with aclosing(self._stream):
            self.body_iterator = _after(await anext(self._stream), self._stream)
            await super().__call__(scope, receive, send)


@dataclass
class FeedStream:
    """after: the id the client has seen last; None begins now. job_id: of this job alone, until it is over.

    ask_again says who listens, and raises NotSignedIn or Denied once they may no longer.
    """

    feed: Feed
    database: Database
    actor: Actor
    ask_again: Callable[[], Actor]
    kinds: frozenset[FeedKind] | None = None
    job_id: UUID | None = None
    after: int | None = None
    heartbeat: ClassVar[float] = 15.0
    check: ClassVar[float] = 30.0  # how long somebody is listened to after being signed out

    async def run(self) -> AsyncGenerator[bytes]:
        async with self.feed.listening(self._listens_for) as listener:
            yield _comment("connected")
            replayed: set[int] = set()
            async with aclosing(self._missed(listener, replayed)) as missed:
                async for said in missed:
                    yield said
            async with aclosing(self._live(listener, replayed)) as live:
                async for said in live:
                    yield said

    def _listens_for(self, message: Message) -> bool:
        if self.job_id is not None:  # the end is heard even by who asked for other kinds
            return message.job_id == self.job_id and message.is_for(self.actor.only_of)
        return self._is_wanted(message) and message.is_for(self.actor.only_of)

    def _is_wanted(self, message: Message) -> bool:
        return self.kinds is None or message.kind in self.kinds

    async def _missed(self, listener: Listener, replayed: set[int]) -> AsyncGenerator[bytes]:
        """Of what is sent, `replayed` collects the ids that the live feed may bring as well."""
        after = self.after
        if after is None:
            return
        position = listener.position
        lost, newest = await asyncio.to_thread(self._looked_up, after)
        if lost:
            yield named_event("reset", {"id": newest, "job_id": self._job}, position.last)
            return
        while True:
            messages = await asyncio.to_thread(self._page, after, position)
            for message in messages:
                if position.may_bring(message.id):
                    replayed.add(message.id)
                if self._is_wanted(message) and message.is_for(self.actor.only_of):
                    yield message.text
            if len(messages) < _PAGE:
                return
            after = messages[-1].id

    async def _live(self, listener: Listener, replayed: set[int]) -> AsyncGenerator[bytes]:
        now = time.monotonic()
        beat_at, check_at = now + self.heartbeat, now + self.check
        ends_at = None
        if self.job_id is not None and _is_over(job := await asyncio.to_thread(self._read_job)):
            ends_at = now + (_LINGER_SECONDS if _changed_just_now(job) else 0)
        while True:
            due = min(beat_at, check_at) if ends_at is None else min(beat_at, check_at, ends_at)
            messages = await listener.next(due - time.monotonic())
            if listener.is_cut_off:
                yield _comment("cut off: come back with Last-Event-ID")
                return
            for message in messages:
                if message.id not in replayed and self._is_wanted(message):
                    yield message.text
                    beat_at = time.monotonic() + self.heartbeat
                if message.ends_job and self.job_id is not None:
                    ends_at = time.monotonic() + _LINGER_SECONDS
            now = time.monotonic()
            if ends_at is not None and now >= ends_at:
                job, newest = await asyncio.to_thread(self._read_end)
                if not _is_over(job):
                    ends_at = None  # it was lost, and is on its way again
                elif self.feed.has_read(newest) and not listener.is_behind:
                    yield self._end(job)
                    return
                else:  # its row says so before the feed has brought it here
                    ends_at = time.monotonic() + _LOOK_AGAIN_SECONDS
            if now >= check_at:
                if not await self._may_still():
                    yield _comment("signed out")
                    return
                check_at = time.monotonic() + self.check
            if now >= beat_at:
                yield _comment("still here")
                beat_at = time.monotonic() + self.heartbeat

    def _end(self, job: Job | None) -> bytes:
        ended = job.finished_at if job else None
        data: dict[str, Any] = {
            "job_id": self._job,
            "status": job.status if job else None,
            "occurred_at": ended.isoformat() if ended else None,
        }
        return named_event("end", data)

    async def _may_still(self) -> bool:
        try:
            self.actor = await asyncio.to_thread(self.ask_again)
        except (NotSignedIn, Denied):
            return False
        except TRANSIENT as error:
            logger.warning("Who listens was not asked again, later: %s", error)
        return True

    @property
    def _job(self) -> str | None:
        return str(self.job_id) if self.job_id else None

    def _looked_up(self, after: int) -> tuple[bool, int]:
        with self.database.read() as session:
            return has_lost(session, after), newest_id(session)

    def _page(self, after: int, position: Position) -> Sequence[Message]:
        with self.database.read() as session:
            rows = rows_between(
                session,
                after,
                position,
                job_id=self.job_id,
                kinds=self.kinds,
                only_of=self.actor.only_of,
                at_most=_PAGE,
            )
        return [Message.of(row) for row in rows]

    def _read_job(self) -> Job | None:
        with self.database.read() as session:
            return session.get(Job, self.job_id)

    def _read_end(self) -> tuple[Job | None, int]:
        """The job, and the id of what the feed said of it last."""
        with self.database.read() as session:
            return session.get(Job, self.job_id), newest_id(session, self.job_id)


async def _after(first: bytes, rest: AsyncGenerator[bytes]) -> AsyncGenerator[bytes]:
    yield first
    async for said in rest:
        yield said


def _is_over(job: Job | None) -> bool:
    """One that was deleted is over too."""
    return job is None or job.status in OVER


def _changed_just_now(job: Job | None) -> bool:
    changed = job.recorded_at if job else None
    return changed is not None and (utc_now() - changed).total_seconds() < _LINGER_SECONDS


def _comment(said: str) -> bytes:
    return format_sse_event(comment=said)
