"""The outbox: one row for each message that is to be sent, and what became of it."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import JSON, Index, Text, UniqueConstraint
from sqlmodel import Field

from casemill.models.claim import Claimable
from casemill.models.columns import Utc, Words, utc_now


class MailKind(StrEnum):
    CLAIM_VERIFICATION = "claim_verification"
    TRIAL_REMINDER = "trial_reminder"
    TRIAL_EXPIRED = "trial_expired"


class MailState(StrEnum):
    """From `handed_over` on a message may have arrived, so from there it never goes back by itself."""

    PENDING = "pending"  # left when a job takes it; to failed when it is too late for it
    SENDING = "sending"  # nothing has left yet: its job hands it over, or dies and it is pending again
    HANDED_OVER = "handed_over"  # left by the server's answer; to unknown if the job died before it was kept
    SENT = "sent"
    FAILED = "failed"  # refused for good, or too late; left by a person who has it sent again
    UNKNOWN = "unknown"  # sent or not, nobody knows; left as failed is, and by an answer kept late


NEXT: dict[MailState, frozenset[MailState]] = {
    MailState.PENDING: frozenset({MailState.SENDING, MailState.FAILED}),
    MailState.SENDING: frozenset({MailState.HANDED_OVER, MailState.PENDING, MailState.FAILED}),
    MailState.HANDED_OVER: frozenset(
        {MailState.SENT, MailState.PENDING, MailState.FAILED, MailState.UNKNOWN}
    ),
    MailState.SENT: frozenset(),
    MailState.FAILED: frozenset({MailState.PENDING}),
    MailState.UNKNOWN: frozenset({MailState.SENT, MailState.FAILED, MailState.PENDING}),
}


class OutgoingMail(Claimable, table=True):
    """kind, recipient and subject_key say which message it is: there is never a second one.

    context fills the kind's template; links that let somebody in are not in it, but made when it is sent.
    words are what the mailer said last. Long after, all that is personal is forgotten: recipient is a digest
    then, and the message is still known. user_id is whom it is about, named without a foreign key: what was
    sent is remembered longer than users are.
    """

    __tablename__ = "outgoing_mails"
    __table_args__ = (
        UniqueConstraint("kind", "recipient", "subject_key"),
        Index("ix_outgoing_mails_state_next", "state", "next_try_at"),
        Index("ix_outgoing_mails_forgotten", "forgotten_at", "not_after"),
    )

    id: UUID = Field(default_factory=uuid4, primary_key=True)
    kind: MailKind = Field(sa_type=Words(MailKind))  # pyright: ignore[reportArgumentType]  an instance is fine
    recipient: str = Field(max_length=254, repr=False)
    subject_key: str = Field(max_length=200)
    context: dict[str, Any] = Field(default_factory=dict, sa_type=JSON, repr=False)
    user_id: UUID | None = None
    state: MailState = Field(default=MailState.PENDING, sa_type=Words(MailState))  # pyright: ignore[reportArgumentType]
    words: str | None = Field(default=None, sa_type=Text, repr=False)
    created_at: datetime = Field(default_factory=utc_now, sa_type=Utc)
    next_try_at: datetime = Field(default_factory=utc_now, sa_type=Utc)
    not_after: datetime = Field(sa_type=Utc)
    sent_at: datetime | None = Field(default=None, sa_type=Utc)
    forgotten_at: datetime | None = Field(default=None, sa_type=Utc)
