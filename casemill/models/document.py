"""Uploaded files with their extracted text."""

from datetime import datetime
from enum import StrEnum
from typing import ClassVar
from uuid import UUID, uuid4

from sqlalchemy import JSON, CheckConstraint, Index, Text, UniqueConstraint
from sqlmodel import Field

from casemill.extraction.contract import Reason
from casemill.models.claim import Claimable
from casemill.models.columns import Table, Utc, Words, utc_now
from casemill.models.owner import Case, DocumentOwner, Expert


class ProcessingStatus(StrEnum):
    PENDING = "pending"  # left by the job that claims it
    PROCESSING = "processing"  # left by that job; by whoever takes back the claim if it died
    READY = "ready"  # left by re-processing
    FAILED = "failed"  # left by re-processing


class DocumentFields(Claimable):
    """A file of an owner. The same bytes given twice to one owner are one document."""

    owner_column: ClassVar[str]
    owner_model: ClassVar[type[DocumentOwner]]

    id: UUID = Field(default_factory=uuid4, primary_key=True)
    name: str  # as uploaded: hostile, for showing only
    content_type: str = "application/octet-stream"
    size: int
    sha256: str = Field(max_length=64, index=True)
    storage_key: str
    processing_status: ProcessingStatus = Field(
        default=ProcessingStatus.PENDING,
        sa_type=Words(ProcessingStatus),  # pyright: ignore[reportArgumentType]
    )
    failure_reason: Reason | None = Field(default=None, sa_type=Words(Reason))  # pyright: ignore[reportArgumentType]
    failure_detail: str | None = Field(default=None, sa_type=Text)
    text: str | None = Field(default=None, sa_type=Text)  # pages separated by a form feed
    page_count: int | None = None
    characters: int | None = None
    language: str | None = None
    chunked_as: str | None = None  # fingerprint of the options its chunks were made with
    uploaded_at: datetime = Field(default_factory=utc_now, sa_type=Utc)
    processed_at: datetime | None = Field(default=None, sa_type=Utc)

    @property
    def owner_id(self) -> UUID:
        return getattr(self, self.owner_column)


class CaseDocument(DocumentFields, table=True):
    __tablename__ = "case_documents"
    __table_args__ = (
        UniqueConstraint("case_id", "sha256"),
        Index("ix_case_documents_uploaded", "uploaded_at", "id", "name"),
        Index("ix_case_documents_owner_uploaded", "case_id", "uploaded_at", "id"),
        Index("ix_case_documents_status_uploaded", "processing_status", "uploaded_at", "id", "name"),
    )
    owner_column: ClassVar[str] = "case_id"
    owner_model: ClassVar[type[DocumentOwner]] = Case

    case_id: UUID = Field(foreign_key="cases.id", ondelete="CASCADE")


class ExpertDocument(DocumentFields, table=True):
    __tablename__ = "expert_documents"
    __table_args__ = (
        UniqueConstraint("expert_id", "sha256"),
        Index("ix_expert_documents_uploaded", "uploaded_at", "id", "name"),
        Index("ix_expert_documents_owner_uploaded", "expert_id", "uploaded_at", "id"),
        Index("ix_expert_documents_status_uploaded", "processing_status", "uploaded_at", "id", "name"),
    )
    owner_column: ClassVar[str] = "expert_id"
    owner_model: ClassVar[type[DocumentOwner]] = Expert

    expert_id: UUID = Field(foreign_key="experts.id", ondelete="CASCADE")


DocumentModel = type[CaseDocument] | type[ExpertDocument]
"""Either table; operations that serve both take one of them."""


class Chunk(Table, table=True):
    """A piece of a document's text that is searched and cited as a whole.

    start and end are offsets in the document's text; pages holds [page, offset in the chunk] pairs.
    """

    __tablename__ = "chunks"
    __table_args__ = (
        CheckConstraint(
            "(case_document_id IS NULL) <> (expert_document_id IS NULL)", name="chunk_of_one_document"
        ),
    )

    id: int | None = Field(default=None, primary_key=True)
    case_document_id: UUID | None = Field(
        default=None, foreign_key="case_documents.id", ondelete="CASCADE", index=True
    )
    expert_document_id: UUID | None = Field(
        default=None, foreign_key="expert_documents.id", ondelete="CASCADE", index=True
    )
    ordinal: int
    start: int
    end: int
    first_page: int | None = None
    last_page: int | None = None
    pages: list[list[int]] = Field(default_factory=list, sa_type=JSON)
    text: str = Field(sa_type=Text)
