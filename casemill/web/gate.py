"""Nothing behind it is reached by strangers: who asks is known before a request is read.

Endpoints that forget to ask for an actor are locked all the same; what is open is listed here, by name.
"""

from urllib.parse import unquote, urlencode

from fastapi import Request
from fastapi.responses import RedirectResponse, Response
from starlette.concurrency import run_in_threadpool
from starlette.types import ASGIApp, Receive, Scope, Send

from casemill.access.audit import write_down
from casemill.access.signing import SigningKey
from casemill.db import TRANSIENT, Database
from casemill.errors import BadInput, CasemillError, Denied, NotSignedIn
from casemill.models import AuditResult
from casemill.operations.claim_link import PATH as CLAIM_PAGE
from casemill.web.entry import (
    CSRF_HEADER,
    SAFE,
    Entry,
    comes_from_elsewhere,
    entry_of,
    says_it_is_ours,
)
from casemill.web.headers import STATIC
from casemill.web.problems import API, is_page, problem_of

SIGN_IN = "Sign in, or send an API token as `Authorization: Bearer ...`"
LOGIN_PAGE = "/login"
OPEN = frozenset(
    {
        ("GET", "/health"),
        ("GET", "/ready"),
        ("GET", LOGIN_PAGE),
        ("POST", LOGIN_PAGE),
        ("POST", "/api/v1/session"),
        ("GET", CLAIM_PAGE),
        ("POST", CLAIM_PAGE),
    }
)
_TARGET_CHARACTERS = 300


class Gate:
    """Middleware. Leaves the Entry in request.state.entry, or answers by itself."""

    def __init__(self, app: ASGIApp, database: Database, key: SigningKey) -> None:
        self._app = app
        self._database = database
        self._key = key

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
        elif scope["type"] == "http":
            request = Request(scope)
            answer = await self._refusal(request)
            await (answer or self._app)(scope, receive, send)
        else:  # web sockets: there are none
            await send({"type": "websocket.close", "code": 1008})

    async def _refusal(self, request: Request) -> Response | None:
        """None for who may go on."""
        request.state.entry = None
        is_static = request.url.path.startswith(STATIC) and request.method in SAFE
        try:
            if (request.method, request.url.path) in OPEN or is_static:
                if request.method not in SAFE and comes_from_elsewhere(request):
                    raise Denied("This was asked for by a page that is not ours; open Casemill itself")
                return None
            request.state.entry = await run_in_threadpool(self._admit, request)
        except NotSignedIn as error:
            return _to_login(request) if is_page(request) else problem_of(request, error)
        except (CasemillError, *TRANSIENT) as error:
            return problem_of(request, error)
        return None

    def _admit(self, request: Request) -> Entry:
        entry = entry_of(request, self._database, self._key)
        if entry is None:
            raise NotSignedIn(SIGN_IN)
        if "\x00" in request.scope["path"] + unquote(request.scope["query_string"].decode("latin-1")):
            raise BadInput("The address holds a character (%00) that nothing is called by; leave it out")
        if entry.secret and request.method not in SAFE and (why := self._forgery(request, entry.secret)):
            note_denied(self._database, request, entry, why)
            raise Denied(why)
        return entry

    def _forgery(self, request: Request, secret: str) -> str | None:
        """Why a request may have been made by a page elsewhere, with a cookie that the browser added."""
        if comes_from_elsewhere(request):
            return "This was asked for by a page that is not ours; open Casemill itself"
        given = request.headers.get(CSRF_HEADER)
        if given is not None and self._key.is_csrf_token(secret, given):
            return None
        if not request.url.path.startswith(API) and says_it_is_ours(request):
            return None
        return f"Send the header {CSRF_HEADER} with the csrf_token that GET /api/v1/session answers"


def note_denied(database: Database, request: Request, entry: Entry, why: str) -> None:
    """What somebody known tried and may not do is written down too."""
    with database.write() as session:
        write_down(
            session,
            "access.deny",
            AuditResult.DENIED,
            via=entry.actor.via,
            user_id=entry.actor.user_id,
            user_name=entry.actor.name,
            address=entry.actor.address,
            target=f"{request.method} {request.url.path}"[:_TARGET_CHARACTERS],
            message=why,
        )


def _to_login(request: Request) -> Response:
    """The form, which leads on to what was asked for."""
    wanted = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    query = "" if wanted == "/" else "?" + urlencode({"next": wanted})
    return RedirectResponse(LOGIN_PAGE + query, 303)
