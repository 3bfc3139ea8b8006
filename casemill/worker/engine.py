"""A flow run from its beginning to its end, in this process: what `python -m prefect.engine` does.

Prefect's own program asks the server for the run and its deployment, which the worker has just read; here
they are given.
"""

import inspect
import os
from collections.abc import Awaitable, Callable
from typing import Any, cast

import anyio
from prefect import Flow
from prefect.client.schemas.objects import FlowRun, State
from prefect.engine import handle_engine_signals
from prefect.flow_engine import load_flow, run_flow
from prefect.logging.loggers import flow_run_logger

from casemill.worker.orders import Order
from casemill.worker.private import drive, listen_for_intents

_ENTRYPOINT = "PREFECT__FLOW_ENTRYPOINT"
_HOOKS: dict[str, Callable[[Flow[..., Any]], list[Any]]] = {
    "cancellation": lambda flow: flow.on_cancellation_hooks,
    "crashed": lambda flow: flow.on_crashed_hooks,
}


def run_flow_run(order: Order, flow: Flow[..., Any] | None) -> int:
    """Raises SystemExit where the run ends otherwise than well."""
    flow_run = FlowRun.model_validate_json(order.flow_run)
    listen_for_intents()
    with handle_engine_signals(flow_run.id):
        logger = flow_run_logger(flow_run)
        try:
            loaded = flow or _load(order, flow_run)
        except Exception:
            logger.exception("The flow could not be loaded")
            raise
        drive(loaded, flow_run, run_flow(loaded, flow_run=flow_run, error_logger=cast(Any, logger)))
    return 0


def run_hooks(order: Order, flow: Flow[..., Any] | None) -> int:
    """Those that the flow has for the end that its run came to; one that fails stops no other."""
    flow_run = FlowRun.model_validate_json(order.flow_run)
    state = State[Any].model_validate_json(order.state or "{}")
    logger = flow_run_logger(flow_run)
    loaded = flow or _load(order, flow_run)

    async def call(hook: Callable[..., Any]) -> None:
        answer = hook(loaded, flow_run, state)
        if inspect.isawaitable(answer):
            await _finish(answer)

    for hook in _HOOKS[order.hook or ""](loaded) or []:
        try:
            anyio.run(call, hook)
        except Exception:  # the edge: any code may fail in any way
            logger.exception("A hook for the %s of this run failed", order.hook)
    return 0


async def _finish(answer: Awaitable[object]) -> None:
    await answer


def _load(order: Order, flow_run: FlowRun) -> Flow[..., Any]:
    if order.entrypoint is not None:
        os.environ[_ENTRYPOINT] = order.entrypoint
    return load_flow(flow_run)
