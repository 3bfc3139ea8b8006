"""Why a process ended, in words."""

from pathlib import Path

import pytest

from casemill.worker.deaths import cause_of, memory_kills
from casemill.worker.orders import Ended

MIB = 1 << 20


@pytest.mark.parametrize(
    ("ended", "words"),
    [
        (Ended(3), "ended with status 3"),
        (Ended(-11), "SIGSEGV"),
        (Ended(-9, 700 * MIB, group_kills=1, host_kills=1), "Out of memory: the kernel killed its process"),
        (Ended(-9, 700 * MIB, group_kills=0, host_kills=1), "Probably out of memory"),
        (Ended(-9, 700 * MIB, group_kills=None, host_kills=None), "killed from outside (SIGKILL)"),
        (Ended(-250), "signal 250"),
    ],
    ids=["status", "fault", "own group", "host", "outside", "no such signal"],
)
def test_the_cause_is_named(ended: Ended, words: str) -> None:
    assert words in cause_of(ended)


def test_how_much_memory_it_had_is_said() -> None:
    assert "700 MiB" in cause_of(Ended(-9, 700 * MIB, group_kills=1))


def test_what_the_worker_killed_itself_was_not_killed_from_outside() -> None:
    assert cause_of(Ended(-9, MIB, host_kills=1), asked_to_end=True) == "Its process was ended by SIGKILL"


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
    tmp_path: Path, own: str, counters: dict[str, str], kills: int | None
) -> None:
    files = {"proc/self/cgroup": own, "proc/vmstat": "nr_free_pages 1\noom_kill 7\n"}
    for name, text in {**files, **{f"sys/fs/cgroup/{name}": text for name, text in counters.items()}}.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    assert memory_kills(tmp_path) == (kills, 7)


def test_kills_are_counted_where_this_system_tells() -> None:
    assert all(count is None or count >= 0 for count in memory_kills())
