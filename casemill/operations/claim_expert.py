"""Somebody says that an expert's profile is theirs: a claim, and the message with the link that verifies it.

What is answered never depends on whether an e-mail address is known here, nor on what it was asked for.
"""

from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, func
from sqlmodel import Session, col, select

from casemill.errors import NotFound, Refused, TooManyTries
from casemill.mail.addresses import checked_address
from casemill.models import ClaimState, Expert, ExpertClaim, MailKind, OutgoingMail
from casemill.operations.outbox import enqueue


class Allowance(NamedTuple):
    """So many claims in this time."""

    claims: int
    within: timedelta


OF_THE_SAME = Allowance(1, timedelta(minutes=10))  # expert and address: a double click is one message
OF_AN_ADDRESS = Allowance(5, timedelta(days=1))  # nobody's mailbox is flooded by way of many experts
OF_AN_EXPERT = Allowance(10, timedelta(days=1))
OF_A_USER = Allowance(60, timedelta(hours=1))


def claim_expert(
    session: Session,
    expert_id: UUID,
    email: str,
    requested_by: UUID | None,
    good_for: timedelta,
    now: datetime,
) -> ExpertClaim | None:
    """The claim, with its message in the outbox; None where this address was written to enough already.

    Who asks is not told which of both. Raises NotFound, InvalidAddress, Refused for a profile that is
    verified, and TooManyTries for an expert or by a user; none of them says anything about the address.
    """
    email = checked_address(email)
    # Claims of one expert come one after the other, so that two at once do not both find none before them.
    expert = session.exec(select(Expert).where(Expert.id == expert_id).with_for_update()).first()
    if expert is None:
        raise NotFound(f"No expert {expert_id}")
    if session.exec(select(ExpertClaim.id).where(*_verified(expert_id))).first() is not None:
        raise Refused(f"The profile of {expert.name} is claimed and verified already")
    _require(session, OF_AN_EXPERT, col(ExpertClaim.expert_id) == expert_id, now, "for this expert")
    if requested_by is not None:
        _require(session, OF_A_USER, col(ExpertClaim.requested_by) == requested_by, now, "by you")
    to_it = col(ExpertClaim.email) == email
    same = to_it & (col(ExpertClaim.expert_id) == expert_id)
    if _is_used_up(session, OF_THE_SAME, same, now) or _is_used_up(session, OF_AN_ADDRESS, to_it, now):
        return None
    claim = ExpertClaim(
        expert_id=expert_id, email=email, requested_by=requested_by, created_at=now, expires_at=now + good_for
    )
    session.add(claim)
    context = {
        "name": expert.name,
        "until": f"{claim.expires_at:%d %B %Y, %H:%M} UTC".lstrip("0"),
        "claim_id": str(claim.id),
    }
    enqueue(
        session,
        MailKind.CLAIM_VERIFICATION,
        email,
        mail_key(claim.id),
        context,
        user_id=requested_by,
        not_after=claim.expires_at,
    )
    return claim


def mail_key(claim_id: UUID) -> str:
    return f"claim:{claim_id}"


def mail_of_claim(session: Session, claim_id: UUID) -> OutgoingMail:
    """Its message. Raises NotFound."""
    mail = session.exec(
        select(OutgoingMail).where(
            OutgoingMail.kind == MailKind.CLAIM_VERIFICATION, OutgoingMail.subject_key == mail_key(claim_id)
        )
    ).first()
    if mail is None:
        raise NotFound(f"No claim {claim_id}, or it is so old that it was cleaned up")
    return mail


def claims_of(session: Session, expert_id: UUID) -> list[ExpertClaim]:
    """The newest first. Raises NotFound."""
    if session.get(Expert, expert_id) is None:
        raise NotFound(f"No expert {expert_id}")
    of_it = select(ExpertClaim).where(ExpertClaim.expert_id == expert_id)
    return list(session.exec(of_it.order_by(col(ExpertClaim.created_at).desc(), col(ExpertClaim.id))))


def _verified(expert_id: UUID) -> tuple[ColumnElement[bool], ...]:
    return (col(ExpertClaim.expert_id) == expert_id, col(ExpertClaim.state) == ClaimState.VERIFIED)


def _require(
    session: Session, allowance: Allowance, which: ColumnElement[bool], now: datetime, whose: str
) -> None:
    if _is_used_up(session, allowance, which, now):
        seconds = int(allowance.within.total_seconds())
        raise TooManyTries(f"Too many claims were made {whose} lately; try again later", seconds)


def _is_used_up(session: Session, allowance: Allowance, which: ColumnElement[bool], now: datetime) -> bool:
    lately = col(ExpertClaim.created_at) > now - allowance.within
    made = session.exec(select(func.count()).select_from(ExpertClaim).where(which, lately)).one()
    return made >= allowance.claims
