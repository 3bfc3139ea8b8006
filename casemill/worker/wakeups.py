"""Prefect's events that a worker acts on at once: runs are due or to be cancelled, places are free."""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from typing import Any
from uuid import UUID

from prefect.client.schemas.objects import State, StateType
from prefect.events import Event
from prefect.events.clients import get_events_subscriber
from prefect.events.filters import EventFilter, EventNameFilter

logger = logging.getLogger(__name__)

_RUN = "prefect.flow-run."
_CANCELLING = f"{_RUN}Cancelling"
_CANCELLED = f"{_RUN}Cancelled"  # Prefect ends so at once what has not begun, though its process may
_SUSPENDED = f"{_RUN}Suspended"
_DUE = ("Scheduled", "Late", "AwaitingRetry", "AwaitingConcurrencySlot", "Resuming")
_OVER = ("Completed", "Failed", "Crashed", "Paused", "TimedOut")
_QUEUES = (
    "prefect.work-pool.ready",
    "prefect.work-queue.ready",
    "prefect.work-pool.updated",
    "prefect.work-queue.updated",
)
_WAITS = (0.5, 1, 2, 5, 10, 30)  # seconds


class Wakeups:
    """Calls back for each event. Connects again whenever the connection is lost."""

    def __init__(
        self,
        on_due: Callable[[], None],
        on_cancelling: Callable[[UUID, datetime], None],
        on_suspended: Callable[[UUID, State[Any]], None],
    ) -> None:
        self._on_due = on_due
        self._on_cancelling = on_cancelling
        self._on_suspended = on_suspended
        self.is_listening = False

    async def run(self) -> None:
        """Until it is cancelled."""
        failures = 0
        while True:
            try:
                await self._listen()
                failures = 0
            except Exception as error:  # the edge: whatever ends the connection, the next one is tried
                logger.warning("Prefect's events are not heard: %s: %s", type(error).__name__, error)
                failures = 0 if self.is_listening else failures + 1
            self.is_listening = False
            await asyncio.sleep(_WAITS[min(failures, len(_WAITS) - 1)])

    async def _listen(self) -> None:
        names = [
            _CANCELLING,
            _CANCELLED,
            _SUSPENDED,
            *(f"{_RUN}{name}" for name in (*_DUE, *_OVER)),
            *_QUEUES,
        ]
        wanted = EventFilter(event=EventNameFilter(name=names))
        async with get_events_subscriber(wanted, reconnection_attempts=0) as subscriber:
            self.is_listening = True
            self._on_due()  # what came while nobody listened
            async for event in subscriber:
                self._hear(event)

    def _hear(self, event: Event) -> None:
        if event.event != _CANCELLING:
            self._on_due()
        if event.event not in (_CANCELLING, _CANCELLED, _SUSPENDED):
            return
        with suppress(ValueError):  # anybody may emit events
            run_id = UUID((event.resource.id or "").removeprefix(_RUN))
            if event.event != _SUSPENDED:
                self._on_cancelling(run_id, event.occurred)
            else:
                # The event of a state has its id
                self._on_suspended(
                    run_id,
                    State[Any](
                        id=event.id, type=StateType.PAUSED, name="Suspended", timestamp=event.occurred
                    ),
                )
