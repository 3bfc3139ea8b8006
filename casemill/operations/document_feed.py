"""Tells the feed what became of documents, in the transaction in which it did.

Jobs tell of documents too, but only to those who may see these jobs; documents are seen by all.
"""

from uuid import UUID

from sqlmodel import Session

from casemill.extraction.contract import Reason
from casemill.models import FeedKind, JobEvent, ProcessingStatus
from casemill.models.columns import utc_now

DELETED = "deleted"


def tell_document(
    session: Session,
    document_id: UUID | None,
    status: ProcessingStatus | str,
    reason: Reason | None = None,
    detail: str | None = None,
) -> None:
    """One feed row. document_id is None for several of which nobody has noted which they are."""
    data = {
        "document_id": str(document_id) if document_id else None,
        "status": str(status),
        "reason": str(reason) if reason else None,
        "detail": detail,
    }
    session.add(JobEvent(kind=FeedKind.DOCUMENT, occurred_at=utc_now(), data=data))
