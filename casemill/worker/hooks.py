"""What a flow wants done when a run of it was cancelled or crashed."""

import asyncio
from contextlib import suppress
from dataclasses import replace
from typing import Any

from prefect.client.schemas.objects import State
from prefect.logging.loggers import flow_run_logger

from casemill.worker.configuration import WarmConfiguration
from casemill.worker.hand import Hand
from casemill.worker.preparation import Preparation
from casemill.worker.warm_process import ParentGone
from casemill.worker.warm_processes import WarmProcesses

_SECONDS = 60.0


class Hooks:
    """Each run's in a process of their own, for they are the flow's code. That they fail changes nothing."""

    def __init__(self, preparation: Preparation, warm: WarmProcesses) -> None:
        self._preparation = preparation
        self._warm = warm

    async def run(self, hand: Hand, configuration: WarmConfiguration, state: State[Any]) -> None:
        """Returns when they have run, or have taken too long."""
        run, kind = hand.run, "cancellation" if state.is_cancelled() else "crashed"
        place = await self._preparation.place(run)
        if hand.warm is not None and place.entrypoint in hand.warm.without_hooks:
            return
        async with self._preparation.ordered(run, configuration, place) as order:
            order = replace(order, hook=kind, state=state.model_dump_json(), command=None)
            try:
                warm, forked = await self._warm.fork(place.directory, order)
                with suppress(TimeoutError):
                    async with asyncio.timeout(_SECONDS):
                        await asyncio.shield(forked.ended)
                        return
                await warm.kill(forked)
            except ParentGone:
                flow_run_logger(run).warning("The hooks for its %s were not run", kind, exc_info=True)
