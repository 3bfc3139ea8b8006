"""What people ask of one job. Each asks Prefect, and answers with what Prefect made of it.

What takes its time (cancel, pause) is confirmed later, by evidence of the process: see asked.py. Everything
here raises NotFound where there is no such job, Refused where it makes no sense now, with what to do instead,
and PrefectUnreachable. Whether the job is theirs to steer is for the caller to know.
"""

from collections.abc import Generator, Sequence
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import Any, cast
from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.objects import FlowRun
from prefect.exceptions import ObjectNotFound
from sqlalchemy import delete as sql_delete
from sqlalchemy import update
from sqlmodel import col

from casemill.db import Database
from casemill.errors import CasemillError, NotFound, Refused
from casemill.models import OVER, Job, JobAsk, JobEvent, JobStatus, JobSubStatus, TaskAttempt
from casemill.models.columns import utc_now
from casemill.monitoring.apply_changes import make_due_pending
from casemill.monitoring.asking import (
    ask_to_cancel,
    ask_to_resume,
    ask_to_suspend,
    ask_to_wait,
    forget_asked,
    mark_asked,
    start_again,
)
from casemill.monitoring.dependencies import settle, still_waits_for
from casemill.monitoring.jobs import prefect
from casemill.monitoring.process_evidence import forget_process, has_process, living_processes
from casemill.monitoring.reconcile import Reconciler
from casemill.monitoring.result_expiry import drop_results_of
from casemill.operations.job_dependencies import After
from casemill.operations.limits import limits_in_force
from casemill.operations.start_over import clear_ledger, read_documents_again, reopen_failed
from casemill.workspace import Workspace


def cancel(workspace: Workspace, job_id: UUID, why: str | None = None) -> None:
    """It is shown as cancelling until its process is gone, then as cancelled."""
    with prefect() as client:
        stop(client, workspace.database, workspace.settings.recorded_characters, job_id, why)


def stop(client: SyncPrefectClient, database: Database, at_most: int, job_id: UUID, why: str | None) -> None:
    """As cancel, for who has a client already. Parameters longer than `at_most` are cut when recorded."""
    now = utc_now()
    job = _job(database, job_id)
    if job.status in OVER:
        raise Refused(f"It is {job.status} already; there is nothing to cancel")
    with database.write() as session:
        if not mark_asked(session, job_id, JobAsk.CANCEL, why, now):
            raise Refused("It is being cancelled already; it is shown as cancelled once its process is gone")
    try:
        ask_to_cancel(client, _run(client, job_id), why)
    except CasemillError:
        with database.write() as session:
            forget_asked(session, job_id, now)
        _refresh(client, database, at_most, job_id)
        raise
    _refresh(client, database, at_most, job_id)


def pause(workspace: Workspace, job_id: UUID) -> None:
    """Takes effect between steps: it is shown as pausing until the step at hand has ended."""
    with _steering(workspace, job_id) as (client, job, run):
        if job.status in OVER:
            raise Refused(f"It is {job.status}; there is nothing to pause")
        if job.status == JobStatus.PAUSED:
            raise Refused("It is paused already; resume it to let it go on")
        if job.asked == JobAsk.CANCEL or job.sub_status == JobSubStatus.CANCELLING:
            raise Refused("It is being cancelled; retry it once it is cancelled")
        if job.sub_status == JobSubStatus.RETRYING:
            raise Refused("It waits for its next try; pause it when it runs again, or cancel it")
        now = utc_now()
        with workspace.database.write() as session:
            if not mark_asked(session, job_id, JobAsk.PAUSE, None, now):
                raise Refused("It has just ended, or is being cancelled; there is nothing to pause")
        try:
            ask_to_suspend(client, run)
        except CasemillError:
            with workspace.database.write() as session:
                forget_asked(session, job_id, now)
            raise


def resume(workspace: Workspace, job_id: UUID) -> None:
    """It goes on by its ledger, as soon as there is a worker and a place for it."""
    with _steering(workspace, job_id) as (client, job, run):
        if job.status != JobStatus.PAUSED:
            raise Refused(f"It is {job.sub_status or job.status}, not paused; there is nothing to resume")
        if job.sub_status == JobSubStatus.PAUSING:
            raise Refused("The step at hand has not ended yet; resume it when it is paused")
        if after := _still_waits_for(workspace, job_id):
            ask_to_wait(client, run, after)
        else:
            ask_to_resume(client, run, utc_now())
        with workspace.database.write() as session:
            forget_asked(session, job_id)


def retry(workspace: Workspace, job_id: UUID) -> None:
    """From the failed step on: what is completed stays so."""
    with _steering(workspace, job_id) as (client, job, run):
        if job.status == JobStatus.COMPLETED:
            raise Refused("It is completed; nothing of it failed. Restart it to do all of it again")
        _require_over(job, run, "retried")
        after = _still_waits_for(workspace, job_id)
        batch_id, case_ids = _batch_of(job, run)
        if batch_id:
            with workspace.database.write() as session:
                reopen_failed(session, batch_id, job_id, case_ids)
        _begin_again(workspace, client, run, "Retried from the failed step", after)


