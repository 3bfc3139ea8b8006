"""Whether search holds what is ready."""

from datetime import datetime
from typing import Self
from uuid import UUID

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from casemill.models.columns import utc_now
from casemill.operations.index_health import IndexState, SearchHealth, index_health
from casemill.web.deps import GivenWorkspace, Viewer

router = APIRouter(tags=["search"])


class ShownIndexReport(BaseModel):
    """What the last comparison of the index with the database found."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID = Field(description="The job that compared.")
    finished_at: datetime
    dry_run: bool = Field(description="Nothing was repaired.")
    owners: int = Field(description="Cases and experts that were compared.")
    documents: int = Field(description="Documents that are ready.")
    missing: int = Field(description="Documents that are ready and search did not hold.")
    stale: int = Field(description="Documents of which search held another version, or not all passages.")
    orphaned: int = Field(description="Documents that search held and that are not ready.")
    different: int = Field(description="Owners of whom something was wrong.")
    repaired: int
    unrepaired: int
    error: str | None = Field(description="What kept it from being finished.")


class ShownSearchHealth(BaseModel):
    """How the search index is."""

    state: IndexState
    is_well: bool
    detail: str = Field(description="A sentence for people.")
    waiting: int = Field(description="Owners with ready documents that are not indexed yet.")
    report: ShownIndexReport | None

    @classmethod
    def of(cls, health: SearchHealth) -> Self:
        return cls(
            state=health.state,
            is_well=health.is_well,
            detail=health.detail,
            waiting=health.waiting,
            report=ShownIndexReport.model_validate(health.report) if health.report else None,
        )


@router.get("/search/health")
def show_search_health(
    actor: Viewer,  # noqa: ARG001  who is signed in may see it
    workspace: GivenWorkspace,
) -> ShownSearchHealth:
    """How the search index is, by what `search-sync` found last."""
    with workspace.database.read() as session:
        return ShownSearchHealth.of(index_health(session, utc_now()))
