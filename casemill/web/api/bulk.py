"""One action for many jobs: by their ids, or all that match a filter."""

from typing import Annotated, Self
from uuid import UUID

from fastapi import APIRouter
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, model_validator
from sqlmodel import Session

from casemill.access.actor import Actor
from casemill.access.audit import audited
from casemill.errors import NotFound
from casemill.models import JobStatus, JobType
from casemill.monitoring.bulk import Bulk, BulkAction, act_on_all, find_by_filter, find_by_ids
from casemill.monitoring.job_queries import JobFilter
from casemill.operations.local_user import user_called
from casemill.web.deps import GivenWorkspace, Operator
from casemill.web.shown_results import ShownResult
from casemill.web.text import Word
from casemill.workspace import Workspace

router = APIRouter(tags=["jobs"])

_MOST_IDS = 10_000


class BulkFilter(BaseModel):
    """As the parameters of GET /jobs; what is empty is not asked for."""

    model_config = ConfigDict(extra="forbid")

    status: list[JobStatus] = Field(default=[], max_length=len(JobStatus))
    type: list[JobType] = Field(default=[], max_length=len(JobType))
    user: Word | None = Field(default=None, description="By id or name.")
    q: Word | None = Field(default=None, description="Somewhere in id, name, user, argument values or error.")
    created_from: AwareDatetime | None = None
    created_to: AwareDatetime | None = None
    batch: UUID | None = None
    error: Word | None = Field(default=None, description="An error_fingerprint.")
    planned: bool = Field(
        default=True, description="False: without those that schedules have planned ahead of time."
    )

    @property
    def is_empty(self) -> bool:
        days = [self.created_from, self.created_to]
        given = [*self.status, *self.type, self.user, *days, self.batch, self.error]
        return not any(given) and not (self.q or "").strip()

    def wanted(self, session: Session, actor: Actor) -> JobFilter:
        """Raises NotFound for a user whose jobs the actor does not see."""
        return JobFilter(
            statuses=self.status,
            types=self.type,
            user_id=_user_id(session, actor, self.user) if self.user else None,
            text=self.q,
            created_from=self.created_from,
            created_to=self.created_to,
            batch_id=self.batch,
            error_fingerprint=self.error,
            planned=self.planned,
            only_of=actor.only_of,
        )


class BulkRequest(BaseModel):
    model_config = ConfigDict(extra="forbid")

    action: BulkAction
    ids: Annotated[list[UUID], Field(min_length=1, max_length=_MOST_IDS)] | None = None
    filter: BulkFilter | None = Field(
        default=None, description="All jobs that match, not one page. An empty one needs `all`."
    )
    all: bool = Field(default=False, description="Yes, all jobs that one sees: for an empty filter.")
    dry_run: bool = Field(default=False, description="Only count; change nothing.")

    @model_validator(mode="after")
    def _names_jobs(self) -> Self:
        if (self.ids is None) == (self.filter is None):
            raise ValueError("name the jobs: either by ids or by a filter")
        if self.filter is not None and self.filter.is_empty and not self.all:
            raise ValueError("an empty filter means all jobs; if that is what you want, say `all: true`")
        return self


class BulkCount(BaseModel):
    status: JobStatus
    matched: int
    applicable: int = Field(description="Of how many of them the action makes sense.")


class BulkAnswer(BaseModel):
    """results is empty for a dry run."""

    action: BulkAction
    dry_run: bool
    matched: int
    applicable: int
    done: int
    by_status: list[BulkCount]
    results: list[ShownResult]


@router.post("/jobs/bulk")
def change_jobs(asked: BulkRequest, actor: Operator, workspace: GivenWorkspace) -> BulkAnswer:
    """Does it to each job for which it makes sense; each of the others says why not.

    Begin with a dry run: it says how many jobs match, by status. Answered when all of them were asked, which
    takes some time for thousands; what takes its time at each job (cancel, pause) goes on after that.
    """
    with audited(workspace.database, actor, "job.bulk", f"action:{asked.action}") as detail:
        detail |= asked.model_dump(mode="json", exclude={"ids", "action"}, exclude_defaults=True)
        bulk = _found(workspace, actor, asked)
        matched, applicable = bulk.matched.total(), bulk.applicable.total()
        detail |= {"matched": matched, "applicable": applicable, "done": 0}
        results: list[ShownResult] = []
        for result in () if asked.dry_run else act_on_all(workspace, actor, bulk):
            results.append(ShownResult.of(result))
            detail["done"] += result.done
    return BulkAnswer(
        action=asked.action,
        dry_run=asked.dry_run,
        matched=matched,
        applicable=applicable,
        done=detail["done"],
        by_status=[
            BulkCount(status=status, matched=bulk.matched[status], applicable=bulk.applicable[status])
            for status in JobStatus
            if bulk.matched[status]
        ],
        results=results,
    )


def _found(workspace: Workspace, actor: Actor, asked: BulkRequest) -> Bulk:
    with workspace.database.read() as session:
        if asked.filter is not None:
            return find_by_filter(session, asked.action, asked.filter.wanted(session, actor))
        return find_by_ids(session, actor, asked.action, asked.ids or [])


def _user_id(session: Session, actor: Actor, id_or_name: str) -> UUID:
    """An id need not be known: jobs outlive users. A name is not told to those who do not see its jobs."""
    try:
        return UUID(id_or_name)
    except ValueError:
        user = user_called(session, id_or_name)
    if not actor.sees(user.id):
        raise NotFound(f"No user {id_or_name!r} whose jobs you can see")
    return user.id
