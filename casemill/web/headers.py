"""What every answer tells the browser: run nothing, show nothing, keep nothing that is not meant."""

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_NOTHING = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
_PAGE = (
    "default-src 'none'; style-src 'self'; img-src 'self'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
POLICY = "Content-Security-Policy"
WITH_SCRIPTS = f"{_PAGE}; script-src 'self'; connect-src 'self'"
"""Of pages that say so: they run the scripts of our own that they name, none that stands in them."""

_ALWAYS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",  # for browsers that do not know frame-ancestors
    # With no-referrer, browsers would not name our own pages as the origin of their forms either.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
STATIC = "/static/"  # style sheets and the like: the same for everybody


def secure(headers: MutableHeaders, path: str) -> None:
    """Adds what is missing. What an endpoint says about keeping its answer, and about scripts, stands."""
    for name, value in _ALWAYS.items():
        headers[name] = value
    is_page = headers.get("Content-Type", "").startswith("text/html")
    headers.setdefault(POLICY, _PAGE if is_page else _NOTHING)
    headers.setdefault("Cache-Control", "no-cache" if path.startswith(STATIC) else "no-store")


class SecurityHeaders:
    """Middleware, outermost: what the others answer by themselves is covered."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def secured(message: Message) -> None:
            if message["type"] == "http.response.start":
                secure(MutableHeaders(scope=message), scope["path"])
            await send(message)

        await self._app(scope, receive, secured if scope["type"] == "http" else send)
