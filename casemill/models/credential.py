"""What lets somebody in without a password: sessions, API tokens, one-time links.

Of each only a hash is kept: who reads the database cannot sign in with what it holds.
"""

from datetime import datetime
from uuid import UUID, uuid4

from sqlmodel import Field

from casemill.models.columns import Table, Utc, utc_now


class Credential(Table):
    """What they share. secret_hash is the SHA-256 of a long random secret, as hexadecimal digits."""

    id: UUID = Field(default_factory=uuid4, primary_key=True)
    user_id: UUID = Field(foreign_key="users.id", ondelete="CASCADE", index=True)
    secret_hash: str = Field(max_length=64, unique=True, repr=False)
    created_at: datetime = Field(default_factory=utc_now, sa_type=Utc)


class LoginSession(Credential, table=True):
    """Somebody signed in with a browser. It ends at expires_at, or when its row is deleted."""

    __tablename__ = "login_sessions"

    expires_at: datetime = Field(sa_type=Utc, index=True)
    seen_at: datetime = Field(default_factory=utc_now, sa_type=Utc)
    address: str | None = None
    agent: str | None = None


class ApiToken(Credential, table=True):
    """For programs. hint is the beginning of the secret, to tell tokens apart."""

    __tablename__ = "api_tokens"

    name: str
    hint: str
    expires_at: datetime | None = Field(default=None, sa_type=Utc)
    used_at: datetime | None = Field(default=None, sa_type=Utc)
    revoked_at: datetime | None = Field(default=None, sa_type=Utc)


class LoginLink(Credential, table=True):
    """Signs in once, within its time."""

    __tablename__ = "login_links"

    expires_at: datetime = Field(sa_type=Utc, index=True)
    used_at: datetime | None = Field(default=None, sa_type=Utc)
