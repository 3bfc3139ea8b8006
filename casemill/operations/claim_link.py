"""The link that confirms an expert's profile: signed, so that only links of ours are looked up at all."""

import hashlib
from uuid import UUID

from itsdangerous import BadData, URLSafeSerializer

from casemill.access.secret_key import secret_key
from casemill.settings import Settings

PATH = "/claims/verify"
_SALT = "casemill.expert-claim"
_LONGEST = 300


def claim_link(settings: Settings, claim_id: UUID) -> str:
    """The same each time, so that each try of a message is the same message. It is never stored.

    How long it is good, and that it is good once, is a matter of the claim's row.
    """
    return f"{settings.links_url}{PATH}?token={_serializer(settings).dumps(claim_id.hex)}"


def claim_of_token(settings: Settings, token: str) -> UUID | None:
    """Whose link it is; None for what we did not sign."""
    if len(token) > _LONGEST:
        return None
    try:
        return UUID(hex=_serializer(settings).loads(token))
    except (BadData, ValueError, TypeError, AttributeError):
        return None


def _serializer(settings: Settings) -> URLSafeSerializer:
    return URLSafeSerializer(
        secret_key(settings), salt=_SALT, signer_kwargs={"digest_method": hashlib.sha256}
    )
