"""CPU and memory: of this host, and of a process with all it started."""

import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

import psutil

from casemill.local.memory import memory_use

_FRESH_SECONDS = 1.0
_OLD_SECONDS = 30.0
_GLANCE_SECONDS = 0.1
_WEIGH_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class HostUse:
    """cpu_percent is 100 when all cores are busy."""

    cpu_percent: float
    cores: int
    memory_used: int
    memory_total: int


@dataclass(frozen=True, slots=True)
class TreeUse:
    """cpu_percent is 100 for one core; None at the first look, which has nothing to compare with."""

    cpu_percent: float | None
    memory_bytes: int


class HostMeter:
    """Measures between one reading and the next, whoever reads; may be shared by threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._at = time.monotonic()
        self._busy, self._total = _cpu_times()
        self._percent: float | None = None

    def read(self) -> HostUse:
        with self._lock:
            percent = self._cpu_percent()
        memory = memory_use()
        return HostUse(percent, psutil.cpu_count() or 1, memory.used, memory.total)

    def _cpu_percent(self) -> float:
        age = time.monotonic() - self._at
        if self._percent is not None and age < _FRESH_SECONDS:
            return self._percent
        if age > _OLD_SECONDS:  # what was long ago is not how it is now
            self._busy, self._total = _cpu_times()
        if age > _OLD_SECONDS or age < _GLANCE_SECONDS:
            time.sleep(_GLANCE_SECONDS)
        busy, total = _cpu_times()
        passed = total - self._total
        if passed > 0:
            self._percent = round(min(max(100 * (busy - self._busy) / passed, 0.0), 100.0), 1)
        self._at, self._busy, self._total = time.monotonic(), busy, total
        return self._percent or 0.0


class TreeMeter:
    """Of a process and all it started. Finds it by an argument and a variable that only it was given."""

    def __init__(self, argument: str, variable: str, value: str) -> None:
        self._argument, self._variable, self._value = argument, variable, value
        self._root: psutil.Process | None = None
        self._look_at = 0.0
        self._measured: tuple[float, float] | None = None
        self._weighed: set[int] = set()
        self._weigh_at = 0.0
        self._memory = 0

    def read(self) -> TreeUse | None:
        """None where no such process runs on this host."""
        root = self._find()
        if root is None:
            return None
        seconds, tree = 0.0, _tree(root)
        for process in tree:
            with suppress(psutil.Error):
                used = process.cpu_times()
                # Those that ended are in their parent's account
                seconds += used.user + used.system + used.children_user + used.children_system
        memory = self._memory_of(tree)
        now, before = time.monotonic(), self._measured
        self._measured = (now, seconds)
        if before is None or now <= before[0]:
            return TreeUse(None, memory)
        return TreeUse(max(100 * (seconds - before[1]) / (now - before[0]), 0.0), memory)

    def _memory_of(self, tree: list[psutil.Process]) -> int:
        """Counted anew when processes came or went, and now and then: the system takes its time for it."""
        pids = {process.pid for process in tree}
        if pids != self._weighed or time.monotonic() >= self._weigh_at:
            self._weighed, self._weigh_at, self._memory = pids, time.monotonic() + _WEIGH_SECONDS, 0
            for process in tree:
                with suppress(psutil.Error):
                    self._memory += _memory(process)
        return self._memory

    def _find(self) -> psutil.Process | None:
        if self._root is not None and self._root.is_running():
            return self._root
        self._root = self._measured = None
        if time.monotonic() < self._look_at:
            return None
        self._look_at = time.monotonic() + _OLD_SECONDS  # looking through all processes costs some
        found = {process.pid: process for process in self._matching()}
        for process in found.values():
            with suppress(psutil.Error):
                if process.ppid() not in found:  # forks look like the one they are forked from
                    self._root = process
        return self._root

    def _matching(self) -> Iterator[psutil.Process]:
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                if self._argument in process.cmdline() and (
                    process.environ().get(self._variable) == self._value
                ):
                    yield process


def _tree(root: psutil.Process) -> list[psutil.Process]:
    try:
        return [root, *root.children(recursive=True)]
    except psutil.Error:
        return []


def _memory(process: psutil.Process) -> int:
    """Its share of what it has in memory: pages that forks have in common count once for all of them."""
    try:
        full = process.memory_full_info()
        return getattr(full, "pss", None) or full.uss
    except psutil.AccessDenied:
        return process.memory_info().rss


def _cpu_times() -> tuple[float, float]:
    """Seconds of all cores together: busy, and in all."""
    times = psutil.cpu_times()
    idle = times.idle + getattr(times, "iowait", 0.0)
    # Where virtual machines are hosted, their time is in user's already
    total = sum(times) - getattr(times, "guest", 0.0) - getattr(times, "guest_nice", 0.0)
    return total - idle, total
