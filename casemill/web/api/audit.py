"""The audit log, for admins."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from casemill.access.audit_log import AuditFilter, actions_on_record, audit_records
from casemill.models import AuditResult
from casemill.web.deps import Admin, GivenWorkspace
from casemill.web.text import PageNumber, PerPage, Word, pages

router = APIRouter(tags=["audit"])


class ShownRecord(BaseModel):
    """Who did what, on what, from where, with which result."""

    model_config = ConfigDict(from_attributes=True)

    id: int
    at: datetime
    user_id: UUID | None
    user_name: str | None = Field(description="As given, at a sign-in that failed.")
    via: str = Field(description="session, token, link, password or system.")
    address: str | None
    action: str = Field(examples=["job.cancel"])
    target: str | None = Field(examples=["job:0198c0de-0000-7000-8000-000000000000"])
    result: AuditResult
    message: str | None
    detail: dict[str, Any]


class RecordList(BaseModel):
    records: list[ShownRecord]
    total: int
    page: int
    pages: int


class ActionList(BaseModel):
    actions: list[str]


@router.get("/audit/actions")
def list_audited_actions(
    actor: Admin,  # noqa: ARG001  who asks matters
    workspace: GivenWorkspace,
) -> ActionList:
    """Which actions the log tells of, by name."""
    with workspace.database.read() as session:
        return ActionList(actions=actions_on_record(session))


@router.get("/audit")
def list_audit_records(
    actor: Admin,  # noqa: ARG001  who asks matters
    workspace: GivenWorkspace,
    user: Annotated[Word | None, Query(description="Id of a user, or a name as it was given.")] = None,
    action: Annotated[Word | None, Query(examples=["session.create"])] = None,
    target: Annotated[Word | None, Query(examples=["user:0198c0de-0000-7000-8000-000000000000"])] = None,
    result: AuditResult | None = None,
    since: Annotated[AwareDatetime | None, Query(alias="from")] = None,
    until: Annotated[AwareDatetime | None, Query(alias="to", description="Not included.")] = None,
    page: PageNumber = 1,
    per_page: PerPage = 50,
) -> RecordList:
    """Newest first."""
    wanted = AuditFilter(_id_or_name(user), action, target, result, since, until)
    with workspace.database.read() as session:
        records, total = audit_records(session, wanted, page, per_page)
    shown = [ShownRecord.model_validate(record) for record in records]
    return RecordList(records=shown, total=total, page=page, pages=pages(total, per_page))


def _id_or_name(given: str | None) -> UUID | str | None:
    try:
        return UUID(given) if given else given
    except ValueError:
        return given
