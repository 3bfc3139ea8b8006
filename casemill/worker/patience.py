"""Calls that are tried again while what fails may pass."""

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

import httpx

logger = logging.getLogger(__name__)

Answer = TypeVar("Answer")

_PASSING = {408, 425, 429, 500, 502, 503, 504}
_LONGEST_PAUSE = 10.0
LONG_ENOUGH = 600.0
"""Seconds: a server that is away for longer is not restarting."""


def may_pass(error: BaseException) -> bool:
    if isinstance(error, httpx.HTTPStatusError):
        return error.response.status_code in _PASSING
    return isinstance(error, httpx.TransportError)


async def patiently(call: Callable[[], Awaitable[Answer]], seconds: float = LONG_ENOUGH) -> Answer:
    """Its answer; raises what it raises if that does not pass, or has not passed in time.

    Prefect's client has already tried several times when it raises. The pauses differ, so that those who were
    turned away together do not come back together.
    """
    until, pause = time.monotonic() + seconds, 0.5
    while True:
        try:
            return await call()
        except httpx.HTTPError as error:
            if not may_pass(error) or time.monotonic() + pause > until:
                raise
            logger.warning("Prefect's API did not answer (%s), trying again", type(error).__name__)
        await asyncio.sleep(pause * random.uniform(0.5, 1.5))  # noqa: S311  to part those that met
        pause = min(2 * pause, _LONGEST_PAUSE)
