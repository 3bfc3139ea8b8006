"""What passes is waited for, and what does not is not."""

import asyncio

import httpx
import pytest

from casemill.worker.patience import patiently


def refusal(status: int) -> httpx.HTTPStatusError:
    request = httpx.Request("POST", "http://127.0.0.1/api")
    return httpx.HTTPStatusError("refused", request=request, response=httpx.Response(status, request=request))


def answered_after(*errors: Exception) -> str:
    left = list(errors)

    async def call() -> str:
        if left:
            raise left.pop(0)
        return "answered"

    return asyncio.run(patiently(call))


def test_what_passes_is_tried_again() -> None:
    assert answered_after(refusal(503), httpx.ConnectError("restarting")) == "answered"


@pytest.mark.parametrize("status", [404, 422])
def test_what_does_not_pass_is_not(status: int) -> None:
    with pytest.raises(httpx.HTTPStatusError):
        answered_after(refusal(status))


def test_it_ends_some_time() -> None:
    async def call() -> None:
        raise refusal(429)

    with pytest.raises(httpx.HTTPStatusError):
        asyncio.run(patiently(call, seconds=0.1))
