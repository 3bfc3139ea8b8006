"""What ties a forked process to its parent, and makes it known as a run's."""

import ctypes
import os
import signal
import sys
from contextlib import suppress

from casemill.worker.orders import FLOW_RUN_ID, NO_RUN

_PR_SET_PDEATHSIG = 1


def forking_is_sound() -> bool:
    """Whether a process with Prefect imported can be forked here, and be made to die with its parent."""
    return sys.platform == "linux"


def worker_type() -> str:
    """Of the worker that serves this host: ours, or where that cannot be, Prefect's own."""
    return "casemill" if forking_is_sound() else "process"


def die_with_parent(parent: int) -> None:
    """From now on this process is killed when its parent is gone; at once if it is already."""
    _libc().prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
    if os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGKILL)


def signal_group(leader: int, signum: int) -> None:
    """To a child that was forked to lead a group, and all of that; also to one that has not come to lead it.

    The child's id must not be another's: it has not been waited for.
    """
    with suppress(ProcessLookupError, PermissionError):
        try:
            os.killpg(leader, signum)
        except ProcessLookupError:  # it was told of at once, and makes its group when it first runs
            os.kill(leader, signum)


def be_of_run(flow_run_id: str) -> None:
    """Writes the run's id where others read the environment of this process.

    The system shows the environment that a process was started with, and a forked one was not: it shows its
    parent's, which has a place for the id. Who looks for the processes of a run finds them as they find those
    of Prefect's own worker.
    """
    place = _libc().getenv(FLOW_RUN_ID.encode())
    if place and ctypes.string_at(place) == NO_RUN.encode() and len(flow_run_id) == len(NO_RUN):
        ctypes.memmove(place, flow_run_id.encode(), len(NO_RUN))


def _libc() -> ctypes.CDLL:
    library = ctypes.CDLL(None, use_errno=True)
    library.getenv.restype = ctypes.c_void_p
    return library
