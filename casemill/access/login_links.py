"""One-time login links: how the first admin gets in, and whoever has no password yet."""

from datetime import timedelta
from enum import StrEnum
from uuid import UUID

from sqlalchemy import update
from sqlmodel import Session, col, select

from casemill.access.tokens import hashed, new_secret
from casemill.models import LoginLink, User
from casemill.models.columns import utc_now

MINUTES = 60


class LinkFault(StrEnum):
    """Why a link lets nobody in."""

    UNKNOWN = "unknown"
    USED = "used"
    EXPIRED = "expired"
    DISABLED = "disabled"  # its user is


def new_login_link(session: Session, user_id: UUID, minutes: int = MINUTES) -> str:
    """The secret of `/login?token=<secret>`, which signs this user in once within these minutes."""
    secret = new_secret()
    expires_at = utc_now() + timedelta(minutes=minutes)
    session.add(LoginLink(user_id=user_id, secret_hash=hashed(secret), expires_at=expires_at))
    session.flush()
    return secret


def use_login_link(session: Session, secret: str) -> User | LinkFault:
    """Whose it is, for the first who comes with it. The link is used up even if its user is disabled."""
    now = utc_now()
    mine = col(LoginLink.secret_hash) == hashed(secret)
    still_good = (col(LoginLink.used_at).is_(None), col(LoginLink.expires_at) > now)
    taken = session.exec(update(LoginLink).where(mine, *still_good).values(used_at=now))
    link = session.exec(select(LoginLink).where(mine)).first()
    if link is None:
        return LinkFault.UNKNOWN
    if taken.rowcount == 0:
        return LinkFault.USED if link.used_at else LinkFault.EXPIRED
    user = session.get_one(User, link.user_id)
    return LinkFault.DISABLED if user.disabled_at else user