def restart(workspace: Workspace, job_id: UUID) -> None:
    """From scratch with the same parameters; what is known of its earlier tries is kept."""
    with _steering(workspace, job_id) as (client, job, run):
        _require_over(job, run, "restarted")
        after = _still_waits_for(workspace, job_id)
        batch_id, case_ids = _batch_of(job, run)
        with workspace.database.write() as session:
            if batch_id:
                clear_ledger(session, batch_id, job_id, case_ids)
            if documents := _ids(run.parameters.get("document_ids")):
                read_documents_again(session, job_id, documents)
        nothing_done = {"progress": 0.0, "progress_message": None, "processed": None}
        _begin_again(workspace, client, run, "Restarted from scratch", after, **nothing_done)


def delete(workspace: Workspace, job_id: UUID) -> None:
    """The job, its attempts and its feed, here and in Prefect. What it worked on stays.

    Who waits for it is told first how it ended.
    """
    job = _job(workspace.database, job_id)
    if job.status not in OVER:
        raise Refused(f"It is {job.sub_status or job.status}; cancel it before you delete it")
    with prefect() as client, suppress(ObjectNotFound):
        client.delete_flow_run(job_id)
    with workspace.database.write() as session:
        settle(session, [job_id], utc_now())
        for model, of_job in ((JobEvent, JobEvent.job_id), (TaskAttempt, TaskAttempt.job_id), (Job, Job.id)):
            session.exec(sql_delete(model).where(col(of_job) == job_id))


def pin(workspace: Workspace, job_id: UUID, pinned: bool) -> None:
    """The results of a pinned job's tasks are kept for good; once unpinned, as long as those of others."""
    with workspace.database.write() as session:
        found = session.exec(update(Job).where(col(Job.id) == job_id).values(pinned=pinned))
        if found.rowcount == 0:
            raise _no_job(job_id)
        if not pinned:
            kept = timedelta(seconds=limits_in_force(session, workspace.settings).result_seconds)
            drop_results_of(session, job_id, utc_now() - kept)


@contextmanager
def _steering(workspace: Workspace, job_id: UUID) -> Generator[tuple[SyncPrefectClient, Job, FlowRun]]:
    """The job as Prefect has it now; and, for who asks next, as it is after the block."""
    at_most = workspace.settings.recorded_characters
    _job(workspace.database, job_id)
    with prefect() as client:
        run = _run(client, job_id)
        _refresh(client, workspace.database, at_most, job_id)
        yield client, _job(workspace.database, job_id), run
        _refresh(client, workspace.database, at_most, job_id)


def _job(database: Database, job_id: UUID) -> Job:
    with database.read() as session:
        job = session.get(Job, job_id)
    if job is None:
        raise _no_job(job_id)
    return job


def _no_job(job_id: UUID) -> NotFound:
    return NotFound(f"No job {job_id}; the list of jobs shows what there is")


def _run(client: SyncPrefectClient, job_id: UUID) -> FlowRun:
    try:
        return client.read_flow_run(job_id)
    except ObjectNotFound:
        raise Refused("Prefect does not know its run any more; start a new job instead") from None


def _refresh(client: SyncPrefectClient, database: Database, at_most: int, job_id: UUID) -> None:
    """What Prefect made of it is recorded at once; the recorder would hear of it a moment later."""
    Reconciler(client, database, at_most).refresh([job_id])
    with database.write() as session:
        make_due_pending(session, utc_now())


def _require_over(job: Job, run: FlowRun, done: str) -> None:
    if job.status not in OVER:
        raise Refused(f"It is {job.sub_status or job.status}; it can be {done} when it is over")
    if job.status == JobStatus.CANCELLED and has_process(job):
        raise Refused(f"Its process is not gone yet; it can be {done} when it is")
    if living_processes(run):
        raise Refused(f"A process of it is still there; it can be {done} when that is gone, in some seconds")
    if run.deployment_id is None:
        raise Refused(
            "It was not started from a deployment, so no worker can take it; start a new job instead"
        )


def _batch_of(job: Job, run: FlowRun) -> tuple[UUID | None, list[UUID]]:
    """Its batch, and the cases it was given. From the run: what is recorded of long parameters is cut."""
    if job.batch_id is None:
        return None, []
    return job.batch_id, _ids(run.parameters.get("case_ids")) if run.parameters.get("batch_id") else []


def _ids(given: Any) -> list[UUID]:
    """Anybody may start a run with any parameters."""
    found: list[UUID] = []
    for value in cast(Sequence[object], given) if isinstance(given, list) else ():
        with suppress(ValueError):
            found.append(UUID(str(value)))
    return found


def _still_waits_for(workspace: Workspace, job_id: UUID) -> list[After]:
    with workspace.database.read() as session:
        return still_waits_for(session, job_id)


def _begin_again(
    workspace: Workspace,
    client: SyncPrefectClient,
    run: FlowRun,
    message: str,
    after: Sequence[After],
    **values: Any,
) -> None:
    """What still waits for other jobs does so; else for a worker."""
    with workspace.database.write() as session:
        forget_process(session, run.id)
    if after:
        ask_to_wait(client, run, after)
    else:
        start_again(client, run, message, utc_now())
    with workspace.database.write() as session:
        forget_asked(session, run.id, **values)
