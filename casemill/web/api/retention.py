"""Retention: how long what is over is kept, changing that, and what cleanups removed."""

from datetime import datetime
from typing import Annotated, Any, Self
from uuid import UUID

from fastapi import APIRouter, Path
from pydantic import BaseModel, ConfigDict, Field
from sqlmodel import Session, select

from casemill.access.audit import audited
from casemill.errors import NotFound
from casemill.models import CleanupReport, JobStatus, JobSubStatus, KeptFor, RetentionName
from casemill.monitoring.last_cleanup import Cleanup, last_cleanup
from casemill.operations.keep_for import keep_for, retention_in_force
from casemill.operations.retention import NAME_OF, Retention, bounds_of, unit_of
from casemill.settings import Settings
from casemill.web.deps import Admin, GivenWorkspace, Viewer

router = APIRouter(tags=["retention"])


class ShownRemoved(BaseModel):
    """What became of one kind."""

    what: str = Field(examples=["failed runs"])
    removed: int
    left: int = Field(description="Past their time, and could not be removed.")
    why: str = Field(description="Why they were left, or why nothing was looked at.")


class ShownCleanup(BaseModel):
    """The last one that deleted, failed ones included."""

    model_config = ConfigDict(from_attributes=True)

    job_id: UUID
    finished_at: datetime
    status: JobStatus = Field(description="completed, or failed: then not all that is past its time is gone.")
    sub_status: JobSubStatus | None
    result: str | None = Field(description="What it removed, or what kept it from that; a sentence.")
    removed: list[ShownRemoved] = Field(description="By kind; empty if it did not come to its end.")

    @classmethod
    def of(cls, cleanup: Cleanup | None) -> Self | None:
        return cls.model_validate(cleanup) if cleanup else None


class ShownRetention(BaseModel):
    """A class of what is over. What is active, paused, pinned or of an open batch is kept, however old."""

    name: RetentionName
    covers: str = Field(description="What it is about.")
    value: float = Field(description="What is in force.")
    unit: str = Field(examples=["days"])
    default: float = Field(description="What the settings say: in force until an admin changes it.")
    least: float
    most: float
    removed: int | None = Field(
        description="How many of it the last cleanup removed; null if it did not say."
    )
    changed_at: datetime | None
    changed_by: UUID | None


class RetentionList(BaseModel):
    retention: list[ShownRetention]
    last_cleanup: ShownCleanup | None


class NewRetention(BaseModel):
    value: float = Field(ge=0, le=1_000_000_000, allow_inf_nan=False, description="In the unit of its class.")


class ShownReport(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    job_id: UUID
    finished_at: datetime
    dry_run: bool = Field(description="Nothing was removed, only counted.")
    removed: list[ShownRemoved]


@router.get("/retention")
def list_retention(_actor: Viewer, workspace: GivenWorkspace) -> RetentionList:
    """How long each class is kept after it is over, and what the last cleanup removed of it."""
    with workspace.database.read() as session:
        cleanup = last_cleanup(session)
        shown = _shown(session, workspace.settings, cleanup)
    return RetentionList(retention=shown, last_cleanup=ShownCleanup.of(cleanup))


@router.put("/retention/{name}")
def put_retention(
    name: RetentionName, given: NewRetention, actor: Admin, workspace: GivenWorkspace
) -> ShownRetention:
    """In force from the next cleanup on, and after restarts. Less than `least` would lose what is needed."""
    with (
        audited(workspace.database, actor, "retention.change", f"retention:{name}") as detail,
        workspace.database.write() as session,
    ):
        detail["before"] = getattr(retention_in_force(session, workspace.settings), name)
        detail["value"] = given.value
        keep_for(session, workspace.settings, name, given.value, actor.user_id)
    with workspace.database.read() as session:
        shown = _shown(session, workspace.settings, last_cleanup(session))
        return next(one for one in shown if one.name == name)


@router.get("/cleanups/{id}")
def show_cleanup(
    job_id: Annotated[UUID, Path(alias="id", description="Its job.")],
    _actor: Viewer,
    workspace: GivenWorkspace,
) -> ShownReport:
    """What a cleanup removed, or by a dry run would have; there once it has come to its end."""
    with workspace.database.read() as session:
        report = session.get(CleanupReport, job_id)
    if report is None:
        raise NotFound(f"No cleanup {job_id} of the last days came to its end; GET /jobs/{job_id} says more")
    return ShownReport(
        job_id=report.id,
        finished_at=report.finished_at,
        dry_run=report.dry_run,
        removed=[ShownRemoved.model_validate(row) for row in report.removed],
    )


def _shown(session: Session, settings: Settings, cleanup: Cleanup | None) -> list[ShownRetention]:
    in_force = retention_in_force(session, settings)
    changed = {row.name: row for row in session.exec(select(KeptFor))}
    return [
        ShownRetention(
            name=name,
            covers=Retention.model_fields[name].description or "",
            value=getattr(in_force, name),
            unit=unit_of(name),
            default=getattr(settings.retention, name),
            least=bounds_of(name)[0],
            most=bounds_of(name)[1],
            removed=_removed(cleanup, name),
            changed_at=changed[name].changed_at if name in changed else None,
            changed_by=changed[name].changed_by if name in changed else None,
        )
        for name in RetentionName
    ]


def _removed(cleanup: Cleanup | None, name: RetentionName) -> int | None:
    if cleanup is None or not cleanup.removed:
        return None
    kinds = {kind.value for kind, class_ in NAME_OF.items() if class_ == name}
    rows: list[dict[str, Any]] = [row for row in cleanup.removed if row["what"] in kinds]
    return sum(int(row["removed"]) for row in rows)
