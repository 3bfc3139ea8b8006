"""Claims of expert profiles: somebody says that a profile is theirs, and an e-mail address vouches for it."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID, uuid4

from sqlalchemy import Index, text
from sqlmodel import Field

from casemill.models.columns import Table, Utc, Words, utc_now


class ClaimState(StrEnum):
    WAITING = "waiting"  # left by who opens the link in time
    VERIFIED = "verified"


_VERIFIED = text(f"state = '{ClaimState.VERIFIED}'")


class ExpertClaim(Table, table=True):
    """One request. The link in its message is good until expires_at, once; a profile is verified once.

    requested_by is named without a foreign key: the claim outlives the user who entered it.
    """

    __tablename__ = "expert_claims"
    __table_args__ = (
        Index("ix_expert_claims_expert_created", "expert_id", "created_at"),
        Index("ix_expert_claims_email_created", "email", "created_at"),
        Index("ix_expert_claims_requested", "requested_by", "created_at"),
        Index(
            "ix_expert_claims_verified",
            "expert_id",
            unique=True,
            sqlite_where=_VERIFIED,
            postgresql_where=_VERIFIED,
        ),
    )

    id: UUID = Field(default_factory=uuid4, primary_key=True)
    expert_id: UUID = Field(foreign_key="experts.id", ondelete="CASCADE")
    email: str = Field(max_length=254, repr=False)
    state: ClaimState = Field(default=ClaimState.WAITING, sa_type=Words(ClaimState))  # pyright: ignore[reportArgumentType]  an instance is fine
    requested_by: UUID | None = None
    created_at: datetime = Field(default_factory=utc_now, sa_type=Utc)
    expires_at: datetime = Field(sa_type=Utc)
    verified_at: datetime | None = Field(default=None, sa_type=Utc)
