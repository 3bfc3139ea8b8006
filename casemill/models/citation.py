"""Citations found in documents."""

from uuid import UUID

from sqlalchemy import Text
from sqlmodel import Field

from casemill.models.columns import Table


class Citation(Table, table=True):
    """A reference to a decision, statute or rule, with its place in the document's text.

    start and end are offsets in the text; ordinal counts the document's citations from 0; resolves_to is
    the ordinal of the full citation a short form means, where that is known.
    """

    __tablename__ = "citations"

    id: int | None = Field(default=None, primary_key=True)
    case_document_id: UUID = Field(foreign_key="case_documents.id", ondelete="CASCADE", index=True)
    ordinal: int
    kind: str
    text: str = Field(sa_type=Text)
    start: int
    end: int
    page: int | None = None
    normalized: str | None = Field(default=None, sa_type=Text, index=True)
    volume: str | None = None
    reporter: str | None = None
    cited_page: str | None = None
    year: int | None = None
    court: str | None = None
    plaintiff: str | None = Field(default=None, sa_type=Text)
    defendant: str | None = Field(default=None, sa_type=Text)
    pin_cite: str | None = None
    resolves_to: int | None = None
