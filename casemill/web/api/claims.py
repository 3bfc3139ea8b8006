"""Claims of expert profiles."""

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, BackgroundTasks, Path
from pydantic import BaseModel, Field

from casemill.access.actor import Actor
from casemill.access.audit import audited
from casemill.errors import Unavailable
from casemill.mail.addresses import checked_address, masked_address
from casemill.models import ClaimState, ExpertClaim, Role
from casemill.models.columns import utc_now
from casemill.operations.claim_expert import claim_expert, claims_of, mail_of_claim
from casemill.operations.mail_delivery import WaitingMail
from casemill.web.deps import GivenWorkspace, Operator, Viewer

router = APIRouter(tags=["claims"])

ExpertId = Annotated[UUID, Path(alias="id")]
logger = logging.getLogger(__name__)

SAID = (
    "If a message can be sent to this address, it is on its way. Its link verifies the claim, once. "
    "Who asks again within minutes gets no second message."
)


class NewClaim(BaseModel):
    email: str = Field(max_length=254, description="Where the link that verifies the claim is sent.")


class ClaimAnswer(BaseModel):
    """The same whatever is known of the address."""

    said: str = Field(examples=[SAID])


class ShownClaim(BaseModel):
    id: UUID
    email: str = Field(description="Masked, unless an admin asks or who made the claim.")
    state: ClaimState
    created_at: datetime
    expires_at: datetime
    verified_at: datetime | None


class ShownClaims(BaseModel):
    claims: Sequence[ShownClaim]


@router.post("/experts/{id}/claims", status_code=202)
def claim_profile(
    expert_id: ExpertId,
    wanted: NewClaim,
    actor: Operator,
    workspace: GivenWorkspace,
    background: BackgroundTasks,
) -> ClaimAnswer:
    """Sends a link to an e-mail address; who opens it verifies that the expert's profile is theirs."""
    with audited(workspace.database, actor, "claim.create", f"expert:{expert_id}") as detail:
        email = checked_address(wanted.email)
        detail["email"] = masked_address(email)
        make = partial(
            claim_expert,
            expert_id=expert_id,
            email=email,
            requested_by=actor.user_id,
            good_for=timedelta(hours=workspace.settings.claim_hours),
            now=utc_now(),
        )
        claim = workspace.database.persist(make)
        detail["mailed"] = claim is not None
    if claim is not None:
        # After the answer, so that how long it takes says nothing either.
        background.add_task(_start_verification, workspace, claim.id)
    return ClaimAnswer(said=SAID)


@router.get("/experts/{id}/claims")
def list_claims(expert_id: ExpertId, actor: Viewer, workspace: GivenWorkspace) -> ShownClaims:
    """The claims of an expert's profile, the newest first."""
    with workspace.database.read() as session:
        found = claims_of(session, expert_id)
    return ShownClaims(claims=[_shown(claim, actor) for claim in found])


def _shown(claim: ExpertClaim, actor: Actor) -> ShownClaim:
    sees_it = actor.role == Role.ADMIN or (
        actor.role.includes(Role.OPERATOR) and claim.requested_by == actor.user_id
    )
    return ShownClaim(
        id=claim.id,
        email=claim.email if sees_it else masked_address(claim.email),
        state=claim.state,
        created_at=claim.created_at,
        expires_at=claim.expires_at,
        verified_at=claim.verified_at,
    )


def _start_verification(workspace: GivenWorkspace, claim_id: UUID) -> None:
    """Its job sends the message at once. Where none can be started, the sweep of the outbox sends it."""
    from casemill.monitoring.notification_jobs import submit_claim_verification

    with workspace.database.read() as session:
        labels = WaitingMail.of(mail_of_claim(session, claim_id)).labels
    try:
        submit_claim_verification(claim_id, labels)
    except Unavailable as error:
        logger.warning("Claim %s is mailed by the next sweep of the outbox: %s", claim_id, error)
