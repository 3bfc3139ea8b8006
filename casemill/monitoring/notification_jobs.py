"""Starting the jobs that send messages."""

from collections.abc import Collection
from typing import Any
from uuid import UUID

from prefect.exceptions import ObjectNotFound

from casemill.errors import Unavailable
from casemill.monitoring.jobs import prefect

CLAIM_VERIFICATION = "claim-verification/default"
MAIL_DELIVERY = "mail-delivery/default"
NOTIFICATION = "type:notification"


class NotDeployed(Unavailable):
    """Prefect does not know the deployment."""


def submit_claim_verification(claim_id: UUID, labels: Collection[str]) -> UUID:
    """The id of the job that sends a claim's message; one for each claim, however often this is called."""
    return _submit(
        CLAIM_VERIFICATION,
        [NOTIFICATION, *labels],
        parameters={"claim_id": str(claim_id)},
        idempotency_key=f"claim:{claim_id}",
    )


def submit_mail_delivery() -> UUID:
    """The id of a job that sends all that waits, for what shall not wait for the next sweep."""
    return _submit(MAIL_DELIVERY, [NOTIFICATION])


def _submit(deployment: str, tags: list[str], **given: Any) -> UUID:
    with prefect() as client:
        try:
            found = client.read_deployment_by_name(deployment)
        except ObjectNotFound as error:
            raise NotDeployed(
                f"Prefect has no deployment {deployment}; run deployments/apply.py, or start `casemill up`"
            ) from error
        return client.create_flow_run_from_deployment(found.id, tags=tags, **given).id
