"""Who documents belong to: a case or an expert."""

from datetime import datetime
from uuid import UUID, uuid4

from sqlmodel import Field

from casemill.models.columns import Table, Utc, utc_now


class DocumentOwner(Table):
    """What cases and experts share.

    documents_version grows with each change of the owner's ready documents; indexed_version is the one
    that search holds. They differ as long as there is something to index.
    """

    id: UUID = Field(default_factory=uuid4, primary_key=True)
    name: str
    documents_version: int = 0
    indexed_version: int = 0
    created_at: datetime = Field(default_factory=utc_now, sa_type=Utc)


class Case(DocumentOwner, table=True):
    """A matter with documents. Its name is how people and folders refer to it."""

    __tablename__ = "cases"

    name: str = Field(unique=True)


class Expert(DocumentOwner, table=True):
    """A person whose documents (a CV, reports, articles) make them findable."""

    __tablename__ = "experts"

    name: str = Field(index=True)
