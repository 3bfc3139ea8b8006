"""What one job of mail delivery has to do."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Self
from uuid import UUID

from sqlmodel import Session, col, or_, select

from casemill.mail.addresses import without_addresses
from casemill.models import MailKind, MailState, OutgoingMail
from casemill.operations import outbox

AT_ONCE = 50
_MOST_SHOWN = 200


@dataclass(frozen=True, slots=True)
class WaitingMail:
    """What everybody may know of a message that is to be sent."""

    id: UUID
    kind: MailKind
    to: str  # masked
    user_id: UUID | None

    @classmethod
    def of(cls, mail: OutgoingMail) -> Self:
        return cls(mail.id, mail.kind, outbox.shown_recipient(mail), mail.user_id)

    @property
    def labels(self) -> list[str]:
        """Tags of its task run: the event, whom it is about, and to where."""
        about = [f"user:{self.user_id}"] if self.user_id else []
        return [f"event:{self.kind}", f"email:{self.to}", *about]


def due_mails(session: Session, now: datetime, tried: Collection[UUID]) -> list[WaitingMail]:
    """The next to send, those that wait longest first; without those this job has tried already."""
    outbox.drop_late(session, now)
    due = (
        select(OutgoingMail)
        .where(OutgoingMail.state == MailState.PENDING, col(OutgoingMail.next_try_at) <= now)
        .order_by(col(OutgoingMail.next_try_at), col(OutgoingMail.id))
        .limit(AT_ONCE + len(tried))
    )
    return [WaitingMail.of(mail) for mail in session.exec(due) if mail.id not in tried][:AT_ONCE]


def troubled_mails(session: Session, tried: Collection[UUID]) -> list[dict[str, str]]:
    """Rows for people: what this job could not send and why, and all of which nobody knows whether it was."""
    not_sent = col(OutgoingMail.state).in_((MailState.PENDING, MailState.FAILED))
    mine = col(OutgoingMail.id).in_(list(tried)) & not_sent
    unknown = OutgoingMail.state == MailState.UNKNOWN
    found = select(OutgoingMail).where(or_(mine, unknown)).order_by(col(OutgoingMail.created_at).desc())
    return [
        {
            "message": str(mail.id),
            "kind": mail.kind,
            "to": outbox.shown_recipient(mail),
            "state": mail.state,
            "said": without_addresses(mail.words or "", mail.recipient),
        }
        for mail in session.exec(found.limit(_MOST_SHOWN))
    ]
