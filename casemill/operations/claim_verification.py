"""What a link that confirms an expert's profile leads to."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import update
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, select

from casemill.models import AuditRecord, AuditResult, ClaimState, Expert, ExpertClaim


class LinkState(StrEnum):
    OPEN = "open"  # it can be used
    VERIFIED = "verified"  # just now, by it
    USED = "used"
    EXPIRED = "expired"
    TAKEN = "taken"  # another claim of the same profile was verified
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Link:
    """expert is the name of whose profile it is, None where nobody knows."""

    state: LinkState
    expert: str | None = None


def look_at_link(session: Session, claim_id: UUID, now: datetime) -> Link:
    """What using it would do. Changes nothing: programs that scan mail open every link."""
    claim = session.get(ExpertClaim, claim_id, populate_existing=True)
    if claim is None:
        return Link(LinkState.UNKNOWN)
    name = session.get_one(Expert, claim.expert_id).name
    if claim.state == ClaimState.VERIFIED:
        return Link(LinkState.USED, name)
    verified = (ExpertClaim.expert_id == claim.expert_id, ExpertClaim.state == ClaimState.VERIFIED)
    if session.exec(select(ExpertClaim.id).where(*verified)).first() is not None:
        return Link(LinkState.TAKEN, name)
    return Link(LinkState.EXPIRED if claim.expires_at <= now else LinkState.OPEN, name)


def use_link(session: Session, claim_id: UUID, now: datetime, address: str | None = None) -> Link:
    """Verifies the claim, for the first who comes in time. address is from where, for the audit log."""
    still_good = (
        col(ExpertClaim.id) == claim_id,
        col(ExpertClaim.state) == ClaimState.WAITING,
        col(ExpertClaim.expires_at) > now,
    )
    verify = (
        update(ExpertClaim)
        .where(*still_good)
        .values(state=ClaimState.VERIFIED, verified_at=now)
        .execution_options(synchronize_session=False)
    )
    try:
        with session.begin_nested():
            used = session.exec(verify).rowcount
    except IntegrityError:  # a profile is verified once, whichever claim comes first
        used = 0
    link = look_at_link(session, claim_id, now)
    if used:
        link = Link(LinkState.VERIFIED, link.expert)
    if link.state != LinkState.UNKNOWN:
        session.add(_record(claim_id, link.state, now, address))
    return link


def _record(claim_id: UUID, state: LinkState, now: datetime, address: str | None) -> AuditRecord:
    return AuditRecord(
        at=now,
        via="link",
        address=address,
        action="claim.verify",
        target=f"claim:{claim_id}",
        result=AuditResult.DONE if state == LinkState.VERIFIED else AuditResult.REFUSED,
        message=None if state == LinkState.VERIFIED else f"the link is {state}",
    )
