"""Processes that were forked, before and after they lead a group of their own."""

import os
import signal
from collections.abc import Callable

import pytest

from casemill.worker.family import signal_group


def forked(become: Callable[[], object]) -> int:
    """A child that did this and sleeps. It has done it when this returns."""
    told, tell = os.pipe()
    if (pid := os.fork()) == 0:
        become()
        os.write(tell, b"!")
        while True:
            signal.pause()
    os.read(told, 1)
    os.close(told)
    os.close(tell)
    return pid


@pytest.mark.parametrize("become", [os.setsid, lambda: None], ids=["leads its group", "not yet"])
def test_a_child_is_signalled_also_before_it_leads_its_group(become: Callable[[], object]) -> None:
    """A run that was cancelled the moment it was started, on a busy host, ran on."""
    pid = forked(become)
    signal_group(pid, signal.SIGKILL)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == -signal.SIGKILL
    signal_group(pid, signal.SIGKILL)  # and who is gone is left alone
