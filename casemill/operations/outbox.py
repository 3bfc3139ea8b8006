"""The outbox: every message is written down before it is sent, and is sent once.

No protocol lets a sender and a mail server agree that a message was taken: one that dies between the server's
answer and its own record leaves a message of which nobody knows. Sent again it may arrive twice; we choose
that it may not arrive. So that this is rare, a row says `handed_over` only from the moment the content
begins to leave; whatever ends before it, a killed process too, ends with the message waiting again. What ends
after it is `unknown`, shown, and sent again only by a person (`casemill mail again`). That is right for
every kind: who waits for a verification asks for a new one, which is another message; a reminder is one of
several. Message-ID and link of a message never change, so where a person does send it again, mailboxes that
tell messages by their id still show one.
"""

import hashlib
from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, and_, func, literal, or_, update
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, select

from casemill.errors import LostClaim, NotFound, Refused
from casemill.mail.addresses import checked_address, masked_address
from casemill.mail.templates import MailContext, require_context
from casemill.models import Attempt, MailKind, MailState, OutgoingMail
from casemill.models.columns import utc_now
from casemill.models.outgoing_mail import NEXT
from casemill.operations import claims

FORGOTTEN = "sha256:"
"""How the digest begins that old rows have in place of an address. No address has a colon."""

LEASE = timedelta(minutes=10)
"""Longer than a message takes: what a dead job held is free after it, also where Prefect does not know."""

_LATEST = timedelta(days=3)
_FIRST_WAIT, _LONGEST_WAIT = timedelta(minutes=1), timedelta(hours=4)
_MAIL = claims.Kind(OutgoingMail, "state", MailState.PENDING, MailState.SENDING)
_MADE_WHEN_SENT = {MailKind.CLAIM_VERIFICATION: frozenset({"url"})}
_NOBODY_KNOWS = "its job ended before the mail server's answer was recorded"


def enqueue(
    session: Session,
    kind: MailKind,
    recipient: str,
    subject_key: str,
    context: MailContext,
    *,
    user_id: UUID | None = None,
    not_after: datetime | None = None,
) -> OutgoingMail:
    """The row of this message, new or as it is since it was first asked for; kept with the caller's work.

    subject_key names what it is about, such as `trial:<id>:7`. It is not sent after not_after (three days
    if it has no better). Raises InvalidAddress, and BadContext where the kind needs more.
    """
    recipient = checked_address(recipient)
    require_context(kind, context, later=_MADE_WHEN_SENT.get(kind, frozenset()))
    same = select(OutgoingMail).where(
        OutgoingMail.kind == kind,
        col(OutgoingMail.recipient).in_((recipient, digest_of(recipient, subject_key))),
        OutgoingMail.subject_key == subject_key,
    )
    if (there := session.exec(same).first()) is not None:
        return there
    mail = OutgoingMail(
        kind=kind,
        recipient=recipient,
        subject_key=subject_key,
        context=dict(context),
        user_id=user_id,
        not_after=not_after or utc_now() + _LATEST,
    )
    try:
        with session.begin_nested():
            session.add(mail)
    except IntegrityError:
        return session.exec(same).one()
    return mail


def take(session: Session, mail_id: UUID, attempt: Attempt) -> bool:
    """True if this attempt is the one that sends it now."""
    return claims.claim(session, _MAIL, mail_id, attempt, LEASE)


def hand_over(session: Session, mail_id: UUID, attempt: Attempt) -> None:
    """From here on it may have arrived. Raises LostClaim: then it must not leave."""
    if not _move(session, MailState.HANDED_OVER, col(OutgoingMail.id) == mail_id, _is_of(attempt)):
        raise LostClaim(f"Message {mail_id} was taken back from job {attempt.run_id}; it does not send it")


def settle(
    session: Session, mail_id: UUID, attempt: Attempt, to: MailState, words: str, **values: Any
) -> bool:
    """Records what the mailer answered, late answers too. False if the row is another attempt's by now."""
    mine = (col(OutgoingMail.id) == mail_id, _is_of(attempt))
    return _move(session, to, *mine, words=words, **values) == 1


def let_go(session: Session, mail_id: UUID, attempt: Attempt, **values: Any) -> None:
    """Where something of ours broke: it waits again if surely nothing left, else nobody knows."""
    mine = and_(col(OutgoingMail.id) == mail_id, _is_of(attempt))
    _free(session, mine, **values)


def take_back(session: Session, now: datetime, attempt: Attempt, dead: Collection[UUID] = ()) -> int:
    """Frees what the dead held: leases run out, jobs known to be dead, earlier attempts of this same job."""
    gone = or_(
        col(OutgoingMail.lease_until) < now,
        col(OutgoingMail.claimed_by).in_(list(dead)),
        and_(
            col(OutgoingMail.claimed_by) == attempt.run_id,
            col(OutgoingMail.claim_attempt) < attempt.number,
        ),
    )
    return _free(session, gone)


