"""The one question that comes before every other about a job: does it exist for who asks?"""

from uuid import UUID

from sqlmodel import Session

from casemill.access.actor import Actor
from casemill.errors import NotFound
from casemill.models import Job


def visible_job(session: Session, actor: Actor, job_id: UUID) -> Job:
    """The job. Raises NotFound where there is none, and the same where it is not theirs to see."""
    job = session.get(Job, job_id)
    if job is None or not actor.sees(job.user_id):
        raise NotFound(f"No job {job_id} among those you can see; the list of jobs shows what there is")
    return job
