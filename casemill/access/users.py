"""Users: made, changed and given passwords by admins.

Whose jobs and batches a user sees follows from the role, unless an admin decides otherwise: viewers see
everybody's and change nothing; operators see and steer only their own, for a batch stopped by mistake costs
somebody hours; admins see and steer all, whatever their scope says.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import func
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, select

from casemill.access.actor import Actor
from casemill.access.audit import audited
from casemill.access.guesses import CHANGE_PASSWORD, one_guess, require_not_locked
from casemill.access.names import clean_email, new_name
from casemill.access.passwords import hash_password, require_good_password, verify_password
from casemill.access.sessions import end_access
from casemill.db import Database
from casemill.errors import Denied, NotFound, Refused
from casemill.models import Role, Scope, User
from casemill.models.columns import utc_now
from casemill.operations.local_user import LOCAL_USER


@dataclass(frozen=True, slots=True)
class UserChange:
    """What is None stays; an empty e-mail address is none."""

    role: Role | None = None
    scope: Scope | None = None
    email: str | None = None
    disabled: bool | None = None


def default_scope(role: Role) -> Scope:
    """Viewers see all because they change nothing; operators their own; admins all."""
    return Scope.OWN if role == Role.OPERATOR else Scope.ALL


def create_user(
    session: Session,
    name: str,
    role: Role,
    scope: Scope | None = None,
    email: str | None = None,
    password: str | None = None,
) -> User:
    """Without a password, a login link lets them in first. Their queue is made at its first use.

    Raises BadInput, and Refused if somebody is called so already.
    """
    user = User(
        name=new_name(name),
        role=role,
        scope=scope or default_scope(role),
        email=clean_email(email) if email else None,
    )
    if user.name.casefold() == LOCAL_USER:
        raise Refused(f"{LOCAL_USER!r} is the person at this machine; choose another name")
    _require_nobody_else(session, user)
    if password is not None:
        require_good_password(password, user)
        user.password_hash = hash_password(password)
    _keep(session, user)
    return user


def change_user(session: Session, user_id: UUID, change: UserChange) -> User:
    """A new role brings its own scope, unless one is given. Who is disabled is out at once.

    Raises NotFound, BadInput, and Refused if nobody could administer Casemill afterwards.
    """
    # Locked before anything is read, so that of two admins who disable each other one is refused.
    enabled = (User.role == Role.ADMIN, col(User.disabled_at).is_(None))
    admins = session.exec(select(User.id).where(*enabled).order_by(col(User.id)).with_for_update()).all()
    user = user_of_id(session, user_id)
    role = change.role or user.role
    disabled = bool(user.disabled_at) if change.disabled is None else change.disabled
    if list(admins) == [user_id] and (disabled or role != Role.ADMIN):
        raise Refused(f"{user.name} is the only enabled admin; make another one first")
    if change.scope is not None:
        user.scope = change.scope
    elif role != user.role:
        user.scope = default_scope(role)
    user.role = role
    if change.email is not None:
        user.email = clean_email(change.email) if change.email.strip() else None
        _require_nobody_else(session, user)
    if disabled and not user.disabled_at:
        user.disabled_at = utc_now()
        end_access(session, user.id)
    elif not disabled:
        user.disabled_at = None
    _keep(session, user)
    return user


def set_password(session: Session, user: User, password: str, but_token: UUID | None = None) -> None:
    """Ends the user's sessions, links and tokens, for whoever has one may be why. Raises BadInput."""
    require_good_password(password, user)
    user.password_hash = hash_password(password)
    session.add(user)
    end_access(session, user.id, but_token)


def change_own_password(
    database: Database, actor: Actor, old: str | None, new: str, but_token: UUID | None = None
) -> None:
    """For those who know the old one, or have none yet. A stolen session does not become a stolen account.

    Raises Denied, TooManyTries, BadInput; written down by itself, for wrong ones are counted from the log.
    """
    with one_guess(), audited(database, actor, CHANGE_PASSWORD, f"user:{actor.user_id}"):
        with database.read() as session:
            user = user_of_id(session, actor.user_id)
            require_not_locked(session, user.name, actor.address)
        if user.password_hash and not verify_password(user.password_hash, old or ""):
            raise Denied("The old password is wrong; type it again, or ask an admin for a new one")
        with database.write() as session:
            set_password(session, user_of_id(session, actor.user_id), new, but_token)


def user_of_id(session: Session, user_id: UUID) -> User:
    """Raises NotFound."""
    user = session.get(User, user_id, populate_existing=True)
    if user is None:
        raise NotFound(f"No user {user_id}; GET /users shows who there is")
    return user


def names_of(session: Session, user_ids: Collection[UUID]) -> dict[UUID, str]:
    """By id; of those who are there."""
    return dict(session.exec(select(User.id, User.name).where(col(User.id).in_(user_ids))).all())


def users_by_name(session: Session, page: int, per_page: int) -> tuple[Sequence[User], int]:
    """A page of all users, and how many there are."""
    by_name = select(User).order_by(col(User.name)).offset((page - 1) * per_page).limit(per_page)
    return session.exec(by_name).all(), session.exec(select(func.count()).select_from(User)).one()


def _require_nobody_else(session: Session, user: User) -> None:
    """Names that differ in capitals only are the same to people, and so are addresses."""
    with session.no_autoflush:
        others = session.exec(select(User.name, User.email).where(User.id != user.id)).all()
    for name, email in others:
        if name.casefold() == user.name.casefold():
            raise Refused(f"There is a user {name!r} already; choose another name")
        if email and user.email and email.casefold() == user.email.casefold():
            raise Refused(f"{name} has this e-mail address already; each user needs their own")


def _keep(session: Session, user: User) -> None:
    try:
        with session.begin_nested():
            session.add(user)
            session.flush()
    except IntegrityError as error:  # somebody else was faster
        raise Refused(
            "Another user was given this name or e-mail address just now; choose another"
        ) from error
