"""Names that point at us from elsewhere are refused.

A page elsewhere whose name is made to point at this machine (DNS rebinding) would otherwise be of our origin.
"""

from collections.abc import Iterable
from http import HTTPStatus
from urllib.parse import urlsplit

from fastapi import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from casemill.web.problems import problem


class KnownHost:
    """Middleware. A name beginning with `*.` stands for all below it, `*` for all."""

    def __init__(self, app: ASGIApp, names: Iterable[str]) -> None:
        self._app = app
        self._names = [name.lower() for name in names]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = Request(scope)
        if self._knows(request.headers.get("Host", "")):
            await self._app(scope, receive, send)
        else:
            said = "This host name is not one of ours; CASEMILL_API_HOSTS lists those under which we answer"
            await problem(request, HTTPStatus.BAD_REQUEST, said)(scope, receive, send)

    def _knows(self, given: str) -> bool:
        try:
            host = urlsplit(f"//{given}").hostname or ""
        except ValueError:
            return False
        return any(
            name in ("*", host) or (name.startswith("*.") and host.endswith(name[1:])) for name in self._names
        )
