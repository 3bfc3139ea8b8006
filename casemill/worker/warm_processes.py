"""The fork parents of a worker: one for each directory of code, always with the code as it is now."""

import asyncio
import logging
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from casemill.worker.code_place import CodePlace
from casemill.worker.orders import Order
from casemill.worker.warm_process import Forked, ParentGone, Stale, WarmProcess

logger = logging.getLogger(__name__)

_AT_MOST = 3  # directories that are kept warm: each costs the memory of a process with everything imported
_TRIES = 3
_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 4.0, 300.0


@dataclass(frozen=True, slots=True)
class _Pause:
    """After a process could not be started. Each is twice as long as the one before."""

    seconds: float = _PAUSE_SECONDS / 2
    since: float = field(default_factory=time.monotonic)

    def longer(self) -> "_Pause":
        return _Pause(min(2 * self.seconds, _LONGEST_PAUSE_SECONDS))

    def is_over(self) -> bool:
        return time.monotonic() > self.since + self.seconds


class WarmProcesses:
    """`fork` gives a process; which of them it comes from is nobody's business but ours."""

    def __init__(self, environment: Callable[[], Mapping[str, str]]) -> None:
        self._environment = environment
        self._current: OrderedDict[str | None, WarmProcess] = OrderedDict()
        self._entrypoints: dict[str | None, set[str]] = {}
        self._threaded: dict[str | None, set[str]] = {}
        self._draining: list[WarmProcess] = []
        self._pauses: dict[str | None, _Pause] = {}
        self._starting = asyncio.Lock()
        self._is_closed = False
        self.replaced = 0

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._is_closed = True
        async with self._starting:
            await asyncio.gather(*(warm.close() for warm in [*self._current.values(), *self._draining]))
        self._current.clear()
        self._draining.clear()

    def learn(self, place: CodePlace) -> None:
        """What the next fork parent of the directory loads ahead."""
        known = self._entrypoints.setdefault(place.directory, set())
        if place.entrypoint is not None:
            known.add(place.entrypoint)

    def health(self) -> dict[str, int]:
        return {
            "warm": sum(not warm.is_gone for warm in self._current.values()),
            "draining": sum(not warm.is_gone for warm in self._draining),
            "running": sum(warm.running for warm in [*self._current.values(), *self._draining]),
            "replaced": self.replaced,
            "missing": sum(_is_there(directory) for directory in self._pauses),
        }

    async def fork(self, directory: str | None, order: Order) -> tuple[WarmProcess, Forked]:
        """Raises ParentGone if no fork parent can be had."""
        for _ in range(_TRIES):
            warm = await self._warm(directory)
            try:
                return warm, await warm.fork(order)
            except (Stale, ParentGone) as why:
                logger.info("%s; starting another process to fork from", why)
                await self._retire(directory, warm)
        raise ParentGone(
            "Runs cannot be forked: the process for it ended or was out of date several times in a row"
        )

    async def refresh(self) -> None:
        """Starts those that are missing, replaces those whose code changed, and forgets those that ended.

        Raises ParentGone or OutOfDate where one could not be started. It is tried again after longer and
        longer pauses, or when a run needs it.
        """
        for directory in list(self._entrypoints):
            warm = self._current.get(directory)
            if not self._may_start(directory):
                continue
            if warm is None or warm.is_gone:
                await self._warm(directory)
            elif self._wanted(directory) != set(warm.threads) or not await warm.is_fresh():
                await self._replace(directory, warm)
        self._draining = [warm for warm in self._draining if not warm.is_gone]

    async def _warm(self, directory: str | None) -> WarmProcess:
        async with self._starting:
            if (warm := self._current.get(directory)) and not warm.is_gone:
                self._current.move_to_end(directory)
                return warm
            warm = await self._start(directory)
            self._current[directory] = warm
        while len(self._current) > _AT_MOST:
            oldest = next(iter(self._current))
            await self._retire(oldest, self._current[oldest])
        return warm

    async def _start(self, directory: str | None) -> WarmProcess:
        """One that has no threads: where loading a flow ahead started some, that flow is not loaded ahead."""
        while True:
            if self._is_closed:
                raise ParentGone("The worker is ending, so no more runs are forked")
            wanted = sorted(self._wanted(directory))
            try:
                warm = await WarmProcess.start(directory, wanted, self._environment())
            except ParentGone:
                self._pauses[directory] = self._pauses.get(directory, _Pause()).longer()
                raise
            self._pauses.pop(directory, None)
            threaded = next((name for name in wanted if warm.threads.get(name, 1) > 1), None)
            if threaded is None:
                return warm
            logger.warning(
                "%s starts threads when it is imported: each of its runs imports it anew", threaded
            )
            self._threaded.setdefault(directory, set()).add(threaded)
            await warm.close()

    def _may_start(self, directory: str | None) -> bool:
        """Ahead of any run: there is room for it, its code is there, and it did not fail just now."""
        others = [one for one in self._current if one != directory]
        pause = self._pauses.get(directory)
        return len(others) < _AT_MOST and _is_there(directory) and (pause is None or pause.is_over())

    def _wanted(self, directory: str | None) -> set[str]:
        return self._entrypoints.get(directory, set()) - self._threaded.get(directory, set())

    async def _replace(self, directory: str | None, warm: WarmProcess) -> None:
        async with self._starting:
            if self._current.get(directory) is not warm:
                return
            self._current[directory] = await self._start(directory)
        await self._let_end(warm)

    async def _retire(self, directory: str | None, warm: WarmProcess) -> None:
        if self._current.get(directory) is warm:
            del self._current[directory]
            await self._let_end(warm)

    async def _let_end(self, warm: WarmProcess) -> None:
        """After its runs. One that is silent and has none is ended: what it was to start starts elsewhere."""
        self._draining.append(warm)
        self.replaced += 1
        if warm.is_silent and not warm.running:
            await warm.close()
        else:
            warm.drain()


def _is_there(directory: str | None) -> bool:
    return directory is None or Path(directory).is_dir()
