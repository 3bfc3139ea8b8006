"""A process that has Prefect and the flows of one directory imported, and forks one process for each run.

    python -P -m casemill.worker.fork_parent SOCKET    (started by warm_process.py)

It has no threads and no event loop, so that a fork of it is as good as a new process. When its worker is
gone, killed with SIGKILL included, the socket ends, and it kills all it forked, and ends.
"""

import gc
import os
import selectors
import signal
import socket
import sys
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from casemill.local.memory import memory_kills
from casemill.worker.code_files import CodeFiles, own_code
from casemill.worker.family import be_of_run, die_with_parent, signal_group
from casemill.worker.flow_files import FlowFiles
from casemill.worker.orders import Ended, Order, Warm, read_line, read_order, write_line
from casemill.worker.private import read_certificates
from casemill.worker.rehearsal import rehearse
from casemill.worker.run_order import run_order

_AT_ONCE = 1 << 20


@dataclass(slots=True)
class _Child:
    number: int
    pid: int
    ear: int
    kills: tuple[int | None, int | None]
    ends_with_group: bool = False


class ForkParent:
    """Forks as it is told, and tells how what it forked ended."""

    def __init__(self, channel: socket.socket, files: CodeFiles) -> None:
        self._channel = channel
        self._files = files
        self._children: list[_Child] = []
        self._drained = False
        self._unread = b""
        self.told = -1
        """In a forked process, where the worker's words for its run come from."""

    def serve(self) -> Order | None:
        """Returns the order in the process that was forked for it, None in the parent when all is over."""
        woken, waker = socket.socketpair()
        for end in (woken, waker):
            end.setblocking(False)
        signal.signal(signal.SIGCHLD, _wake)
        signal.set_wakeup_fd(waker.fileno(), warn_on_full_buffer=False)
        with selectors.DefaultSelector() as selector, woken, waker:
            selector.register(self._channel, selectors.EVENT_READ)
            selector.register(woken, selectors.EVENT_READ)
            while self._children or not self._drained:
                ready = [key.fileobj for key, _ in selector.select()]
                if woken in ready:
                    with suppress(BlockingIOError):
                        woken.recv(_AT_ONCE)
                if self._channel in ready:
                    received = self._receive()
                    if not received:
                        self._kill_all()
                        return None
                    if order := self._obey(received):
                        signal.set_wakeup_fd(-1)
                        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                        return order
                self._reap()
        return None

    def _receive(self) -> bytes:
        """Nothing when the worker is gone, also if it had not read all that we said."""
        with suppress(ConnectionError):
            return self._channel.recv(_AT_ONCE)
        return b""

    def _obey(self, received: bytes) -> Order | None:
        """The order, in a process that was just forked for it."""
        *lines, self._unread = (self._unread + received).split(b"\n")
        for line in lines:
            kind, content = read_line(line)
            if kind == "fork":
                order = read_order(content)
                if self._fork(order):
                    return order
            elif kind == "signal":
                self._signal(**content)
            elif kind == "tell":
                self._tell(**content)
            elif kind == "check":
                self._say("fresh", not self._files.changed())
            elif kind == "drain":
                self._drained = True
        return None

    def _fork(self, order: Order) -> bool:
        """Whether this is the forked process."""
        if self._files.changed():
            self._say("stale", order.number)
            return False
        parent, kills = os.getpid(), memory_kills()
        sys.stdout.flush()
        sys.stderr.flush()
        self.told, ear = os.pipe()
        pid = os.fork()
        if pid == 0:
            die_with_parent(parent)
            os.setsid()
            if order.hook is None:  # a hook is run after the run's process, and is not to be taken for it
                be_of_run(order.flow_run_id)
            for one in (ear, *(child.ear for child in self._children)):
                os.close(one)
            return True
        os.close(self.told)
        os.set_blocking(ear, False)
        self._children.append(_Child(order.number, pid, ear, kills))
        self._say("started", {"number": order.number, "pid": pid})
        return False

    def _signal(self, number: int, signum: int) -> None:
        """To all of its group. What is left of the group when the process itself has ended is killed."""
        for child in self._children:
            if child.number == number:
                child.ends_with_group = True
                signal_group(child.pid, signum)

    def _tell(self, number: int, words: str) -> None:
        for child in self._children:
            if child.number == number:
                with suppress(OSError):  # it does not listen, or not any more
                    os.write(child.ear, words.encode() + b"\n")

    def _reap(self) -> None:
        for child in list(self._children):
            if os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
                continue
            # Until it is waited for, its id and its group's are nobody else's
            seen = os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
            if child.ends_with_group or (seen and seen.si_code != os.CLD_EXITED):
                signal_group(child.pid, signal.SIGKILL)
            _, status, use = os.wait4(child.pid, 0)
            os.close(child.ear)
            self._children.remove(child)
            kills = [
                None if now is None or then is None else now - then
                for now, then in zip(memory_kills(), child.kills, strict=True)
            ]
            ended = Ended(os.waitstatus_to_exitcode(status), use.ru_maxrss << 10, *kills)
            self._say("ended", {"number": child.number, "ended": asdict(ended)})

    def _kill_all(self) -> None:
        for child in self._children:
            signal_group(child.pid, signal.SIGKILL)

    def _say(self, kind: str, content: Any) -> None:
        with suppress(OSError):  # that the worker is gone is noticed where we listen
            self._channel.sendall(write_line(kind, content))


def _wake(*_: object) -> None:
    """A handler there must be, for the signal to wake the selector."""


def _threads() -> int:
    try:
        return len(list(Path("/proc/self/task").iterdir()))
    except FileNotFoundError:
        return 1


def main() -> int:
    channel = socket.socket(fileno=int(sys.argv[1]))
    os.set_inheritable(channel.fileno(), False)
    with channel.makefile("rb", buffering=0) as lines:
        _, plan = read_line(lines.readline())
    flows = FlowFiles(plan["directory"])
    threads: dict[str, int] = {}
    for entrypoint in plan["entrypoints"]:
        flows.load(entrypoint)
        threads[entrypoint] = _threads()
    read_certificates()
    rehearse()
    try:
        ready = Warm(os.getpid(), threads, flows.without_hooks(), own_code())
        channel.sendall(write_line("warm", asdict(ready)))
    except ConnectionError:
        return 0  # its worker ended meanwhile
    gc.collect()
    gc.freeze()  # what is here now stays: a forked process need not copy it to look through it
    parent = ForkParent(channel, CodeFiles.of_this_process(flows.paths()))
    order = parent.serve()
    channel.close()
    return 0 if order is None else run_order(order, flows, parent.told)


if __name__ == "__main__":
    sys.exit(main())
