"""Cases: matters with documents, which batches run over."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path, Query

from casemill.access.audit import audited
from casemill.models import CaseDocument
from casemill.operations.delete_owner import delete_owner
from casemill.operations.owner_standing import owner_names, owner_standing, owner_standings
from casemill.operations.owners import new_case
from casemill.web.deps import Admin, GivenWorkspace, Operator, Viewer
from casemill.web.outages import outages_told
from casemill.web.shown_owners import MOST_CASES, CaseList, CaseName, CaseNames, NewOwner, ShownCase
from casemill.web.text import PageNumber, PerPage, Word, pages

router = APIRouter(tags=["cases"])

CaseId = Annotated[UUID, Path(alias="id")]


@router.get("/cases")
def list_cases(
    actor: Viewer,
    workspace: GivenWorkspace,
    q: Annotated[Word | None, Query(description="Part of the name.")] = None,
    page: PageNumber = 1,
    per_page: PerPage = 50,
) -> CaseList:
    """By name, each with what it holds and what was run on it last."""
    with workspace.database.read() as session:
        total, found = owner_standings(
            session, CaseDocument, q, actor.only_of, per_page, (page - 1) * per_page
        )
    cases = [ShownCase.of(standing) for standing in found]
    return CaseList(cases=cases, total=total, page=page, pages=pages(total, per_page))


@router.get("/cases/names")
def list_case_names(
    _actor: Viewer,
    workspace: GivenWorkspace,
    q: Annotated[Word | None, Query(description="Part of the name.")] = None,
) -> CaseNames:
    """All that match at once, as many as one batch can take: for choosing all of them."""
    with workspace.database.read() as session:
        total, found = owner_names(session, CaseDocument, q, MOST_CASES)
    return CaseNames(cases=[CaseName(id=case_id, name=name) for case_id, name in found], total=total)


@router.post("/cases", status_code=201)
def create_case(given: NewOwner, actor: Operator, workspace: GivenWorkspace) -> ShownCase:
    """No two cases have the same name."""
    with audited(workspace.database, actor, "case.create") as detail:
        with workspace.database.write() as session:
            case = new_case(session, given.name)
        detail |= {"case_id": str(case.id), "name": case.name}
    return read_case(case.id, actor, workspace)


@router.get("/cases/{id}")
def read_case(case_id: CaseId, actor: Viewer, workspace: GivenWorkspace) -> ShownCase:
    with workspace.database.read() as session:
        return ShownCase.of(owner_standing(session, CaseDocument, case_id, actor.only_of))


@router.delete("/cases/{id}", status_code=204)
def delete_case(case_id: CaseId, actor: Admin, workspace: GivenWorkspace) -> None:
    """With its documents, their files, and its part in batches. Not while anything runs on it."""
    with audited(workspace.database, actor, "case.delete", f"case:{case_id}") as detail, outages_told():
        gone = delete_owner(workspace, CaseDocument, case_id)
        detail |= {"name": gone.name, "documents": gone.documents, "files_left": gone.files_left}