def senders(session: Session) -> set[UUID]:
    """The jobs that are sending something, or died of it."""
    held = select(OutgoingMail.claimed_by).where(
        col(OutgoingMail.state).in_((MailState.SENDING, MailState.HANDED_OVER))
    )
    return {run_id for run_id in session.exec(held.distinct()) if run_id is not None}


def drop_late(session: Session, now: datetime) -> int:
    """What could not be sent in time is not sent any more: a reminder of yesterday, a link that expired."""
    words = literal("not sent in time; said last: ") + func.coalesce(OutgoingMail.words, "nothing")
    late = col(OutgoingMail.not_after) <= now
    return _move(session, MailState.FAILED, late, only=MailState.PENDING, words=words)


def send_again(session: Session, mail_id: UUID, now: datetime) -> None:
    """A person decides that a message goes out once more. Raises NotFound, and Refused with the reason."""
    mail = session.get(OutgoingMail, mail_id)
    if mail is None:
        raise NotFound(f"No message {mail_id}; `casemill mail list` shows what there is")
    if mail.not_after <= now:
        until = f"{mail.not_after:%Y-%m-%d %H:%M} UTC"
        raise Refused(f"It is too late for message {mail_id}: what it says was true until {until}")
    over = col(OutgoingMail.state).in_((MailState.FAILED, MailState.UNKNOWN))
    if not _move(session, MailState.PENDING, col(OutgoingMail.id) == mail_id, over, next_try_at=now):
        raise Refused(f"Message {mail_id} is {mail.state}; only failed and unknown ones are sent again")


def forget(session: Session, written_before: datetime, now: datetime, at_most: int) -> tuple[int, int]:
    """Takes address, content and the server's words from messages that are over and that nobody can have sent
    again; how many were found, and how many of them it was done to.

    The row stays, and the address as a digest in it: the same message is still not sent a second time.
    """
    old = forgettable(written_before, now)
    found = session.exec(
        select(OutgoingMail.id, OutgoingMail.recipient, OutgoingMail.subject_key).where(old).limit(at_most)
    ).all()
    done = 0
    for mail_id, recipient, subject_key in found:
        digest = digest_of(recipient, subject_key)
        forgotten = update(OutgoingMail).where(col(OutgoingMail.id) == mail_id, old)
        done += session.exec(
            forgotten.values(recipient=digest, context={}, words=None, forgotten_at=now).execution_options(
                synchronize_session=False
            )
        ).rowcount
    return len(found), done


def forgettable(written_before: datetime, now: datetime) -> ColumnElement[bool]:
    return and_(
        col(OutgoingMail.forgotten_at).is_(None),
        col(OutgoingMail.not_after) < min(written_before, now),
        func.coalesce(OutgoingMail.sent_at, OutgoingMail.not_after) < written_before,
        col(OutgoingMail.state).in_((MailState.SENT, MailState.FAILED, MailState.UNKNOWN)),
    )


def digest_of(recipient: str, subject_key: str) -> str:
    """What an old row has in place of the address: the same for the same message, and no way back from it.

    Who suspects an address can check it; that is what the row is kept for.
    """
    if recipient.startswith(FORGOTTEN):
        return recipient
    return FORGOTTEN + hashlib.sha256(f"{subject_key} {recipient}".encode()).hexdigest()


def shown_recipient(mail: OutgoingMail) -> str:
    """The address as everybody may see it."""
    return "forgotten" if mail.forgotten_at else masked_address(mail.recipient)


def next_try(mail: OutgoingMail, now: datetime) -> datetime:
    """1 minute after the first try, then 4, 16, 64 minutes, at most 4 hours.

    A job's own tries, seconds apart, do not count as so many: where servers put off whom they do not know, a
    message that is a minute old is tried again within minutes, not after an hour.
    """
    by_tries = _FIRST_WAIT * 4 ** min(max(mail.attempts - 1, 0), 10)
    by_age = _FIRST_WAIT + 3 * max(now - mail.created_at, timedelta(0))
    return now + min(by_tries, by_age, _LONGEST_WAIT)


def _is_of(attempt: Attempt) -> ColumnElement[bool]:
    return and_(
        col(OutgoingMail.claimed_by) == attempt.run_id,
        col(OutgoingMail.claim_attempt) == attempt.number,
    )


def _free(session: Session, whose: ColumnElement[bool], **values: Any) -> int:
    back = _move(session, MailState.PENDING, whose, only=MailState.SENDING, **values)
    lost = _move(session, MailState.UNKNOWN, whose, only=MailState.HANDED_OVER, words=_NOBODY_KNOWS)
    return back + lost


def _move(
    session: Session,
    to: MailState,
    *which: ColumnElement[bool],
    only: MailState | None = None,
    **values: Any,
) -> int:
    """The one place where a message changes its state, from those that lead there."""
    sources = [state for state in MailState if to in NEXT[state] and only in (None, state)]
    return session.exec(
        update(OutgoingMail)
        .where(col(OutgoingMail.state).in_(sources), *which)
        .values(state=to, **values)
        .execution_options(synchronize_session=False)
    ).rowcount
