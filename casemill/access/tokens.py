"""API tokens: what a program signs in with. Shown once; kept as a hash; revocable."""

import hashlib
import secrets
from datetime import datetime
from uuid import UUID

from sqlmodel import Session, select

from casemill.models import ApiToken, User
from casemill.models.columns import utc_now

PREFIX = "cm_"
_SHOWN = 7


def new_secret() -> str:
    """256 random bits: nobody guesses them, so a fast hash is enough to keep them."""
    return secrets.token_urlsafe(32)


def hashed(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


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
