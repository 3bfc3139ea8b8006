"""Deployments and flows as Prefect has them, not asked for again with each of a burst of runs."""

import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar
from uuid import UUID

Thing = TypeVar("Thing")

_AT_MOST = 500


class Known(Generic[Thing]):
    """What `read` answered, for a few seconds: somebody may change it."""

    def __init__(self, read: Callable[[UUID], Awaitable[Thing]], seconds: float) -> None:
        self._read = read
        self._seconds = seconds
        self._things: OrderedDict[UUID, tuple[float, Thing]] = OrderedDict()

    async def get(self, id: UUID) -> Thing:
        """Raises what `read` raises."""
        known = self._things.get(id)
        if known is not None and time.monotonic() - known[0] < self._seconds:
            return known[1]
        thing = await self._read(id)
        self._things[id] = (time.monotonic(), thing)
        self._things.move_to_end(id)
        if len(self._things) > _AT_MOST:
            self._things.popitem(last=False)
        return thing
