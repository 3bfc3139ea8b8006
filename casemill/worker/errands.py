"""What a worker has under way beside its runs."""

import asyncio
from collections.abc import Coroutine
from typing import Any

_POLITE_SECONDS = 3.0


class Errands:
    """Nobody waits for them but who ends them."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    def begin(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def end(self) -> None:
        """Wherever they are. Who then takes leave of a server that does not answer is told a second time."""
        for _ in range(2):
            for task in self._tasks:
                task.cancel()
            if self._tasks:
                await asyncio.wait(self._tasks, timeout=_POLITE_SECONDS)
