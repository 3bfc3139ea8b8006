"""The person at the machine, as a user."""

from uuid import UUID

from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, select

from casemill.errors import NotFound
from casemill.models import Role, User

LOCAL_USER = "local"


def local_user(session: Session) -> User:
    """Who commands of this machine act as; made at the first use, once even if two commands come first."""
    named = select(User).where(User.name == LOCAL_USER)
    user = session.exec(named).first()
    if user is not None:
        return user
    try:
        with session.begin_nested():
            session.add(user := User(name=LOCAL_USER, role=Role.ADMIN))
    except IntegrityError:
        return session.exec(named).one()
    return user


def user_called(session: Session, name_or_id: str) -> User:
    try:
        found = session.get(User, UUID(name_or_id))
    except ValueError:
        found = session.exec(select(User).where(User.name == name_or_id)).first()
    if found is None:
        raise NotFound(f"No user {name_or_id!r}; `casemill user list` shows who there is")
    return found
