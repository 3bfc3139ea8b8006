"""The outbox: every message that waits is sent, each in a task of its own."""

from functools import partial
from uuid import UUID

from prefect import State, flow, runtime, task
from prefect.artifacts import create_table_artifact
from prefect.cache_policies import NO_CACHE
from prefect.futures import PrefectFuture, as_completed
from prefect.states import Completed, Failed
from prefect.task_runners import ThreadPoolTaskRunner

from blocks.open_mailer import open_mailer
from blocks.open_workspace import open_workspace
from casemill.db import TRANSIENT
from casemill.mail.contract import MailDeferred, MailRefused, MailUnconfirmed
from casemill.models import Attempt, MailState
from casemill.models.columns import utc_now
from casemill.monitoring.jobs import dead_jobs, label_job
from casemill.monitoring.mail_limit import wait_for_turn
from casemill.monitoring.notification_jobs import NOTIFICATION
from casemill.monitoring.telling import ProgressTeller, tell_result, telling_failures
from casemill.operations import mail_delivery as delivery
from casemill.operations import outbox
from casemill.operations.mail_delivery import WaitingMail
from casemill.operations.send_mail import send_mail
from casemill.steps.registry import RetryPolicy

CONNECTIONS = 4
RETRY = RetryPolicy(transient=TRANSIENT)  # what was put off has the next sweep for its next try


@task(cache_policy=NO_CACHE, on_completion=[tell_result], **telling_failures(RETRY.task_options))
def send_message(mail: WaitingMail, attempt: Attempt) -> MailState:
    """Hands one message to the mail server, once. Says what it is now."""
    workspace = open_workspace()
    wait_for_turn()
    return send_mail(workspace.database, workspace.settings, open_mailer(), mail.id, attempt)


def submit_message(mail: WaitingMail, attempt: Attempt) -> PrefectFuture[MailState]:
    named = send_message.with_options(tags=mail.labels, task_run_name=f"{mail.kind} to {mail.to}")
    return named.submit(mail, attempt)


@flow(
    name="mail-delivery",
    flow_run_name="messages that wait",
    timeout_seconds=4 * 3600,
    task_runner=ThreadPoolTaskRunner(max_workers=CONNECTIONS),
)
def mail_delivery() -> State:
    """Sends what is due until nothing is, or until nothing gets through any more. Running it again sends
    nothing twice."""
    database = open_workspace().database
    run_id = UUID(str(runtime.flow_run.id))
    attempt = Attempt(run_id, runtime.flow_run.run_count or 1)
    with database.read() as session:
        holders = outbox.senders(session) - {run_id}
    dead = dead_jobs(holders)
    database.persist(partial(outbox.take_back, now=utc_now(), attempt=attempt, dead=dead))
    label_job(run_id, [NOTIFICATION])
    progress = ProgressTeller(run_id)
    outcomes: dict[UUID, object] = {}
    while due := database.persist(partial(delivery.due_mails, now=utc_now(), tried=outcomes)):
        begun = {submit_message(mail, attempt): mail.id for mail in due}
        for future in as_completed(list(begun)):
            outcomes[begun[future]] = future.result(raise_on_failure=False)
            progress.tell(100 * len(outcomes) / (len(outcomes) + len(due)), "sending", len(outcomes))
        if not any(isinstance(outcomes[mail.id], MailState | MailRefused) for mail in due):
            break  # the mail server is away: the others wait without a try of their own
    counts = summary(outcomes)
    progress.tell(100, counts, len(outcomes), last=True)
    with database.read() as session:
        troubled = delivery.troubled_mails(session, outcomes)
    create_table_artifact(troubled, key="mail-not-sent", description="What was not sent, and what may not be")
    broken = any(isinstance(outcome, BaseException) for outcome in outcomes.values())
    return Failed(message=counts) if broken else Completed(message=counts)


def summary(outcomes: dict[UUID, object]) -> str:
    def count(*kinds: type) -> int:
        return sum(isinstance(outcome, kinds) for outcome in outcomes.values())

    sent = sum(outcome == MailState.SENT for outcome in outcomes.values())
    off, refused, unknown = count(MailDeferred), count(MailRefused), count(MailUnconfirmed)
    broken = count(BaseException) - off - refused - unknown
    said = f"{sent} sent, {off} put off, {refused} refused, {unknown} unknown"
    return f"{said}, {broken} broken" if broken else said
