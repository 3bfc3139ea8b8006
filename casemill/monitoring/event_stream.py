"""Prefect's events, in a thread of their own that connects again whenever the connection is lost."""

import asyncio
import logging
import queue
import threading
import time
from datetime import datetime

from prefect.events import Event
from prefect.events.clients import get_events_subscriber
from prefect.events.filters import EventFilter, EventNameFilter

from casemill.models.columns import utc_now
from casemill.monitoring.events import PREFIXES

logger = logging.getLogger(__name__)

_WAITS = (0.5, 1, 2, 5, 10, 30)  # seconds
_MOST_WAITING = 20_000  # a recorder that cannot keep up reads the rest from the API


class EventStream:
    """What was heard and not yet taken. listening_since is None while there is no connection."""

    def __init__(self) -> None:
        self._heard: queue.Queue[Event] = queue.Queue(_MOST_WAITING)
        self.listening_since: datetime | None = None
        self.missed_some = True  # whatever came before the first connection
        self._thread = threading.Thread(target=self._run, name="event-stream", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def take(self, at_most: int, wait_seconds: float) -> list[Event]:
        """What has come, waiting a little for the first."""
        found: list[Event] = []
        try:
            found.append(self._heard.get(timeout=wait_seconds))
            while len(found) < at_most:
                found.append(self._heard.get_nowait())
        except queue.Empty:
            pass
        return found

    def _run(self) -> None:
        failures = 0
        while True:
            begun = time.monotonic()
            try:
                asyncio.run(self._listen())
            except Exception as error:  # the edge: whatever ends the connection, the next one is tried
                logger.warning("The event stream ended: %s: %s", type(error).__name__, error)
            self.listening_since = None
            self.missed_some = True
            failures = 0 if time.monotonic() - begun > _WAITS[-1] else failures + 1
            time.sleep(_WAITS[min(failures, len(_WAITS) - 1)])

    async def _listen(self) -> None:
        wanted = EventFilter(event=EventNameFilter(prefix=PREFIXES))
        async with get_events_subscriber(wanted, reconnection_attempts=0) as subscriber:
            self.listening_since = utc_now()
            logger.info("Listening to Prefect's events")
            async for event in subscriber:
                try:
                    self._heard.put_nowait(event)
                except queue.Full:
                    self.missed_some = True
