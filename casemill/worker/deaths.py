"""Why a run's process ended as it did, in a sentence."""

import signal
from contextlib import suppress
from pathlib import Path

from casemill.worker.orders import Ended

_SYSTEM = Path("/")


def memory_kills(system: Path = _SYSTEM) -> tuple[int | None, int | None]:
    """How many processes the kernel has killed for want of memory: in our control group, and on the host.

    None where the system does not count. `system` is where its folders proc and sys are.
    """
    return _counter(_group_file(system), "oom_kill"), _counter(system / "proc/vmstat", "oom_kill")


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


def _group_file(system: Path) -> Path:
    """Where the kernel counts for ours, in either version of control groups; elsewhere there is none."""
    mounted = system / "sys/fs/cgroup"
    with suppress(OSError):
        groups = [line.split(":", 2) for line in (system / "proc/self/cgroup").read_text().splitlines()]
        for _, controllers, path in groups:
            if "memory" in controllers.split(","):
                return _file_of(mounted / "memory", path, "memory.oom_control")
        for _, controllers, path in groups:
            if not controllers:
                return _file_of(mounted, path, "memory.events")
    return mounted / "memory.events"


def _file_of(mounted: Path, path: str, name: str) -> Path:
    """A container sees its own group where it is mounted, though the path that it is told is the host's."""
    found = mounted / path.lstrip("/") / name
    return found if found.exists() else mounted / name


def _counter(file: Path, name: str) -> int | None:
    with suppress(OSError, ValueError):
        for line in file.read_text().splitlines():
            key, _, value = line.partition(" ")
            if key == name:
                return int(value)
    return None
