"""Bodies of requests are small, but for uploads, which are counted where they are stored."""

import re
from http import HTTPStatus

from fastapi import Request
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from casemill.web.problems import problem

MOST_BYTES = 1 << 20
_DIGITS = 20
_UPLOAD = re.compile(r"/api/v1/(cases|experts)/[^/]+/documents")
_SAID = f"The body of a request has at most {MOST_BYTES} bytes; send less at once"


class BodyLimit:
    """Middleware. Counts what arrives, whatever Content-Length says."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or (scope["method"] == "POST" and _UPLOAD.fullmatch(scope["path"])):
            await self._app(scope, receive, send)
            return
        request = Request(scope)
        announced = request.headers.get("Content-Length", "0")
        if not announced.isdecimal() or len(announced) > _DIGITS or int(announced) > MOST_BYTES:
            await problem(request, HTTPStatus.REQUEST_ENTITY_TOO_LARGE, _SAID)(scope, receive, send)
            return
        arrived = 0

        async def counted() -> Message:
            nonlocal arrived
            message = await receive()
            arrived += len(message.get("body", b""))
            if arrived > MOST_BYTES:
                raise HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, _SAID)
            return message

        await self._app(scope, counted, send)
