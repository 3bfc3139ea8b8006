"""What is past its time, deleted, every ten minutes."""

from functools import partial
from uuid import UUID

from prefect import State, flow, get_run_logger, runtime, task
from prefect.artifacts import create_table_artifact
from prefect.cache_policies import NO_CACHE
from prefect.states import Completed, Failed
from pydantic import AwareDatetime

from blocks.open_workspace import open_workspace
from casemill.models.columns import utc_now
from casemill.monitoring.jobs import PrefectUnreachable, label_job
from casemill.monitoring.prefect_cleanup import RUNS, remove_runs, remove_workers
from casemill.monitoring.recorded_json import recorded_text
from casemill.monitoring.telling import ProgressTeller, tell_result, telling_failures
from casemill.operations import job_cleanup as cleaning
from casemill.operations.keep_for import retention_in_force
from casemill.operations.retention import Kind, Removed, Retention, in_words
from casemill.steps.registry import RetryPolicy

_POLICY = RetryPolicy(retries=2)
_RETRIES = RetryPolicy(retries=2, transient=(*_POLICY.transient, PrefectUnreachable)).task_options


@task(
    cache_policy=NO_CACHE,
    on_completion=[tell_result],
    task_run_name="{kind}",
    **telling_failures(_RETRIES),
)
def clean_up(kind: Kind, policy: Retention, now: AwareDatetime, dry_run: bool) -> Removed:
    """Deletes what is past its time of one kind. Doing it twice deletes no more than once."""
    workspace = open_workspace()
    # Leases and heartbeats are promises about the real clock: no other may find the living dead
    real = min(now, utc_now())
    if kind in RUNS:
        return remove_runs(workspace.database, kind, policy, now, dry_run=dry_run)
    if kind == Kind.WORKERS:
        pool = workspace.settings.work_pool
        return remove_workers(workspace.database, pool, policy, real, dry_run=dry_run)
    by = UUID(str(runtime.flow_run.id))
    at = real if kind == Kind.CLAIMS else now
    return cleaning.clean_up(workspace, kind, policy, at, by, dry_run=dry_run)


def run_name() -> str:
    return f"cleanup{' · dry run' if runtime.flow_run.parameters.get('dry_run') else ''}"


@flow(name="job-cleanup", flow_run_name=run_name, timeout_seconds=3600)
def job_cleanup(
    policy: Retention | None = None, dry_run: bool = True, now: AwareDatetime | None = None
) -> State:
    """Deletes what is past its time, and says how many of what.

    Args:
        policy: How long each kind is kept. What is left out is as an admin set it, else as in the settings.
        dry_run: Only say what would be deleted.
        now: The moment to judge by, with its time zone. Empty: now.
    """
    run_id = UUID(str(runtime.flow_run.id))
    label_job(run_id, ["type:maintenance"])
    workspace = open_workspace()
    with workspace.database.read() as session:
        known = retention_in_force(session, workspace.settings)
    given = policy.model_dump(exclude_unset=True) if policy else {}
    in_force = Retention.model_validate({**known.model_dump(), **given})
    moment, progress = now or utc_now(), ProgressTeller(run_id)
    removed: list[Removed] = []
    for number, kind in enumerate(Kind):
        progress.tell(100 * number / len(Kind), f"Looking at {kind}", number)
        try:
            removed.append(clean_up(kind, in_force, moment, dry_run))
        except Exception as error:  # one kind that fails stops no other
            get_run_logger().exception("%s could not be cleaned up", kind)
            why = recorded_text(f"{type(error).__name__}: {error}")
            removed.append(Removed(kind, left=1, why=why))
    create_table_artifact([one.row for one in removed], key="job-cleanup", description="What was removed")
    workspace.database.persist(
        partial(cleaning.record_cleanup, job_id=run_id, removed=removed, now=utc_now(), dry_run=dry_run)
    )
    said = in_words(removed, dry_run=dry_run)
    progress.tell(100, said, len(Kind), last=True)
    return Failed(message=said) if any(one.left for one in removed) else Completed(message=said)
