"""Signing in: with a name and a password, or with a login link. Every try is written down."""

from dataclasses import dataclass

from sqlalchemy import update
from sqlmodel import Session, col, select

from casemill.access.audit import write_down
from casemill.access.guesses import SIGN_IN, one_guess, require_not_locked, was_noted_lately
from casemill.access.login_links import LinkFault, use_login_link
from casemill.access.names import clean_name
from casemill.access.passwords import hash_password, is_outdated, verify_password
from casemill.access.sessions import Visit, begin_session
from casemill.db import Database
from casemill.errors import NotSignedIn, TooManyTries
from casemill.models import AuditResult, LoginSession, User

_WRONG = "The name or the password is wrong; try again, or ask an admin for a login link"


@dataclass(frozen=True, slots=True)
class Begun:
    """A session, its user, and the secret that nobody can read again."""

    user: User
    login: LoginSession
    secret: str

    def __repr__(self) -> str:
        return f"Begun({self.user.name!r})"


def sign_in(database: Database, name: str, password: str, visit: Visit) -> Begun:
    """Raises NotSignedIn, in the same words and time whoever is wrong and whatever is, and TooManyTries."""
    name = clean_name(name)
    with one_guess():
        _require_not_locked(database, name, visit)
        with database.read() as session:
            user = session.exec(select(User).where(User.name == name)).first()
        right = verify_password(user.password_hash if user else None, password)
        if user is None or not right or user.disabled_at:
            with database.write() as session:
                _note(session, AuditResult.DENIED, user, name, "password", visit)
            raise NotSignedIn(_WRONG)
        return _begin(database, user, visit, password)


def sign_in_by_link(database: Database, secret: str, visit: Visit) -> Begun | LinkFault:
    """Works once for each link."""
    with database.write() as session:
        found = use_login_link(session, secret)
        if isinstance(found, LinkFault):
            if not was_noted_lately(session, visit.address):
                _note(session, AuditResult.REFUSED, None, None, "link", visit, f"The link is {found}")
            return found
        login, new = begin_session(session, found.id, visit)
        _note(session, AuditResult.DONE, found, found.name, "link", visit)
    return Begun(found, login, new)


def _begin(database: Database, user: User, visit: Visit, password: str) -> Begun:
    """Unless the password was changed or the user disabled since the check, which takes its time."""
    old = user.password_hash
    new = hash_password(password) if old and is_outdated(old) else None
    unchanged = (User.id == user.id, User.password_hash == old, col(User.disabled_at).is_(None))
    with database.write() as session:
        if session.exec(select(User.id).where(*unchanged).with_for_update()).first() is None:
            raise NotSignedIn(_WRONG)
        if new:
            session.exec(update(User).where(col(User.id) == user.id).values(password_hash=new))
        login, secret = begin_session(session, user.id, visit)
        _note(session, AuditResult.DONE, user, user.name, "password", visit)
    return Begun(user, login, secret)


def _require_not_locked(database: Database, name: str, visit: Visit) -> None:
    try:
        with database.read() as session:
            require_not_locked(session, name, visit.address)
    except TooManyTries as locked:
        with database.write() as session:
            if not was_noted_lately(session, visit.address):
                _note(session, AuditResult.REFUSED, None, name, "password", visit, str(locked))
        raise


def _note(
    session: Session,
    result: AuditResult,
    user: User | None,
    name: str | None,
    via: str,
    visit: Visit,
    message: str | None = None,
) -> None:
    write_down(
        session,
        SIGN_IN,
        result,
        via=via,
        user_id=user.id if user else None,
        user_name=name,
        address=visit.address,
        target=f"user:{user.id}" if user else None,
        message=message,
    )
