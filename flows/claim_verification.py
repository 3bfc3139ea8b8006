"""The message with the link that verifies the claim of an expert's profile."""

from functools import partial
from uuid import UUID

from prefect import State, flow, runtime, task
from prefect.cache_policies import NO_CACHE
from prefect.states import Completed, Failed

from blocks.open_mailer import open_mailer
from blocks.open_workspace import open_workspace
from casemill.db import TRANSIENT
from casemill.mail.contract import MailDeferred
from casemill.models import Attempt, MailState
from casemill.models.columns import utc_now
from casemill.monitoring.jobs import label_job
from casemill.monitoring.mail_limit import wait_for_turn
from casemill.monitoring.notification_jobs import NOTIFICATION
from casemill.monitoring.telling import tell_result, telling_failures
from casemill.operations import outbox
from casemill.operations.claim_expert import mail_of_claim
from casemill.operations.mail_delivery import WaitingMail
from casemill.operations.send_mail import send_mail
from casemill.steps.registry import RetryPolicy

RETRY = RetryPolicy(transient=(*TRANSIENT, MailDeferred))


@task(cache_policy=NO_CACHE, on_completion=[tell_result], **telling_failures(RETRY.task_options))
def send_claim_verification_email(mail: WaitingMail, attempt: Attempt) -> MailState:
    """Hands the message to the mail server once, in any number of tries and runs."""
    workspace = open_workspace()
    wait_for_turn()
    return send_mail(workspace.database, workspace.settings, open_mailer(), mail.id, attempt)


def run_name() -> str:
    return f"claim {str(runtime.flow_run.parameters.get('claim_id'))[:8]}"


@flow(name="claim-verification", flow_run_name=run_name, timeout_seconds=3600)
def claim_verification(claim_id: UUID) -> State:
    """Sends the message of a claim, if it was not sent already. What stays put off is left to mail-delivery.

    Args:
        claim_id: The claim, as `POST /experts/{id}/claims` made it.
    """
    workspace = open_workspace()
    run_id = UUID(str(runtime.flow_run.id))
    attempt = Attempt(run_id, runtime.flow_run.run_count or 1)
    workspace.database.persist(partial(outbox.take_back, now=utc_now(), attempt=attempt))
    with workspace.database.read() as session:
        mail = WaitingMail.of(mail_of_claim(session, claim_id))
    label_job(run_id, [NOTIFICATION, *mail.labels])
    named = send_claim_verification_email.with_options(tags=mail.labels, task_run_name=f"to {mail.to}")
    state = named(mail, attempt)
    if state == MailState.SENT:
        return Completed(message=f"the message to {mail.to} is sent")
    said = f"the message to {mail.to} is not sent by this job: it is {state}"
    return Failed(message=said) if state in (MailState.UNKNOWN, MailState.FAILED) else Completed(message=said)
