"""What failed in batches and still needs somebody."""

from uuid import UUID

from fastapi import APIRouter
from pydantic import BaseModel, Field

from casemill.operations.open_failures import open_failures
from casemill.web.deps import GivenWorkspace, Viewer
from casemill.web.shown_batches import ShownFailure
from casemill.web.text import PageNumber, PerPage, pages

router = APIRouter(tags=["batches"])


class OpenFailure(ShownFailure):
    batch_id: UUID = Field(description="Its retry, for this case alone or for all, tries it again.")


class FailureList(BaseModel):
    failures: list[OpenFailure]
    total: int
    page: int
    pages: int


@router.get("/failures")
def list_failures(
    actor: Viewer, workspace: GivenWorkspace, page: PageNumber = 1, per_page: PerPage = 50
) -> FailureList:
    """Steps that failed in any batch one sees and that no batch has completed since; the latest first."""
    with workspace.database.read() as session:
        total, found = open_failures(session, actor.only_of, per_page, (page - 1) * per_page)
        failures = [
            OpenFailure(**ShownFailure.of(row, case).model_dump(), batch_id=row.batch_id)
            for row, case in found
        ]
    return FailureList(failures=failures, total=total, page=page, pages=pages(total, per_page))
