"""Children that do not outlive their parent, however it ends.

The parent gives each child the reading end of a pipe whose writing end only the parent holds. When the
parent is gone, killed with SIGKILL included, the pipe ends, and the child ends itself and all it started.
"""

import os
import threading
from contextlib import suppress

import psutil

VARIABLE = "CASEMILL_LIFELINE"


def end_with_parent() -> None:
    """Watches the lifeline this process was given; does nothing where there is none."""
    lifeline = os.environ.pop(VARIABLE, None)
    if lifeline is not None:
        os.set_inheritable(int(lifeline), False)
        threading.Thread(target=_watch, args=(int(lifeline),), name="lifeline", daemon=True).start()


def tree(pid: int) -> list[psutil.Process]:
    """A process and everything it started; empty if it is gone."""
    try:
        root = psutil.Process(pid)
        return [*root.children(recursive=True), root]
    except psutil.NoSuchProcess:
        return []


def kill(processes: list[psutil.Process]) -> None:
    """SIGKILL to those that still live. psutil knows a process by its start too: a reused pid is safe."""
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.kill()


def _watch(lifeline: int) -> None:
    os.read(lifeline, 1)  # nothing is ever written: this returns when the writing end is closed
    kill(tree(os.getpid()))
