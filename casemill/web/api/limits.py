"""Limits: what they are, and changing them while everything runs."""

from datetime import datetime
from uuid import UUID

from fastapi import APIRouter
from pydantic import BaseModel, Field
from sqlmodel import Session, select

from casemill.access.audit import audited
from casemill.models import Limit, LimitName
from casemill.monitoring.limits import change_limit
from casemill.operations.limits import limits_in_force
from casemill.settings import Settings
from casemill.web.deps import Admin, GivenWorkspace, Viewer

router = APIRouter(tags=["limits"])

_DESCRIPTIONS = {
    LimitName.JOBS_AT_ONCE: "Jobs of all users together that run at the same time; others wait.",
    LimitName.JOBS_PER_USER: "Jobs of one user that run at the same time; their others wait.",
    LimitName.JOB_SECONDS: "A job that runs longer is stopped.",
    LimitName.RESULT_SECONDS: "Results of tasks are kept so long; those of pinned jobs for good.",
}


class ShownLimit(BaseModel):
    name: LimitName
    value: int = Field(description="What is in force.")
    default: int = Field(description="What the settings say: in force until an admin changes it.")
    description: str
    changed_at: datetime | None
    changed_by: UUID | None


class LimitList(BaseModel):
    limits: list[ShownLimit]


class NewLimit(BaseModel):
    value: int = Field(ge=1, le=365 * 24 * 3600)


@router.get("/limits")
def list_limits(_actor: Viewer, workspace: GivenWorkspace) -> LimitList:
    """What is limited, and to how much."""
    with workspace.database.read() as session:
        return LimitList(limits=_shown(session, workspace.settings))


@router.put("/limits/{name}")
def put_limit(name: LimitName, given: NewLimit, actor: Admin, workspace: GivenWorkspace) -> ShownLimit:
    """In force at once. What is over a limit waits, it never fails; what runs already goes on."""
    with audited(workspace.database, actor, "limit.change", f"limit:{name}") as detail:
        with workspace.database.read() as session:
            detail["before"] = getattr(limits_in_force(session, workspace.settings), name)
        detail["value"] = given.value
        change_limit(workspace, name, given.value, actor)
    with workspace.database.read() as session:
        return next(shown for shown in _shown(session, workspace.settings) if shown.name == name)


def _shown(session: Session, settings: Settings) -> list[ShownLimit]:
    in_force = limits_in_force(session, settings)
    changed = {limit.name: limit for limit in session.exec(select(Limit)).all()}
    return [
        ShownLimit(
            name=name,
            value=getattr(in_force, name),
            default=getattr(settings, name),
            description=_DESCRIPTIONS[name],
            changed_at=changed[name].changed_at if name in changed else None,
            changed_by=changed[name].changed_by if name in changed else None,
        )
        for name in LimitName
    ]
