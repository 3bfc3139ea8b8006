"""API tokens: what a program signs in with. Shown once; kept as a hash; revocable."""

import hashlib
import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import func, or_, update
from sqlmodel import Session, col, select

from casemill.errors import NotFound, Refused
from casemill.models import ApiToken, User
from casemill.models.columns import utc_now

PREFIX = "cm_"
USE_NOTED_EVERY = timedelta(minutes=1)
_SHOWN = 7


def new_secret() -> str:
    """256 random bits: nobody guesses them, so a fast hash is enough to keep them."""
    return secrets.token_urlsafe(32)


def hashed(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def issue_token(
    session: Session, user_id: UUID, name: str, expires_at: datetime | None = None
) -> tuple[ApiToken, str]:
    """The token's row and the token itself, which nobody can read again."""
    secret = PREFIX + new_secret()
    token = ApiToken(
        user_id=user_id,
        name=name,
        secret_hash=hashed(secret),
        hint=secret[: len(PREFIX) + _SHOWN],
        expires_at=expires_at,
    )
    session.add(token)
    session.flush()
    return token, secret


def user_of_token(session: Session, secret: str) -> tuple[User, ApiToken] | None:
    """Whose valid token it is; None if it is not, or its user is disabled."""
    now = utc_now()
    token = session.exec(select(ApiToken).where(ApiToken.secret_hash == hashed(secret))).first()
    if token is None or token.revoked_at or (token.expires_at and token.expires_at <= now):
        return None
    user = session.get_one(User, token.user_id)
    return None if user.disabled_at else (user, token)


def is_use_worth_noting(token: ApiToken, now: datetime) -> bool:
    """A token that asks ten times a second costs one write a minute."""
    return token.used_at is None or now - token.used_at >= USE_NOTED_EVERY


def note_use(session: Session, token_id: UUID, now: datetime) -> None:
    before = now - USE_NOTED_EVERY
    stale = or_(col(ApiToken.used_at).is_(None), col(ApiToken.used_at) <= before)
    session.exec(update(ApiToken).where(col(ApiToken.id) == token_id, stale).values(used_at=now))


def tokens_of(
    session: Session, user_id: UUID | None, page: int, per_page: int
) -> tuple[Sequence[ApiToken], int]:
    """A page of one user's tokens, or of everybody's (None), newest first, and how many there are."""
    mine = [] if user_id is None else [col(ApiToken.user_id) == user_id]
    newest = col(ApiToken.created_at).desc(), col(ApiToken.id)
    shown = select(ApiToken).where(*mine).order_by(*newest).offset((page - 1) * per_page).limit(per_page)
    total = session.exec(select(func.count()).select_from(ApiToken).where(*mine)).one()
    return session.exec(shown).all(), total


def revoke_token(session: Session, token_id: UUID, only_of: UUID | None) -> ApiToken:
    """Ends it at once. only_of is whose tokens may be revoked, None for anybody's.

    Raises NotFound, and Refused if it has ended before.
    """
    token = session.get(ApiToken, token_id)
    if token is None or (only_of is not None and token.user_id != only_of):
        raise NotFound(f"No token {token_id}; GET /tokens shows which there are")
    mine = (col(ApiToken.id) == token_id, col(ApiToken.revoked_at).is_(None))
    moved = session.exec(update(ApiToken).where(*mine).values(revoked_at=utc_now()))
    if moved.rowcount == 0:
        raise Refused(f"The token {token.name!r} was revoked before; it lets nobody in")
    return token
