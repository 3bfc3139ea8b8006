"""Whether the process of a job is there: what its worker said, and what this host shows.

Prefect's states say what was decided, not what came of it. A worker tells of each process it starts and of
its end; where it cannot (it died, the event got lost) the host's own processes are asked.
"""

from contextlib import suppress
from datetime import UTC, datetime
from uuid import UUID

import psutil
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.objects import FlowRun
from prefect.events.filters import (
    EventFilter,
    EventNameFilter,
    EventOccurredFilter,
    EventRelatedFilter,
)
from prefect.types import DateTime
from sqlalchemy import or_, update
from sqlmodel import Session, col, select

from casemill.models import FeedKind, Job, JobEvent, JobStatus, JobSubStatus
from casemill.monitoring.lost_runs import process_of
from casemill.operations.start_over import free_claims

STARTED = "prefect.worker.submitted-flow-run"
ENDED = "prefect.worker.executed-flow-run"
OVERTIME = "It ran longer than the limit of "
"""How the reason begins for which a job was stopped by its time limit, and by nobody."""

_CANCELLED, _SUSPENDED = "Cancelled", "Suspended"  # the names of Prefect's states that need evidence


def has_process(job: Job) -> bool:
    """Whether a worker said that it started one, and not yet that it is gone."""
    began, ended = job.process_began_at, job.process_ended_at
    return began is not None and (ended is None or ended < began)


def show_as_it_is(
    session: Session, job_id: UUID, *, is_new_state: bool
) -> tuple[JobStatus, JobSubStatus | None]:
    """Corrects what is shown of a job by the evidence; what is shown then.

    Cancelled while its process is there is still cancelling, and suspended is pausing; so is a job over its
    time until it is marked as failed. What was shown as over is never taken back. The claims of a process
    that is gone are free.
    """
    job = session.exec(
        select(Job).where(Job.id == job_id).with_for_update().execution_options(populate_existing=True)
    ).one()
    alive = has_process(job)
    before = job.status, job.sub_status
    if job.state_name == _CANCELLED and job.status in (JobStatus.CANCELLED, JobStatus.RUNNING):
        waits_for_failure = (job.asked_why or "").startswith(OVERTIME)
        if (alive or waits_for_failure) and (is_new_state or job.status == JobStatus.RUNNING):
            job.status, job.sub_status, job.finished_at = JobStatus.RUNNING, JobSubStatus.CANCELLING, None
        else:
            moments = [moment for moment in (job.state_at, job.process_ended_at) if moment]
            job.status, job.sub_status, job.finished_at = JobStatus.CANCELLED, None, max(moments)
    elif job.state_name == _SUSPENDED and job.status == JobStatus.PAUSED:
        job.sub_status = JobSubStatus.PAUSING if alive else None
    if not alive and job.process_began_at and job.status not in (JobStatus.RUNNING, JobStatus.PENDING):
        free_claims(session, job_id)
    after = job.status, job.sub_status
    session.add(job)
    if after != before and not is_new_state:
        said = "Its process is gone" if not alive else "Its process is still there"
        at = max(moment for moment in (job.state_at, job.process_began_at, job.process_ended_at) if moment)
        data = {
            "status": job.status,
            "sub_status": job.sub_status,
            "state": job.state_name,
            "message": said,
            "attempt": job.run_count,
        }
        session.add(JobEvent(kind=FeedKind.JOB, job_id=job_id, occurred_at=at, data=data))
    session.flush()
    return after


def forget_process(session: Session, job_id: UUID) -> None:
    """Its last process is known to be gone, though no worker said so."""
    began, ended = col(Job.process_began_at), col(Job.process_ended_at)
    session.exec(
        update(Job)
        .where(col(Job.id) == job_id, began.is_not(None), or_(ended.is_(None), ended < began))
        .values(process_ended_at=began)
        .execution_options(synchronize_session=False)
    )


def living_processes(run: FlowRun) -> list[psutil.Process]:
    """All processes of a run on this host. They carry its id; a process id alone is used again."""
    if known := process_of(run):
        return [known, *_others(run.id, known.pid)]
    return _others(run.id, None)


def _others(run_id: UUID, known: int | None) -> list[psutil.Process]:
    found: list[psutil.Process] = []
    for process in psutil.process_iter():
        with suppress(psutil.NoSuchProcess, psutil.AccessDenied, OSError):
            if process.pid != known and process.environ().get("PREFECT__FLOW_RUN_ID") == str(run_id):
                found.append(process)
    return found


def told_end(client: SyncPrefectClient, job: Job) -> datetime | None:
    """When its worker said that the process was gone, if Prefect has heard what we have not."""
    since = job.process_began_at or job.created_at
    wanted = EventFilter(
        event=EventNameFilter(name=[ENDED]),
        related=EventRelatedFilter(id=[f"prefect.flow-run.{job.id}"]),
        occurred=EventOccurredFilter(since=DateTime.fromtimestamp(since.timestamp(), UTC)),
    )
    heard = client.read_events(wanted, limit=1).events
    return max((event.occurred for event in heard), default=None)
