"""Has a document read again, as if it had just been uploaded."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import or_, update
from sqlmodel import Session, col

from casemill.errors import Refused
from casemill.models import ProcessingStatus
from casemill.operations.document_feed import tell_document
from casemill.operations.find_documents import document_with_id


def reprocess_document(session: Session, document_id: UUID, now: datetime) -> None:
    """The document waits; its text and what search finds stay until it is read. Twice is once.

    Raises NotFound, and Refused while it is being read.
    """
    model = type(document_with_id(session, document_id))
    status = col(model.processing_status)
    moved = session.exec(
        update(model)
        .where(
            col(model.id) == document_id,
            or_(status != ProcessingStatus.PROCESSING, col(model.lease_until) <= now),
        )
        .values(processing_status=ProcessingStatus.PENDING)
        .execution_options(synchronize_session=False)
    )
    if moved.rowcount == 0:
        raise Refused("The document is being read right now; ask again when that is over")
    tell_document(session, document_id, ProcessingStatus.PENDING)
