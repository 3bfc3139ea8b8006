"""Jobs: finding them, and all that is known of one."""

import asyncio
import time
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path, Query, Request
from pydantic import AwareDatetime
from sqlmodel import Session
from starlette.concurrency import run_in_threadpool

from casemill.access.actor import Actor
from casemill.errors import NotFound
from casemill.models import OVER, Job, JobStatus, JobType
from casemill.models.columns import utc_now
from casemill.monitoring.dependencies import dependencies_of, dependents_of
from casemill.monitoring.job_history import count_same_error, history_of
from casemill.monitoring.job_logs import LogLevel, logs_of
from casemill.monitoring.job_queries import JobFilter, JobSort, count_jobs, jobs
from casemill.monitoring.prefect_pages import page_of_run
from casemill.monitoring.task_queries import newest_attempts
from casemill.monitoring.visible_jobs import visible_job
from casemill.monitoring.waiting import why_waiting
from casemill.operations.eta import job_eta
from casemill.operations.local_user import user_called
from casemill.web.deps import GivenWorkspace, Viewer
from casemill.web.job_detail import JobDetail, JobList, JobLogs, ShownDependency, ShownLine
from casemill.web.shown_jobs import ShownJob
from casemill.web.text import PageNumber, PerPage, Word, pages
from casemill.workspace import Workspace

router = APIRouter(tags=["jobs"])

JobId = Annotated[UUID, Path(alias="id")]

_LOOK_AGAIN_SECONDS = 0.5
_LONGEST_POLL_SECONDS = 60
_MOST_ATTEMPTS = 200
_MOST_DEPENDENTS = 100


@router.get("/jobs")
def list_jobs(
    actor: Viewer,
    workspace: GivenWorkspace,
    status: Annotated[list[JobStatus], Query(description="Only those; again for more.")] = [],  # noqa: B006  FastAPI copies it
    type: Annotated[list[JobType], Query(description="Only those; again for more.")] = [],  # noqa: B006
    user: Annotated[Word | None, Query(description="Only this user's, by id or name.")] = None,
    batch: Annotated[UUID | None, Query(description="Only this batch's.")] = None,
    created_from: Annotated[AwareDatetime | None, Query(description="Created then or later.")] = None,
    created_to: Annotated[AwareDatetime | None, Query(description="Created then or before.")] = None,
    error: Annotated[Word | None, Query(description="Only those with this error_fingerprint.")] = None,
    planned: Annotated[
        bool, Query(description="False: without those that schedules have planned ahead of time.")
    ] = True,
    q: Annotated[
        Word | None,
        Query(description="Somewhere in id, name, user, argument values or error; 3 characters at least."),
    ] = None,
    sort: Annotated[
        JobSort, Query(description="Among equals by the time of creation; with -, all of it in reverse.")
    ] = JobSort.NEWEST,
    page: PageNumber = 1,
    per_page: PerPage = 50,
) -> JobList:
    """The jobs that one sees and that match all that is asked for, with a total that does too."""
    with workspace.database.read() as session:
        wanted = JobFilter(
            statuses=tuple(dict.fromkeys(status)),
            types=tuple(dict.fromkeys(type)),
            user_id=_user_id(session, actor, user) if user else None,
            text=q,
            created_from=created_from,
            created_to=created_to,
            batch_id=batch,
            error_fingerprint=error,
            planned=planned,
            only_of=actor.only_of,
        )
        total = count_jobs(session, wanted)
        found = jobs(session, wanted, sort, page, per_page) if total else []
    return JobList(
        jobs=[ShownJob.of(job) for job in found], total=total, page=page, pages=pages(total, per_page)
    )


@router.get("/jobs/{id}")
def show_job(job_id: JobId, actor: Viewer, workspace: GivenWorkspace) -> JobDetail:
    """All that is known of a job: what became of it, why it waits, when it will end, what failed."""
    now, settings = utc_now(), workspace.settings
    with workspace.database.read() as session:
        job = visible_job(session, actor, job_id)
        return JobDetail.whole(
            job,
            history=history_of(session, job_id),
            attempts=newest_attempts(session, job_id, _MOST_ATTEMPTS),
            waiting=why_waiting(session, settings, job, now, actor.only_of),
            waits_for=[
                ShownDependency.of(found, actor)
                for found in dependencies_of(session, [job_id]).get(job_id, [])
            ],
            waited_on_by=[
                ShownDependency.of(found, actor)
                for found in dependents_of(session, job_id, actor.only_of, _MOST_DEPENDENTS)
            ],
            eta=job_eta(session, job, now),
            prefect_url=page_of_run(settings, job_id),
            same_error=count_same_error(session, job, actor.only_of),
        )


@router.get("/jobs/{id}/logs")
def read_job_logs(
    job_id: JobId,
    actor: Viewer,
    workspace: GivenWorkspace,
    after: Annotated[int, Query(ge=0, le=2**31 - 1, description="How many lines were read before.")] = 0,
    level: Annotated[LogLevel | None, Query(description="That level or above.")] = None,
) -> JobLogs:
    """What it logged, the oldest first, 200 lines at once. Anything may stand there: show it as text."""
    with workspace.database.read() as session:
        visible_job(session, actor, job_id)
    found = [ShownLine.model_validate(line) for line in logs_of(job_id, after, level)]
    return JobLogs(logs=found, next=after + len(found))


@router.get("/jobs/{id}/poll")
async def poll_job(
    job_id: JobId,
    request: Request,
    actor: Viewer,
    workspace: GivenWorkspace,
    timeout: Annotated[float, Query(ge=0, le=_LONGEST_POLL_SECONDS, description="Seconds.")] = 30,
    status: Annotated[
        JobStatus | None, Query(description="What is known; if not given, as it is now.")
    ] = None,
) -> ShownJob:
    """The job, as soon as its status is another or it is over; after `timeout` as it then is."""
    deadline = time.monotonic() + timeout
    while True:
        job = await run_in_threadpool(_read, workspace, actor, job_id)
        status = status or job.status
        left = deadline - time.monotonic()
        if job.status != status or job.status in OVER or left <= 0 or await request.is_disconnected():
            return ShownJob.of(job)
        await asyncio.sleep(min(_LOOK_AGAIN_SECONDS, left))


def _read(workspace: Workspace, actor: Actor, job_id: UUID) -> Job:
    with workspace.database.read() as session:
        return visible_job(session, actor, job_id)


def _user_id(session: Session, actor: Actor, id_or_name: str) -> UUID:
    """An id need not be known: jobs outlive users. A name is not told to those who do not see its jobs."""
    try:
        return UUID(id_or_name)
    except ValueError:
        user = user_called(session, id_or_name)
    if not actor.sees(user.id):
        raise NotFound(f"No user {id_or_name!r} whose jobs you can see")
    return user.id
