"""Experts: people whose documents make them findable."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path, Query

from casemill.access.audit import audited
from casemill.models import ExpertDocument
from casemill.operations.delete_owner import delete_owner
from casemill.operations.owner_standing import owner_standing, owner_standings
from casemill.operations.owners import new_expert
from casemill.web.deps import Admin, GivenWorkspace, Operator, Viewer
from casemill.web.outages import outages_told
from casemill.web.shown_owners import ExpertList, NewOwner, ShownOwner
from casemill.web.text import PageNumber, PerPage, Word, pages

router = APIRouter(tags=["experts"])

ExpertId = Annotated[UUID, Path(alias="id")]


@router.get("/experts")
def list_experts(
    _actor: Viewer,
    workspace: GivenWorkspace,
    q: Annotated[Word | None, Query(description="Part of the name.")] = None,
    page: PageNumber = 1,
    per_page: PerPage = 50,
) -> ExpertList:
    """By name, each with what is known of their documents."""
    with workspace.database.read() as session:
        total, found = owner_standings(
            session, ExpertDocument, q, limit=per_page, offset=(page - 1) * per_page
        )
    experts = [ShownOwner.of(standing) for standing in found]
    return ExpertList(experts=experts, total=total, page=page, pages=pages(total, per_page))


@router.post("/experts", status_code=201)
def create_expert(given: NewOwner, actor: Operator, workspace: GivenWorkspace) -> ShownOwner:
    """Two people may have the same name."""
    with audited(workspace.database, actor, "expert.create") as detail:
        with workspace.database.write() as session:
            expert = new_expert(session, given.name)
        detail |= {"expert_id": str(expert.id), "name": expert.name}
    return read_expert(expert.id, actor, workspace)


@router.get("/experts/{id}")
def read_expert(expert_id: ExpertId, _actor: Viewer, workspace: GivenWorkspace) -> ShownOwner:
    with workspace.database.read() as session:
        return ShownOwner.of(owner_standing(session, ExpertDocument, expert_id))


@router.delete("/experts/{id}", status_code=204)
def delete_expert(expert_id: ExpertId, actor: Admin, workspace: GivenWorkspace) -> None:
    """With their documents and the files of these. Not while one of them is read."""
    with audited(workspace.database, actor, "expert.delete", f"expert:{expert_id}") as detail, outages_told():
        gone = delete_owner(workspace, ExpertDocument, expert_id)
        detail |= {"name": gone.name, "documents": gone.documents, "files_left": gone.files_left}
