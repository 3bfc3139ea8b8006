"""Why a run's process ended as it did, in a sentence."""

import signal
from contextlib import suppress
from pathlib import Path

from casemill.worker.orders import Ended

_HOST = Path("/proc/vmstat")
_OWN_GROUP = Path("/proc/self/cgroup")
_GROUPS = Path("/sys/fs/cgroup")


def memory_kills() -> tuple[int | None, int | None]:
    """How many processes the kernel has killed for want of memory: in our control group, and on the host."""
    return _counter(_group_file(), "oom_kill"), _counter(_HOST, "oom_kill")


def cause_of(ended: Ended, asked_to_end: bool = False) -> str:
    """Of a process that did not end well. A signal that nobody here sent came from outside."""
    if ended.status >= 0:
        return f"Its process ended with status {ended.status}; its log says why"
    name = _signal_name(-ended.status)
    if ended.status != -signal.SIGKILL or asked_to_end:
        return f"Its process was ended by {name}"
    had = (
        f"it had up to {ended.memory_bytes >> 20} MiB"
        if ended.memory_bytes
        else "how much it had is not known"
    )
    if ended.group_kills:
        return f"Out of memory: the kernel killed its process ({name}); {had}"
    if ended.host_kills:
        return f"Probably out of memory: the kernel killed some here, and its process ended by {name}; {had}"
    return f"Its process was killed from outside ({name}); {had}"


def _signal_name(number: int) -> str:
    with suppress(ValueError):
        return signal.Signals(number).name
    return f"signal {number}"


def _group_file() -> Path:
    """Where the kernel counts for ours, in either version of control groups; elsewhere there is none."""
    with suppress(OSError):
        groups = [line.split(":", 2) for line in _OWN_GROUP.read_text().splitlines()]
        for _, controllers, path in groups:
            if "memory" in controllers.split(","):
                return _GROUPS / "memory" / path.lstrip("/") / "memory.oom_control"
        for _, controllers, path in groups:
            if not controllers:
                return _GROUPS / path.lstrip("/") / "memory.events"
    return _GROUPS / "memory.events"


def _counter(file: Path, name: str) -> int | None:
    with suppress(OSError, ValueError):
        for line in file.read_text().splitlines():
            key, _, value = line.partition(" ")
            if key == name:
                return int(value)
    return None
