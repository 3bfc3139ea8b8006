"""One fork parent, as its worker sees it."""

import asyncio
import logging
import signal
import socket
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from typing import Any, Self

import anyio

from casemill.errors import CasemillError
from casemill.worker.code_files import own_code
from casemill.worker.family import signal_group
from casemill.worker.orders import FLOW_RUN_ID, NO_RUN, Ended, Order, order_line, read_line, write_line

logger = logging.getLogger(__name__)

_CODE = own_code()
_START_SECONDS = 120.0
_END_SECONDS = 2.0
_ANSWER_SECONDS = 30.0  # as long as a host that is out of memory may take
_LONGEST_LINE = 1 << 24


class Stale(CasemillError):
    """The code in memory is no longer what the files say: a new fork parent is needed."""


class OutOfDate(CasemillError):
    """The code of the worker itself changed since it was started."""


class ParentGone(CasemillError):
    """The fork parent ended, and with it all that it forked."""


@dataclass(slots=True)
class Forked:
    """A run's process. `ended` raises ParentGone where its end was not seen."""

    number: int
    pid: int
    ended: asyncio.Future[Ended]


class WarmProcess:
    """Started with `start`, ended with `close`, which ends what it forked too."""

    def __init__(self, process: asyncio.subprocess.Process, writer: asyncio.StreamWriter) -> None:
        self._process = process
        self._writer = writer
        self._number = 0
        self._starting: dict[int, asyncio.Future[int]] = {}
        self._running: dict[int, asyncio.Future[Ended]] = {}
        self._checks: list[asyncio.Future[bool]] = []
        self._listening: asyncio.Task[None] | None = None
        self.threads: dict[str, int] = {}
        self.without_hooks: set[str] = set()
        self.is_silent = False
        self.is_gone = False

    @classmethod
    async def start(
        cls, directory: str | None, entrypoints: Sequence[str], environment: Mapping[str, str]
    ) -> Self:
        """Returns when it has everything imported, which takes seconds."""
        ours, theirs = socket.socketpair()
        with theirs:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-P",  # so that nothing is imported from where the worker happens to be started
                "-m",
                "casemill.worker.fork_parent",
                str(theirs.fileno()),
                stdin=asyncio.subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                env={**environment, FLOW_RUN_ID: NO_RUN},
                start_new_session=True,
            )
        reader, writer = await asyncio.open_connection(sock=ours, limit=_LONGEST_LINE)
        warm = cls(process, writer)
        plan = {"directory": directory, "entrypoints": list(entrypoints)}
        try:
            warm._send(write_line("plan", plan))
            async with asyncio.timeout(_START_SECONDS):
                line = await reader.readline()
            if not line:
                raise ParentGone(
                    "The process that runs are forked from ended while it started; its last words are in the "
                    "worker's log"
                )
        except (OSError, TimeoutError) as error:
            await warm.close()
            raise ParentGone(
                f"The process that runs are forked from did not start: {type(error).__name__}"
            ) from error
        except BaseException:
            await warm.close()
            raise
        hello = read_line(line)[1]
        if hello.get("code") != _CODE:
            await warm.close()
            raise OutOfDate("The worker's own code changed since it was started; it has to be started again")
        warm.threads, warm.without_hooks = hello["threads"], set(hello["without_hooks"])
        warm._listening = asyncio.create_task(warm._listen(reader), name="fork-parent")
        return warm

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def running(self) -> int:
        """Processes that it has forked and that have not ended."""
        return len(self._running) - len(self._starting)

    async def fork(self, order: Order) -> Forked:
        """Raises Stale, with nothing forked, or ParentGone."""
        self._number += 1
        number, loop = self._number, asyncio.get_running_loop()
        self._starting[number], self._running[number] = loop.create_future(), loop.create_future()
        try:
            self._send(order_line(replace(order, number=number)))
            pid = await self._starting[number]
        except BaseException:
            self._running.pop(number, None)
            raise
        finally:
            self._starting.pop(number, None)
        return Forked(number, pid, self._running[number])

    def signal(self, forked: Forked, signum: int) -> None:
        """To the process and all of its group; what has ended is left alone."""
        with suppress(ParentGone):
            self._send(write_line("signal", {"number": forked.number, "signum": signum}))

    async def kill(self, forked: Forked) -> None:
        """The process and all of its group are gone then, also where the fork parent is stopped."""
        self.signal(forked, signal.SIGKILL)
        with suppress(TimeoutError, ParentGone):
            async with asyncio.timeout(_END_SECONDS):
                await asyncio.shield(forked.ended)
        if not forked.ended.done():  # nobody waited for it, so its id is nobody else's
            signal_group(forked.pid, signal.SIGKILL)
            self._hear("ended", {"number": forked.number, "ended": asdict(Ended(-signal.SIGKILL))})

    def tell(self, forked: Forked, words: str) -> None:
        """A line for the process of a run; one that does not listen does not hear it."""
        with suppress(ParentGone):
            self._send(write_line("tell", {"number": forked.number, "words": words}))

    async def is_fresh(self) -> bool:
        """Whether it is there, answers, and its code is what the files say."""
        answer: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        try:
            self._send(write_line("check"))
            self._checks.append(answer)
            async with asyncio.timeout(_ANSWER_SECONDS):
                return await answer
        except ParentGone:
            return False
        except TimeoutError:
            logger.warning("Process %d, which runs are forked from, does not answer", self.pid)
            self.is_silent = True
            return False

    def drain(self) -> None:
        """It forks no more, and ends after the last that it forked."""
        with suppress(ParentGone):
            self._send(write_line("drain"))

    async def close(self) -> None:
        """Ends it, and at once all that it forked."""
        self._writer.transport.abort()  # what it has not read yet is not to be done any more
        with anyio.CancelScope(shield=True):  # who is cancelled while it starts leaves no process behind
            with suppress(TimeoutError):
                async with asyncio.timeout(_END_SECONDS):
                    await self._process.wait()
            if self._process.returncode is None:
                with suppress(ProcessLookupError):
                    self._process.kill()
                await self._process.wait()
            if self._listening is not None:
                self._listening.cancel()
                await asyncio.wait([self._listening])
        self._give_up()

    def _send(self, line: bytes) -> None:
        """Without waiting for it to be read: who is stopped reads nothing, and must not stop the worker."""
        if self.is_gone or self._writer.is_closing():
            raise ParentGone("The process that runs are forked from is gone")
        self._writer.write(line)

    async def _listen(self, reader: asyncio.StreamReader) -> None:
        with suppress(OSError):
            while line := await reader.readline():
                kind, content = read_line(line)
                self._hear(kind, content)
        await self._process.wait()
        self._give_up()

    def _hear(self, kind: str, content: Any) -> None:
        if kind == "started" and (starting := self._starting.get(content["number"])) and not starting.done():
            starting.set_result(content["pid"])
        elif kind == "stale" and (starting := self._starting.get(content)) and not starting.done():
            starting.set_exception(Stale("The code of the flows changed"))
        elif (
            kind == "ended" and (running := self._running.pop(content["number"], None)) and not running.done()
        ):
            running.set_result(Ended(**content["ended"]))
        elif kind == "fresh" and self._checks and not (answer := self._checks.pop(0)).done():
            answer.set_result(content)

    def _give_up(self) -> None:
        self.is_gone = True
        words = f"The process that it was forked from ended with status {self._process.returncode}"
        waiting = [*self._starting.values(), *self._running.values(), *self._checks]
        self._running.clear()
        self._checks.clear()
        for future in waiting:
            if not future.done():
                future.set_exception(ParentGone(words))
                future.exception()  # nobody may be waiting for it
