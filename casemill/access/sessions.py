"""Sessions of browsers: a row for each, ended by time, by signing out, or with its user."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import delete, update
from sqlmodel import Session, col, select

from casemill.access.tokens import hashed, new_secret
from casemill.models import ApiToken, LoginLink, LoginSession, User
from casemill.models.columns import utc_now

IDLE = timedelta(hours=12)
LONGEST = timedelta(days=7)
SEEN_NOTED_EVERY = timedelta(minutes=1)
_LINKS_REMEMBERED = timedelta(days=30)  # so long an old link is told what became of it
_AGENT_CHARACTERS = 200


@dataclass(frozen=True, slots=True)
class Visit:
    """Where somebody comes in from. old_secret is of the session their browser still has."""

    address: str | None = None
    agent: str | None = None
    old_secret: str | None = None


def begin_session(session: Session, user_id: UUID, visit: Visit) -> tuple[LoginSession, str]:
    """Its row and its secret, always a new one: a secret known before signing in is worth nothing after."""
    now = utc_now()
    forget_expired(session, now)
    if visit.old_secret:
        end_session(session, visit.old_secret)
    secret = new_secret()
    login = LoginSession(
        user_id=user_id,
        secret_hash=hashed(secret),
        created_at=now,
        seen_at=now,
        expires_at=now + IDLE,
        address=visit.address,
        agent=visit.agent[:_AGENT_CHARACTERS] if visit.agent else None,
    )
    session.add(login)
    session.flush()
    return login, secret


def user_of_session(session: Session, secret: str) -> tuple[User, LoginSession] | None:
    """Whose session it is; None if it ended, or its user is disabled."""
    login = session.exec(select(LoginSession).where(LoginSession.secret_hash == hashed(secret))).first()
    if login is None or login.expires_at <= utc_now():
        return None
    user = session.get_one(User, login.user_id)
    return None if user.disabled_at else (user, login)


def is_worth_noting(login: LoginSession, now: datetime) -> bool:
    """A page that asks ten times a second costs one write a minute."""
    return now - login.seen_at >= SEEN_NOTED_EVERY


def note_seen(session: Session, login: LoginSession, now: datetime) -> None:
    """Whoever is there stays signed in, though not for ever."""
    until = min(now + IDLE, login.created_at + LONGEST)
    stale = (col(LoginSession.id) == login.id, col(LoginSession.seen_at) <= now - SEEN_NOTED_EVERY)
    session.exec(update(LoginSession).where(*stale).values(seen_at=now, expires_at=until))


def end_session(session: Session, secret: str) -> None:
    session.exec(delete(LoginSession).where(col(LoginSession.secret_hash) == hashed(secret)))


def end_access(session: Session, user_id: UUID, but_token: UUID | None = None) -> None:
    """Ends all that lets this user in without a password, but the token that asks for it."""
    now = utc_now()
    session.exec(delete(LoginSession).where(col(LoginSession.user_id) == user_id))
    unused = (col(LoginLink.user_id) == user_id, col(LoginLink.used_at).is_(None))
    session.exec(update(LoginLink).where(*unused).values(expires_at=now))
    valid = [col(ApiToken.user_id) == user_id, col(ApiToken.revoked_at).is_(None)]
    if but_token is not None:
        valid.append(col(ApiToken.id) != but_token)
    session.exec(update(ApiToken).where(*valid).values(revoked_at=now))


def forget_expired(session: Session, now: datetime) -> None:
    session.exec(delete(LoginSession).where(col(LoginSession.expires_at) <= now))
    session.exec(delete(LoginLink).where(col(LoginLink.expires_at) <= now - _LINKS_REMEMBERED))
