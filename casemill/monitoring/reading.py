"""A job for the documents that wait, or the certainty that the sweep will find them."""

import logging
from dataclasses import dataclass
from uuid import UUID

import httpx
from prefect.exceptions import ObjectNotFound

from casemill.access.actor import Actor
from casemill.models import Job
from casemill.monitoring.jobs import PrefectUnreachable, submit_document_pipeline, user_queue
from casemill.workspace import Workspace

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Reading:
    """Who reads what waits. job_id is None where no job could be started, or it is another's."""

    job_id: UUID | None
    message: str


def begin_reading(workspace: Workspace, actor: Actor) -> Reading:
    """Never fails for Prefect's sake: what waits is in the database, and is read every 15 minutes."""
    try:
        queue = user_queue(workspace.settings, actor.user_id, workspace.database)
        job_id = submit_document_pipeline(actor.user_id, queue)
    except (PrefectUnreachable, ObjectNotFound, httpx.HTTPStatusError) as error:
        logger.warning("No job was started for the documents that wait: %s", error)
        return Reading(None, "Prefect takes no jobs now; the sweep, every 15 minutes, reads what waits")
    with workspace.database.read() as session:
        job = session.get(Job, job_id)
    if job is not None and not actor.sees(job.user_id):
        return Reading(None, "A job that waits already, of another user, reads it")
    return Reading(job_id, f"Job {job_id} reads it")
