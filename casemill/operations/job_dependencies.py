"""What a job may wait for, and whether that has come: decided from rows alone.

A job's tags say what it waits for, so that Prefect keeps it from the moment in which the job is made.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field
from sqlmodel import Session, select
from sqlmodel.sql.expression import SelectOfScalar

from casemill.access.actor import Actor
from casemill.errors import BadInput, NotFound, Refused
from casemill.models import (
    NOT_OVER,
    Condition,
    DependencyState,
    Job,
    JobDependency,
    JobStatus,
    JobSubStatus,
)

MOST_AFTER = 20
"""Jobs that one job may wait for."""

CRASH_COUNTS_AFTER = timedelta(seconds=30)
"""A crashed job that is begun again is so within that; until then it has not ended."""

_TAG = "after"
_TO = {Condition.COMPLETION: "to end", Condition.SUCCESS: "to succeed", Condition.FAILURE: "to fail"}
_WANTED = {
    Condition.COMPLETION: (JobStatus.COMPLETED, JobStatus.FAILED, JobStatus.CANCELLED),
    Condition.SUCCESS: (JobStatus.COMPLETED,),
    Condition.FAILURE: (JobStatus.FAILED,),
}


class After(BaseModel):
    """A job to wait for, and how that has to end."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    job_id: UUID
    on: Condition = Field(
        default=Condition.SUCCESS,
        description="How it has to end; completion: whatever how. Cancelled is neither success nor failure.",
    )

    def __str__(self) -> str:
        """Such as "job 0198c0de-... to succeed"."""
        return f"job {self.job_id} {to_what(self.on)}"

    @property
    def tag(self) -> str:
        return f"{_TAG}:{self.job_id}:{self.on}"


def to_what(condition: Condition) -> str:
    return _TO[condition]


def after_in(tags: Iterable[str]) -> list[After]:
    """A tag that is not what it claims to be is a tag and nothing else; of two about one job one counts."""
    found: dict[UUID, After] = {}
    for tag in sorted(tags):
        match tag.split(":"):
            case [name, job_id, on] if name == _TAG and on in list(Condition):
                try:
                    found.setdefault(UUID(job_id), After(job_id=UUID(job_id), on=Condition(on)))
                except ValueError:
                    continue
            case _:
                continue
    return list(found.values())[:MOST_AFTER]


def state_of(
    condition: Condition,
    status: JobStatus | None,
    sub_status: JobSubStatus | None,
    finished_at: datetime | None,
    now: datetime,
) -> DependencyState:
    """Of who waits for a job that is at this; a status of None is a job that is not there any more."""
    if status in NOT_OVER:
        return DependencyState.WAITING
    if sub_status == JobSubStatus.CRASHED and finished_at and finished_at > now - CRASH_COUNTS_AFTER:
        return DependencyState.WAITING
    return DependencyState.MET if status in _WANTED[condition] else DependencyState.BROKEN


def waited_for() -> SelectOfScalar[UUID]:
    """Jobs that others wait for, and of which these were not told how they ended."""
    return select(JobDependency.on_job_id).where(JobDependency.state == DependencyState.WAITING)


def require_possible(session: Session, actor: Actor, after: Sequence[After], now: datetime) -> None:
    """What has come already is no hindrance: a job that waits for that alone goes on at once.

    Raises NotFound for a job that the actor does not see, BadInput for one that is named with two
    conditions, and Refused where one of them has ended in a way that it cannot come.
    """
    wanted = list(dict.fromkeys(after))
    if twice := [job_id for job_id, count in Counter(one.job_id for one in wanted).items() if count > 1]:
        raise BadInput(f"Job {twice[0]} is to be waited for in two ways; name it once")
    for one in wanted:
        job = session.get(Job, one.job_id)
        if job is None or not actor.sees(job.user_id):
            raise NotFound(f"No job {one.job_id} to wait for among those you can see")
        state = state_of(one.on, job.status, job.sub_status, job.finished_at, now)
        if state == DependencyState.BROKEN:
            raise Refused(
                f"It was to wait for {one}, and that is {job.status} already; retry that job first, or do "
                "not wait for it"
            )
