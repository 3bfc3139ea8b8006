"""Takes a case or an expert out again, with all documents."""

import logging
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import delete
from sqlmodel import Session, col, select

from casemill.errors import NotFound, Refused
from casemill.models import CaseDocument, DocumentModel
from casemill.models.columns import utc_now
from casemill.operations.busy import why_busy
from casemill.operations.content import forget_content
from casemill.operations.document_feed import DELETED, tell_document
from casemill.operations.process_document import documents_changed
from casemill.search.contract import Owner, OwnerKind, SearchError
from casemill.workspace import Workspace

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Deleted:
    """files_left counts those the store did not let go of."""

    name: str
    documents: int
    files_left: int


def delete_owner(
    workspace: Workspace, model: DocumentModel, owner_id: UUID, now: datetime | None = None
) -> Deleted:
    """Raises NotFound; Refused while something works on it; SearchError where the index is away."""
    now = now or utc_now()
    owner = Owner(OwnerKind.CASE if model is CaseDocument else OwnerKind.EXPERT, owner_id)
    with workspace.database.write() as session:
        _require_idle(session, model, owner_id, now)
        documents_changed(session, model, owner_id)  # indexed again, should the rest not come to pass
    workspace.index.delete_owner(owner)
    with workspace.database.write() as session:
        name = _require_idle(session, model, owner_id, now)
        files = session.exec(
            select(model.sha256, model.storage_key).where(getattr(model, model.owner_column) == owner_id)
        ).all()
        session.exec(delete(model.owner_model).where(col(model.owner_model.id) == owner_id))
        tell_document(session, None, DELETED)
    try:
        workspace.index.delete_owner(owner)  # once more: a job may have been indexing it
    except SearchError as error:
        logger.warning("Search may find documents of a deleted %s: %s", owner.kind, error)
    left = [key for sha256, key in files if not forget_content(workspace, sha256, key)]
    return Deleted(name, len(files), len(left))


def _require_idle(session: Session, model: DocumentModel, owner_id: UUID, now: datetime) -> str:
    """Its name."""
    kind = model.owner_column.removesuffix("_id")
    found = session.get(model.owner_model, owner_id)
    if found is None:
        raise NotFound(f"No {kind} with id {owner_id}")
    if reason := why_busy(session, model, owner_id, now):
        raise Refused(f"{reason}. Delete the {kind} when that is over, or cancel it first")
    return found.name
