"""Takes a document out again: its record, what search holds of it, and its file."""

import logging
from datetime import datetime
from uuid import UUID

from sqlalchemy import and_, delete, not_
from sqlmodel import col

from casemill.errors import Refused
from casemill.models import CaseDocument, ProcessingStatus
from casemill.models.columns import utc_now
from casemill.operations.busy import why_busy
from casemill.operations.content import forget_content
from casemill.operations.document_feed import DELETED, tell_document
from casemill.operations.find_documents import document_with_id
from casemill.operations.process_document import documents_changed
from casemill.search.contract import SearchError
from casemill.workspace import Workspace

logger = logging.getLogger(__name__)


def delete_document(workspace: Workspace, document_id: UUID, now: datetime | None = None) -> None:
    """Raises NotFound, and Refused while something works on it.

    From then on search does not find it; where the index is away just now, the next job that indexes takes
    it out.
    """
    now = now or utc_now()
    with workspace.database.write() as session:
        document = document_with_id(session, document_id)
        model = type(document)
        if model is CaseDocument and (reason := why_busy(session, model, document.owner_id, now)):
            raise Refused(f"{reason}. Delete the document when that is over, or cancel it first")
        is_read = and_(
            col(model.processing_status) == ProcessingStatus.PROCESSING, col(model.lease_until) > now
        )
        gone = session.exec(delete(model).where(col(model.id) == document_id, not_(is_read)))
        if gone.rowcount == 0:
            raise Refused("The document is being read; delete it when that is over")
        documents_changed(session, model, document.owner_id)
        tell_document(session, document_id, DELETED)
    try:
        workspace.index.delete_document(document_id)
    except SearchError as error:
        logger.warning("Search finds a deleted document until its owner is indexed again: %s", error)
    forget_content(workspace, document.sha256, document.storage_key)
