"""What a forked process does: become what a new one would have been, and run one flow run."""

import os
import signal
import sys
import time
from collections.abc import Mapping
from functools import partial
from uuid import UUID

from prefect.context import refresh_global_settings_context
from prefect.logging.configuration import setup_logging

from casemill.worker.engine import run_flow_run, run_hooks
from casemill.worker.flow_files import FlowFiles
from casemill.worker.orders import NUDGE, Order
from casemill.worker.private import lighten, remember
from casemill.worker.suspension import hear_suspension

_FOR_THE_INTERPRETER = ("PYTHON", "LD_", "MALLOC_", "GLIBC_", "DYLD_")
"""Read when a program starts, so a forked process cannot honour another value."""

_OWN = "PREFECT__"  # what Prefect hands to one run, no setting


def run_order(order: Order, flows: FlowFiles, told: int) -> int:
    """The status to exit with. `told` is where the worker's words come from."""
    before = dict(os.environ)
    if order.quiet:
        _say_nothing()
    if order.command is not None:
        os.chdir(order.working_directory)
        os.execvpe(order.command[0], order.command, order.environment)  # noqa: S606  what the deployment says
    if order.hook is None and needs_new_interpreter(before, order.environment):
        os.chdir(order.working_directory)
        engine = [sys.executable, "-m", "prefect.engine"]
        os.execve(engine[0], engine, order.environment)  # noqa: S606  this interpreter, as a worker of Prefect would start it
    _become(before, order)
    flow = flows.get(order.entrypoint)
    if order.hook is not None:
        return run_hooks(order, flow)
    signal.signal(NUDGE, _look)
    remember(order.related)
    lighten(partial(hear_suspension, told), UUID(order.result_storage) if order.result_storage else None)
    return run_flow_run(order, flow)


def needs_new_interpreter(before: Mapping[str, str], after: Mapping[str, str]) -> bool:
    names = {name for name in {*before, *after} if name.startswith(_FOR_THE_INTERPRETER)}
    return any(before.get(name) != after.get(name) for name in names)


def _become(before: Mapping[str, str], order: Order) -> None:
    """Takes on environment, working directory and settings."""
    os.environ.clear()
    os.environ.update(order.environment)
    if before.get("TZ") != order.environment.get("TZ"):
        time.tzset()
    os.chdir(order.working_directory)
    if order.entrypoint is None:
        sys.path.insert(0, order.working_directory)
    if _settings(before) != _settings(order.environment):
        refresh_global_settings_context()
        setup_logging()


def _look(*_: object) -> None:
    """A handler there must be, for the signal to interrupt what the main thread waits for."""


def _settings(environment: Mapping[str, str]) -> dict[str, str]:
    return {
        name: value
        for name, value in environment.items()
        if name.startswith("PREFECT_") and not name.startswith(_OWN)
    }


def _say_nothing() -> None:
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, 1)
    os.dup2(nothing, 2)
    os.close(nothing)
