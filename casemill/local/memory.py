"""Memory where this process runs: the host's, or that of a control group (a container) that allows less."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import psutil

_SYSTEM = Path("/")


@dataclass(frozen=True, slots=True)
class MemoryUse:
    """In bytes. What the system would give back at once, files it has read above all, is not used."""

    used: int
    total: int

    @property
    def left(self) -> int:
        return max(self.total - self.used, 0)


@dataclass(frozen=True, slots=True)
class _Names:
    """Of the files of a control group, in one of their two versions."""

    limit: str
    usage: str
    cache: str
    kills: str


_V1 = _Names(
    "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file", kills="memory.oom_control"
)
_V2 = _Names("memory.max", "memory.current", "inactive_file", kills="memory.events")


@dataclass(frozen=True, slots=True)
class MemoryGroup:
    """The control group that this process is in, and those that it is in turn in, as far as they are seen.

    Source: Documentation/admin-guide/cgroup-v1/memory.rst and cgroup-v2.rst of the Linux kernel.
    """

    folders: tuple[Path, ...]
    names: _Names

    @classmethod
    def of_this_process(cls, system: Path = _SYSTEM) -> Self:
        """Empty where there are no groups. `system` is where its folders proc and sys are."""
        mounted = system / "sys/fs/cgroup"
        with suppress(OSError):
            groups = [line.split(":", 2) for line in (system / "proc/self/cgroup").read_text().splitlines()]
            for _, controllers, path in groups:
                if "memory" in controllers.split(","):
                    return cls(_folders(mounted / "memory", path, _V1), _V1)
            for _, controllers, path in groups:
                if not controllers:
                    return cls(_folders(mounted, path, _V2), _V2)
        return cls((), _V2)

    def kills(self) -> int | None:
        """Processes of it that the kernel killed for want of memory; None where it does not count."""
        return counter(self.folders[0] / self.names.kills, "oom_kill") if self.folders else None

    def uses(self) -> Iterator[MemoryUse]:
        """Of each group that has a limit."""
        for folder in self.folders:
            with suppress(OSError, ValueError):  # "max" is no number, and no limit
                limit = int((folder / self.names.limit).read_text())
                usage = int((folder / self.names.usage).read_text())
                cache = counter(folder / "memory.stat", self.names.cache) or 0
                yield MemoryUse(max(usage - cache, 0), limit)


def memory_use(system: Path = _SYSTEM) -> MemoryUse:
    """Where the least is left: there it ends first."""
    host = psutil.virtual_memory()
    uses = [
        MemoryUse(host.total - host.available, host.total),
        *(use for use in MemoryGroup.of_this_process(system).uses() if use.total < host.total),
    ]
    return min(uses, key=lambda use: use.left)


def memory_kills(system: Path = _SYSTEM) -> tuple[int | None, int | None]:
    """How many processes the kernel has killed for want of memory: in our control group, and on the host.

    None where the system does not count.
    """
    return MemoryGroup.of_this_process(system).kills(), counter(system / "proc/vmstat", "oom_kill")


def counter(file: Path, name: str) -> int | None:
    """Of a file that has one name and one number a line."""
    with suppress(OSError, ValueError):
        for line in file.read_text().splitlines():
            key, _, value = line.partition(" ")
            if key == name:
                return int(value)
    return None


def _folders(mounted: Path, path: str, names: _Names) -> tuple[Path, ...]:
    """A container sees its own group where it is mounted, though the path that it is told is the host's."""
    own = mounted / path.lstrip("/")
    if not (own / names.kills).exists():
        return (mounted,)
    return (own, *(folder for folder in own.parents if folder.is_relative_to(mounted)))
