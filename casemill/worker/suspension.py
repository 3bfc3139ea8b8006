"""That a run is suspended, told to its process by the worker.

Prefect's engine has each run listen to the server's events for it, over a connection of its own. The worker
listens for all of its runs as it is.
"""

import os
import threading
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, Protocol
from uuid import UUID

from prefect.client.schemas.objects import State

_LONGEST = 1 << 16


class Request(Protocol):
    """Prefect's: what it is told takes effect where the flow comes to its next step."""

    def mark_requested(self, state: State[Any]) -> None: ...


@contextmanager
def hear_suspension(told: int, _flow_run_id: UUID, request: Request) -> Generator[None]:
    """For as long as the process lives: a thread that waits to be told costs nothing."""
    threading.Thread(target=_listen, args=(told, request), name="suspension", daemon=True).start()
    yield


def _listen(told: int, request: Request) -> None:
    unread = b""
    while received := os.read(told, _LONGEST):
        *lines, unread = (unread + received).split(b"\n")
        for line in lines:
            request.mark_requested(State[Any].model_validate_json(line))
