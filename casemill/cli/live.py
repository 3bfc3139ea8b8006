"""The feed on the command line: events as they come, over lost connections."""

import json
import time
from collections.abc import Generator
from typing import Any

import httpx
from httpx_sse import ServerSentEvent, connect_sse

from casemill.cli.client import Api, refusal
from casemill.cli.options import NotRunning

_SILENCE_SECONDS = 45  # three heartbeats of the stream
_PAUSE_SECONDS = 1
_MOST_FAILURES = 10


def events_of_job(api: Api, job_id: object) -> Generator[tuple[str, dict[str, Any]]]:
    """Names and data of what becomes known of the job, from its beginning until it is over."""
    after, failures = "", 0
    while failures < _MOST_FAILURES:
        headers = {"Last-Event-ID": after} if after else {}
        try:
            timeout = httpx.Timeout(_SILENCE_SECONDS, connect=5)
            with connect_sse(
                api.http, "GET", f"/jobs/{job_id}/events", headers=headers, timeout=timeout
            ) as source:
                if not source.response.is_success:
                    source.response.read()
                    raise refusal(source.response)
                for event in source.iter_sse():
                    failures, after = 0, event.id or after
                    if event.event == "end":
                        return
                    yield event.event, _data(event)
        except httpx.TransportError:
            failures += 1
        time.sleep(_PAUSE_SECONDS)
    raise NotRunning(f"The API at {api.url} does not answer any more; the job goes on without being watched")


def _data(event: ServerSentEvent) -> dict[str, Any]:
    return json.loads(event.data) if event.data else {}
