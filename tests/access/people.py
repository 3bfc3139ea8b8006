"""Users for tests, with a password that is hashed once."""

from functools import cache
from uuid import UUID

from casemill.access.passwords import hash_password
from casemill.db import Database
from casemill.models import Role, Scope, User

PASSWORD = "correct horse battery"


@cache
def hash_of_password() -> str:
    return hash_password(PASSWORD)


def new_person(
    database: Database, name: str, role: Role = Role.OPERATOR, password_hash: str | None = None
) -> UUID:
    """Who signs in with PASSWORD."""
    with database.write() as session:
        user = User(name=name, role=role, scope=Scope.OWN, password_hash=password_hash or hash_of_password())
        session.add(user)
    return user.id
