"""Who uses Casemill."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID, uuid4

from sqlmodel import Field

from casemill.models.columns import Table, Utc, Words, utc_now


class Role(StrEnum):
    VIEWER = "viewer"  # sees
    OPERATOR = "operator"  # runs
    ADMIN = "admin"  # limits, users, cleanup


class User(Table, table=True):
    __tablename__ = "users"

    id: UUID = Field(default_factory=uuid4, primary_key=True)
    name: str = Field(unique=True)
    email: str | None = Field(default=None, unique=True)
    role: Role = Field(default=Role.OPERATOR, sa_type=Words(Role))  # pyright: ignore[reportArgumentType]  an instance is fine
    created_at: datetime = Field(default_factory=utc_now, sa_type=Utc)
