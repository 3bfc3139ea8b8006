"""Why a process ended, in words."""

import pytest

from casemill.worker.deaths import cause_of
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
