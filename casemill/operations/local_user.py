"""The person at the machine, as a user."""

from sqlmodel import Session, select

from casemill.models import Role, User

LOCAL_USER = "local"


def local_user(session: Session) -> User:
    """Who commands of this machine act as; made at the first use."""
    user = session.exec(select(User).where(User.name == LOCAL_USER)).first()
    if user is None:
        user = User(name=LOCAL_USER, role=Role.ADMIN)
        session.add(user)
    return user
