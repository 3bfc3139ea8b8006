"""How a request came in: with a token or with a session, and what it still owes before it may act."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlsplit
from uuid import UUID

from fastapi import Request
from sqlmodel import Session

from casemill.access.actor import Actor
from casemill.access.sessions import Visit, is_worth_noting, note_seen, user_of_session
from casemill.access.signing import SigningKey
from casemill.access.tokens import is_use_worth_noting, note_use, user_of_token
from casemill.db import TRANSIENT, Database
from casemill.models.columns import utc_now

COOKIE = "casemill_session"
CSRF_HEADER = "X-CSRF-Token"
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


@dataclass(frozen=True, slots=True)
class Entry:
    """Who asks. Of the token and the session one is set."""

    actor: Actor
    expires_at: datetime | None
    token_id: UUID | None = None
    secret: str | None = None  # of the session

    def __repr__(self) -> str:
        return f"Entry({self.actor!r})"


def address_of(request: Request) -> str | None:
    """Of who is connected. X-Forwarded-For is what anybody may claim, and is not looked at."""
    return request.client.host if request.client else None


def visit_of(request: Request, key: SigningKey) -> Visit:
    return Visit(address_of(request), request.headers.get("User-Agent"), _secret_of(request, key))


def entry_of(request: Request, database: Database, key: SigningKey) -> Entry | None:
    """None if nobody knows who asks. With an Authorization header, a cookie does not count.

    So a page elsewhere that makes a browser send its cookie gains nothing by adding a header of its own.
    """
    authorization = request.headers.get("Authorization")
    if authorization is not None:
        scheme, _, secret = authorization.partition(" ")
        return _by_token(request, database, secret.strip()) if scheme.lower() == "bearer" else None
    secret = _secret_of(request, key)
    return _by_session(request, database, secret) if secret else None


def comes_from_elsewhere(request: Request) -> bool:
    """Whether the browser says that a page which is not ours made it ask.

    Pages of other ports of this host are not ours. The scheme is not compared: behind a proxy that ends
    TLS we do not know it.
    """
    if request.headers.get("Sec-Fetch-Site", "none") not in ("same-origin", "none"):
        return True
    origin = request.headers.get("Origin")
    return origin is not None and not _is_ours(origin, request)


def says_it_is_ours(request: Request) -> bool:
    """Whether the browser names our own page as where it comes from; forms without scripts rest on this."""
    origin = request.headers.get("Origin")
    return origin is not None and _is_ours(origin, request) and not comes_from_elsewhere(request)


def _is_ours(origin: str, request: Request) -> bool:
    try:
        host = urlsplit(origin).netloc
    except ValueError:
        return False
    return host.lower() == request.headers.get("Host", "").lower() != ""


def _secret_of(request: Request, key: SigningKey) -> str | None:
    cookie = request.cookies.get(COOKIE)
    return key.open(cookie) if cookie else None


def _by_token(request: Request, database: Database, secret: str) -> Entry | None:
    with database.read() as session:
        found = user_of_token(session, secret)
    if found is None:
        return None
    user, token = found
    now = utc_now()
    if is_use_worth_noting(token, now):
        _note(database, lambda session: note_use(session, token.id, now))
    return Entry(Actor.of(user, "token", address_of(request)), token.expires_at, token_id=token.id)


def _by_session(request: Request, database: Database, secret: str) -> Entry | None:
    with database.read() as session:
        found = user_of_session(session, secret)
    if found is None:
        return None
    user, login = found
    now = utc_now()
    if is_worth_noting(login, now):
        _note(database, lambda session: note_seen(session, login, now))
    return Entry(Actor.of(user, "session", address_of(request)), login.expires_at, secret=secret)


def _note(database: Database, act: Callable[[Session], None]) -> None:
    """Nobody is kept out because the database is too busy to note that they were here."""
    with suppress(*TRANSIENT), database.write() as session:
        act(session)
