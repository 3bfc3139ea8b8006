"""What memory there is and how often the kernel killed for want of it, on a host and in a container."""

from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from casemill.local.memory import MemoryUse, memory_kills, memory_use

MIB = 1 << 20
GROUPS = "sys/fs/cgroup"


@pytest.fixture
def system(tmp_path: Path) -> Callable[[dict[str, str]], Path]:
    """The files by which a system tells, written somewhere else."""

    def write(files: dict[str, str]) -> Path:
        for name, text in files.items():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(text)
        return tmp_path

    return write


@pytest.mark.parametrize(
    ("own", "counters", "kills"),
    [
        ("0::/jobs/mine\n", {"jobs/mine/memory.events": "oom 9\noom_kill 2\n"}, 2),
        ("0::/\n", {"memory.events": "oom_kill 3\n"}, 3),
        (
            "4:cpu:/x\n3:memory:/mine\n0::/\n",
            {"memory/mine/memory.oom_control": "under_oom 0\noom_kill 4\n"},
            4,
        ),
        ("3:cpu,memory:/host/its-id\n", {"memory/memory.oom_control": "oom_kill 5\n"}, 5),
        ("0::/host/its-id\n", {"memory.events": "oom_kill 6\n"}, 6),
        ("0::/mine\n", {"mine/memory.events": "oom 0\n"}, None),
        ("0::/mine\n", {}, None),
        ("", {}, None),
    ],
    ids=["v2", "v2 root", "v1", "v1 container", "v2 container", "old kernel", "not counted", "no groups"],
)
def test_kills_are_counted_in_our_control_group_and_on_the_host(
    system: Callable[[dict[str, str]], Path], own: str, counters: dict[str, str], kills: int | None
) -> None:
    told = {f"{GROUPS}/{name}": text for name, text in counters.items()}
    root = system({"proc/self/cgroup": own, "proc/vmstat": "nr_free_pages 1\noom_kill 7\n", **told})
    assert memory_kills(root) == (kills, 7)


def test_kills_are_counted_where_this_system_tells() -> None:
    assert all(count is None or count >= 0 for count in memory_kills())


@pytest.mark.parametrize(
    ("own", "files"),
    [
        (
            "0::/jobs/mine\n",
            {
                "jobs/mine/memory.events": "oom_kill 0\n",
                "jobs/mine/memory.max": "max\n",
                "jobs/mine/memory.current": f"{90 * MIB}\n",
                "jobs/memory.max": f"{100 * MIB}\n",
                "jobs/memory.current": f"{95 * MIB}\n",
                "jobs/memory.stat": f"file 9\ninactive_file {5 * MIB}\n",
            },
        ),
        (
            "3:cpu,memory:/host/its-id\n",
            {
                "memory/memory.oom_control": "oom_kill 0\n",
                "memory/memory.limit_in_bytes": f"{100 * MIB}\n",
                "memory/memory.usage_in_bytes": f"{95 * MIB}\n",
                "memory/memory.stat": f"inactive_file 7\ntotal_inactive_file {5 * MIB}\n",
            },
        ),
    ],
    ids=["v2, a group around ours", "v1 container"],
)
def test_in_a_container_its_memory_is_what_counts(
    system: Callable[[dict[str, str]], Path], own: str, files: dict[str, str]
) -> None:
    root = system({"proc/self/cgroup": own, **{f"{GROUPS}/{name}": text for name, text in files.items()}})
    assert memory_use(root) == MemoryUse(90 * MIB, 100 * MIB)
    assert memory_use(root).left == 10 * MIB


@pytest.mark.parametrize("limit", ["max", str(0x7FFFFFFFFFFFF000)], ids=["none", "more than there is"])
def test_without_a_limit_the_hosts_memory_counts(
    system: Callable[[dict[str, str]], Path], limit: str
) -> None:
    files = {"memory.events": "oom_kill 0\n", "memory.max": limit, "memory.current": "1\n"}
    told = {f"{GROUPS}/{name}": text for name, text in files.items()}
    root = system({"proc/self/cgroup": "0::/\n", **told})
    assert memory_use(root).total == psutil.virtual_memory().total


def test_what_this_system_tells_is_believed() -> None:
    found = memory_use()
    assert 0 < found.used < found.total <= psutil.virtual_memory().total
