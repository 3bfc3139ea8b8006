"""The feed, spread to all who listen: one reader for the process, whatever their number."""

import asyncio
import json
import logging
from collections import deque
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from fastapi import Request
from fastapi.sse import format_sse_event

from casemill.db import TRANSIENT, Database
from casemill.models import OVER, FeedKind
from casemill.monitoring.feed_reader import FOR_ALL, FeedReader, FeedRow, Position
from casemill.web.deps import workspace_of

logger = logging.getLogger(__name__)

_PAUSE_SECONDS = 0.25
_AWAY_SECONDS = 1.0
_MOST_WAITING = 5000


@dataclass(frozen=True, slots=True)
class Message:
    """A row of the feed as it is sent. Made once for all who get it."""

    id: int
    kind: FeedKind
    job_id: UUID | None
    user_id: UUID | None
    ends_job: bool
    text: bytes

    @classmethod
    def of(cls, row: FeedRow) -> "Message":
        data = {
            **row.data,
            "id": row.id,
            "job_id": str(row.job_id) if row.job_id else None,
            "occurred_at": row.occurred_at.isoformat(),
        }
        is_over = row.kind == FeedKind.JOB and row.data.get("status") in OVER
        said = named_event(row.kind, data, row.resume_at)
        return cls(row.id, row.kind, row.job_id, row.user_id, is_over, said)

    def is_for(self, only_of: UUID | None) -> bool:
        """Whether somebody sees it who sees the jobs and batches of this user alone; None sees all."""
        return only_of is None or self.kind in FOR_ALL or self.user_id == only_of


class Listener:
    """Keeps what one client has not been sent yet, up to a bound: whoever falls behind it is cut off.

    position is how far the feed had been read when it began to listen.
    """

    def __init__(self, wants: Callable[[Message], bool], position: Position) -> None:
        self.position = position
        self.is_cut_off = False
        self._wants = wants
        self._waiting: deque[Message] = deque()
        self._news = asyncio.Event()

    def take(self, messages: list[Message]) -> None:
        wanted = [message for message in messages if self._wants(message)]
        if not wanted or self.is_cut_off:
            return
        if len(self._waiting) + len(wanted) > _MOST_WAITING:
            self.cut_off()
        else:
            self._waiting.extend(wanted)
            self._news.set()

    @property
    def is_behind(self) -> bool:
        return bool(self._waiting)

    def cut_off(self) -> None:
        self.is_cut_off = True
        self._waiting.clear()
        self._news.set()

    async def next(self, seconds: float) -> list[Message]:
        """What has come, waited for no longer than this."""
        if not self._waiting and not self.is_cut_off:
            with suppress(TimeoutError):
                async with asyncio.timeout(max(seconds, 0)):
                    await self._news.wait()
        self._news.clear()
        messages = list(self._waiting)
        self._waiting.clear()
        return messages


class Feed:
    """Reads while anybody listens, and does nothing at all while nobody does."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._listeners: set[Listener] = set()
        self._position = Position()
        self._reading: asyncio.Task[None] | None = None
        self._starting = asyncio.Lock()

    @property
    def is_reading(self) -> bool:
        return self._reading is not None

    def has_read(self, row_id: int) -> bool:
        """Whether all who listen have been handed that row of the feed."""
        return row_id <= self._position.last

    @asynccontextmanager
    async def listening(self, wants: Callable[[Message], bool]) -> AsyncGenerator[Listener]:
        async with self._starting:
            if self._reading is None:
                reader = FeedReader(self._database)
                self._position = await asyncio.to_thread(reader.start)
                self._reading = asyncio.create_task(self._read(reader), name="feed")
            listener = Listener(wants, self._position)
            self._listeners.add(listener)
        try:
            yield listener
        finally:
            self._listeners.discard(listener)
            self._rest()

    def _rest(self) -> None:
        if self._reading is not None and not self._listeners:
            self._reading.cancel()
            self._reading = None

    async def _read(self, reader: FeedReader) -> None:
        try:
            while True:
                try:
                    messages, position, is_full = await asyncio.to_thread(_look, reader)
                except TRANSIENT as error:
                    logger.warning("The feed was not read, trying again: %s", error)
                    await asyncio.sleep(_AWAY_SECONDS)
                    continue
                self._position = position  # moves with what is handed on: nobody misses or gets it twice
                for listener in self._listeners:
                    listener.take(messages)
                if not is_full:
                    await asyncio.sleep(_PAUSE_SECONDS)
        except Exception:
            logger.exception("The feed cannot be read; those who listen are sent away and come back")
            self._reading = None
            for listener in self._listeners:
                listener.cut_off()


def feed_of(request: Request) -> Feed:
    """The feed of this process. To be called on the event loop, where no two can make it at once."""
    state = request.app.state
    if not hasattr(state, "feed"):
        state.feed = Feed(workspace_of(request).database)
    return state.feed


def named_event(name: str, data: dict[str, Any], resume_at: int | None = None) -> bytes:
    said = json.dumps(data, separators=(",", ":"))  # ASCII: half a character in it breaks no stream
    return format_sse_event(event=name, data_str=said, id=None if resume_at is None else str(resume_at))


def _look(reader: FeedReader) -> tuple[list[Message], Position, bool]:
    look = reader.look()
    return [Message.of(row) for row in look.rows], look.position, look.is_full
