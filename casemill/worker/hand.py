"""A run in the worker's hand: its process, and how that is ended when it has to be."""

import asyncio
import signal
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from prefect.client.schemas.objects import FlowRun, State

from casemill.worker.orders import NUDGE
from casemill.worker.private import ControlChannel, ControlSignalStatus
from casemill.worker.warm_process import Forked, WarmProcess

GRACE_SECONDS = 30.0
"""A run that is to end has this long for it, as with Prefect's own worker."""

_NUDGE_SECONDS = 1.0


@dataclass(slots=True)
class Hand:
    """is_cancelled: it was asked to, and had not come to its end. is_let_go: its end is not ours to tell."""

    run: FlowRun
    is_cancelled: bool = False
    is_let_go: bool = False
    warm: WarmProcess | None = None
    forked: Forked | None = None
    suspended: State[Any] | None = None

    def began_before(self, at: datetime) -> bool:
        """What was heard late may be of an attempt before this one."""
        return self.run.state is None or self.run.state.timestamp < at

    async def cancel(self, control: ControlChannel) -> None:
        """Ends the process, if the run has not come to its end already. Returns when it is gone.

        What has no process yet is only marked: whoever starts it looks.
        """
        if await control.signal(self.run.id, "cancel") is ControlSignalStatus.ALREADY_CONCLUDED:
            return
        self.is_cancelled = True
        await self._end(GRACE_SECONDS)

    async def suspend(self, state: State[Any]) -> None:
        """Takes effect where the flow comes to its next step. What has no process yet is told when it has."""
        self.suspended = state
        if self.warm is not None and self.forked is not None:
            self.warm.tell(self.forked, state.model_dump_json())

    async def let_go(self, control: ControlChannel, seconds: float) -> None:
        """Ends the process without a word to Prefect: who looks after lost runs brings it back."""
        self.is_let_go = True
        await control.signal(self.run.id, "relinquish")
        await self._end(seconds)

    async def _end(self, seconds: float) -> None:
        if self.warm is None or self.forked is None:
            return
        warm, forked = self.warm, self.forked
        warm.signal(forked, signal.SIGTERM)
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while not (await asyncio.wait([forked.ended], timeout=_NUDGE_SECONDS))[0]:
                    warm.signal(forked, NUDGE)
        if not forked.ended.done():
            await warm.kill(forked)
