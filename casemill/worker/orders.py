"""What a worker and its fork parent say to each other: one JSON document a line."""

import json
import signal
from dataclasses import asdict, dataclass, field
from typing import Any

FLOW_RUN_ID = "PREFECT__FLOW_RUN_ID"
"""The variable by which a run's processes are known from outside."""

NO_RUN = "00000000-0000-0000-0000-000000000000"
"""Its value in a fork parent, as long as those that are written over it."""


NUDGE = signal.SIGURG
"""Asks a process to look for the signals that it has received. Others take no notice of it.

The interpreter acts on a signal only between two steps of its main thread. One that comes just before that
waits for something, or that the system hands to another thread, is not acted on until it has waited.
"""


@dataclass(frozen=True, slots=True)
class Named:
    """What Prefect's events name beside a run. It is known by `key`: its id, of a pool its name."""

    kind: str
    key: str
    id: str
    name: str
    tags: list[str] = field(default_factory=list[str])


@dataclass(frozen=True, slots=True)
class Order:
    """One process to be forked.

    flow_run is Prefect's, as JSON. entrypoint is given where it is known to lie in the fork parent's
    directory; without it, the flow is loaded as Prefect does. A command is executed in the place of the run;
    hook, "cancellation" or "crashed", runs the flow's hooks of that kind for the state, as JSON.
    result_storage is the id of the block where results go by the server's default, None for a local folder.
    """

    number: int
    flow_run_id: str
    flow_run: str
    environment: dict[str, str]
    working_directory: str
    entrypoint: str | None = None
    command: list[str] | None = None
    hook: str | None = None
    state: str | None = None
    quiet: bool = False
    result_storage: str | None = None
    related: list[Named] = field(default_factory=list[Named])


@dataclass(frozen=True, slots=True)
class Ended:
    """How a forked process ended: status as of `subprocess`, negative for a signal.

    memory_bytes is the most it ever had, shared pages included. The counts say how many processes the kernel
    killed meanwhile for want of memory, in the worker's control group and on the host; None if unknown.
    """

    status: int
    memory_bytes: int = 0
    group_kills: int | None = None
    host_kills: int | None = None


@dataclass(frozen=True, slots=True)
class Warm:
    """What a fork parent says when it is ready.

    How many threads it had after each flow it was to load, which of these have no hooks for a bad end, and
    which code of ours it runs.
    """

    pid: int
    threads: dict[str, int]
    without_hooks: list[str]
    code: str


def write_line(kind: str, content: Any = None) -> bytes:
    return json.dumps([kind, content]).encode() + b"\n"


def read_line(line: bytes) -> tuple[str, Any]:
    kind, content = json.loads(line)
    return kind, content


def read_order(content: dict[str, Any]) -> Order:
    related = [Named(**named) for named in content.pop("related")]
    return Order(**content, related=related)


def order_line(order: Order) -> bytes:
    return write_line("fork", asdict(order))
