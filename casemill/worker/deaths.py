"""Why a run's process ended as it did, in a sentence."""

import signal
from contextlib import suppress

from casemill.worker.orders import Ended


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
