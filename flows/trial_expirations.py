"""The end of trials, once an hour."""

from contextlib import suppress
from functools import partial
from uuid import UUID

from prefect import State, flow, runtime, task
from prefect.artifacts import create_table_artifact
from prefect.cache_policies import NO_CACHE
from prefect.states import Completed
from pydantic import AwareDatetime

from blocks.open_workspace import open_workspace
from casemill.errors import Unavailable
from casemill.models.columns import utc_now
from casemill.monitoring.jobs import label_job
from casemill.monitoring.notification_jobs import submit_mail_delivery
from casemill.monitoring.telling import ProgressTeller, tell_result, telling_failures
from casemill.operations import trial_expirations as expiring
from casemill.operations.trial_letters import TouchedTrials
from casemill.steps.registry import RetryPolicy

with_retries = partial(
    task, cache_policy=NO_CACHE, on_completion=[tell_result], **telling_failures(RetryPolicy().task_options)
)


@with_retries
def process_trial_expirations(now: AwareDatetime, dry_run: bool) -> TouchedTrials:
    """Expires what has ended, with a message into the outbox for each. Doing it twice tells nobody twice."""
    workspace = open_workspace()
    return expiring.process_trial_expirations(workspace.database, workspace.settings, now, dry_run=dry_run)


def run_name() -> str:
    given = runtime.flow_run.parameters
    return f"trial expirations{' · dry run' if given.get('dry_run') else ''}"


@flow(name="trial-expirations", flow_run_name=run_name, timeout_seconds=3600)
def trial_expirations(now: AwareDatetime | None = None, dry_run: bool = False) -> State:
    """Expires trials that have ended and tells their users, once.

    Args:
        now: The moment to judge by, with its time zone. Empty: now.
        dry_run: Only show whose trial would expire.
    """
    run_id = UUID(str(runtime.flow_run.id))
    label_job(run_id, ["type:trial"])
    touched = process_trial_expirations(now or utc_now(), dry_run)
    create_table_artifact(touched.table(), key="trial-expirations", description="Whose trial ended")
    if touched.told and not dry_run:
        with suppress(Unavailable):  # then it is the sweep of mail-delivery that sends them
            submit_mail_delivery()
    ended = touched.told + touched.untold
    said = f"{ended} {'would expire' if dry_run else 'expired'}, {touched.untold} cannot be told"
    ProgressTeller(run_id).tell(100, said, ended, last=True)
    return Completed(message=said)
