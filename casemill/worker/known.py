"""Deployments and flows as Prefect has them, not asked for again with each of a burst of runs."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar
from uuid import UUID

Thing = TypeVar("Thing")

_AT_MOST = 500


class Known(Generic[Thing]):
    """What `read` answered, for a few seconds: somebody may change it. Of many who ask at once one does."""

    def __init__(self, read: Callable[[UUID], Awaitable[Thing]], seconds: float) -> None:
        self._read = read
        self._seconds = seconds
        self._things: OrderedDict[UUID, tuple[float, Thing]] = OrderedDict()
        self._asking: dict[UUID, asyncio.Task[Thing]] = {}

    async def get(self, id: UUID) -> Thing:
        """Raises what `read` raises."""
        known = self._things.get(id)
        if known is not None and time.monotonic() - known[0] < self._seconds:
            return known[1]
        if id not in self._asking:
            asking = self._asking[id] = asyncio.create_task(self._ask(id))
            asking.add_done_callback(lambda _: self._asking.pop(id))
        return await asyncio.shield(self._asking[id])  # one who gives up waiting leaves the others waiting

    async def _ask(self, id: UUID) -> Thing:
        thing = await self._read(id)
        self._things[id] = (time.monotonic(), thing)
        self._things.move_to_end(id)
        if len(self._things) > _AT_MOST:
            self._things.popitem(last=False)
        return thing
