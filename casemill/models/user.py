"""Who uses Casemill."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID, uuid4

from sqlalchemy import Text
from sqlmodel import Field

from casemill.models.columns import Table, Utc, Words, utc_now


class Role(StrEnum):
    VIEWER = "viewer"  # sees
    OPERATOR = "operator"  # runs
    ADMIN = "admin"  # limits, users, cleanup

    def includes(self, other: "Role") -> bool:
        """Each role may do what the ones before it may."""
        ranks = list(Role)
        return ranks.index(self) >= ranks.index(other)


class Scope(StrEnum):
    """Whose jobs and batches a user sees and, with the role for it, steers."""

    OWN = "own"
    ALL = "all"


class User(Table, table=True):
    """password_hash is None for whom nobody has given a password: a link or a token lets them in."""

    __tablename__ = "users"

    id: UUID = Field(default_factory=uuid4, primary_key=True)
    name: str = Field(unique=True)
    email: str | None = Field(default=None, unique=True)
    role: Role = Field(default=Role.OPERATOR, sa_type=Words(Role))  # pyright: ignore[reportArgumentType]  an instance is fine
    scope: Scope = Field(
        default=Scope.OWN,
        sa_type=Words(Scope),  # pyright: ignore[reportArgumentType]
        sa_column_kwargs={"server_default": Scope.OWN},
    )
    password_hash: str | None = Field(default=None, sa_type=Text, repr=False)
    disabled_at: datetime | None = Field(default=None, sa_type=Utc)
    created_at: datetime = Field(default_factory=utc_now, sa_type=Utc)
