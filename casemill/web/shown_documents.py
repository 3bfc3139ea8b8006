"""Documents as the API shows them."""

from datetime import datetime
from typing import Self
from urllib.parse import quote
from uuid import UUID

from pydantic import BaseModel, Field

from casemill.extraction.contract import Reason
from casemill.models import CaseDocument, ProcessingStatus
from casemill.operations.find_documents import AnyDocument
from casemill.search.contract import OwnerKind


class ShownDocument(BaseModel):
    """A document without its text."""

    id: UUID
    kind: OwnerKind
    owner_id: UUID = Field(description="Of the case or the expert it belongs to.")
    owner: str = Field(description="The name of the case or the expert.")
    name: str = Field(description="As uploaded, on one line.")
    content_type: str = Field(description="What its bytes look like, whatever its name says.")
    size: int = Field(description="Bytes.")
    sha256: str
    status: ProcessingStatus
    failure_reason: Reason | None = Field(description="Why it has no text.")
    failure_detail: str | None = Field(description="What to do about it.")
    page_count: int | None = Field(description="None for a document without pages.")
    characters: int | None
    language: str | None
    uploaded_at: datetime
    processed_at: datetime | None

    @classmethod
    def of(cls, document: AnyDocument, owner: str) -> Self:
        return cls(
            id=document.id,
            kind=OwnerKind.CASE if isinstance(document, CaseDocument) else OwnerKind.EXPERT,
            owner_id=document.owner_id,
            owner=owner,
            name=document.name,
            content_type=document.content_type,
            size=document.size,
            sha256=document.sha256,
            status=document.processing_status,
            failure_reason=document.failure_reason,
            failure_detail=document.failure_detail,
            page_count=document.page_count,
            characters=document.characters,
            language=document.language,
            uploaded_at=document.uploaded_at,
            processed_at=document.processed_at,
        )


class DocumentList(BaseModel):
    documents: list[ShownDocument]
    total: int
    statuses: dict[ProcessingStatus, int] = Field(
        description="How many have which status, of those that match but for their status."
    )
    page: int
    pages: int


class DocumentPage(BaseModel):
    document_id: UUID
    page: int
    pages: int = Field(description="1 for a document without pages.")
    text: str


class UploadedFile(BaseModel):
    """What became of one file of an upload."""

    name: str = Field(description="The file's, on one line.")
    document_id: UUID | None
    is_new: bool = Field(description="False where the same bytes were there already: that document stays.")
    status: ProcessingStatus | None
    error: str | None = Field(description="Why this file was not taken in; the others were.")


class Upload(BaseModel):
    documents: list[UploadedFile] = Field(description="In the order in which they were sent.")
    job_id: UUID | None = Field(description="The job that reads them.")
    message: str


class Reprocessing(BaseModel):
    document: ShownDocument
    job_id: UUID | None
    message: str


def attachment(name: str) -> str:
    """The Content-Disposition of a download of this name (RFC 6266, RFC 8187): saved, never shown.

    Clients that read only the plain form get a name of ASCII letters, digits and a few marks.
    """
    plain = "".join(each if each.isascii() and (each.isalnum() or each in " ._-") else "_" for each in name)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"
