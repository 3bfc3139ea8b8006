"""Sends one message of the outbox, and records what the mailer answered."""

from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID

from sqlmodel import Session

from casemill.db import Database
from casemill.errors import LostClaim, NotFound
from casemill.mail.addresses import masked_address, sender_address, without_addresses
from casemill.mail.composing import compose
from casemill.mail.contract import (
    Deferred,
    Delivered,
    MailDeferred,
    Mailer,
    MailError,
    MailRefused,
    MailUnconfirmed,
    Message,
    Outcome,
    Refused,
    Unconfirmed,
    in_one_line,
)
from casemill.mail.templates import MailContext, render
from casemill.models import Attempt, MailKind, MailState, OutgoingMail
from casemill.models.columns import utc_now
from casemill.operations import outbox
from casemill.operations.claim_link import claim_link
from casemill.settings import Settings

_STATES: dict[type[Outcome], MailState] = {
    Delivered: MailState.SENT,
    Deferred: MailState.PENDING,
    Refused: MailState.FAILED,
    Unconfirmed: MailState.UNKNOWN,
}


def send_mail(
    database: Database,
    settings: Settings,
    mailer: Mailer,
    mail_id: UUID,
    attempt: Attempt,
    clock: Callable[[], datetime] = utc_now,
) -> MailState:
    """`sent`, or the state of a message that was not this attempt's to send.

    Raises MailDeferred (worth another try), MailRefused, MailUnconfirmed, MailerRefusesUs. What the outbox
    says is true after each; if it cannot be recorded, the message is taken for one nobody knows about.
    """
    mail = database.persist(partial(_take, mail_id=mail_id, attempt=attempt, now=clock()))
    if isinstance(mail, MailState):
        return mail
    handed_over = partial(outbox.hand_over, mail_id=mail_id, attempt=attempt)
    try:
        message = message_of(settings, mail, clock())
        outcome = mailer.deliver(message, lambda: database.persist(handed_over))
    except LostClaim:
        raise
    except Exception as error:  # the edge of one message: it waits again, and the others go on
        database.persist(partial(_let_go, mail=mail, attempt=attempt, error=error, now=clock()))
        raise
    database.persist(partial(_settle, mail=mail, attempt=attempt, outcome=outcome, now=clock()))
    if isinstance(outcome, Delivered):
        return MailState.SENT
    raise _error_of(mail, outcome)


def message_of(settings: Settings, mail: OutgoingMail, now: datetime) -> Message:
    """The whole message, links included. Raises BadContext and InvalidAddress."""
    rendered = render(mail.kind, {**mail.context, **_made_now(settings, mail)})
    return compose(mail.id, sender_address(settings.mail_from), mail.recipient, rendered, now)


def _made_now(settings: Settings, mail: OutgoingMail) -> MailContext:
    """What lets somebody in is not kept in the outbox: who reads the database does not get in with it."""
    if mail.kind == MailKind.CLAIM_VERIFICATION:
        return {"url": claim_link(settings, UUID(mail.context["claim_id"]))}
    return {}


def _take(session: Session, mail_id: UUID, attempt: Attempt, now: datetime) -> OutgoingMail | MailState:
    outbox.let_go(session, mail_id, attempt)  # what an earlier try could not record
    outbox.drop_late(session, now)
    taken = outbox.take(session, mail_id, attempt)
    mail = session.get(OutgoingMail, mail_id, populate_existing=True)
    if mail is None:
        raise NotFound(f"No message {mail_id}; it may have been cleaned up after it was sent")
    return mail if taken else mail.state


def _settle(session: Session, mail: OutgoingMail, attempt: Attempt, outcome: Outcome, now: datetime) -> None:
    values: dict[str, Any] = {}
    if isinstance(outcome, Delivered):
        values["sent_at"] = now
    if isinstance(outcome, Deferred):
        values["next_try_at"] = outbox.next_try(mail, now)
    outbox.settle(session, mail.id, attempt, _STATES[type(outcome)], outcome.words, **values)


def _let_go(session: Session, mail: OutgoingMail, attempt: Attempt, error: Exception, now: datetime) -> None:
    words = in_one_line(f"{type(error).__name__}: {error}")
    outbox.let_go(session, mail.id, attempt, words=words, next_try_at=outbox.next_try(mail, now))


def _error_of(mail: OutgoingMail, outcome: Deferred | Refused | Unconfirmed) -> MailError:
    """With the server's words, and no address: everybody who sees jobs sees it."""
    to, said = masked_address(mail.recipient), without_addresses(outcome.words, mail.recipient)
    if isinstance(outcome, Deferred):
        return MailDeferred(f"Mail to {to} was put off and is tried again: {said}")
    if isinstance(outcome, Refused):
        return MailRefused(f"Mail to {to} was refused and is not tried again: {said}")
    return MailUnconfirmed(
        f"Mail to {to} may have been sent or not: {said}. It is not sent again by itself; "
        f"`casemill mail again {mail.id}` does"
    )
