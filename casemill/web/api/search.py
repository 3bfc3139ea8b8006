"""Search in the text of all documents."""

from collections.abc import Sequence
from typing import Annotated, Self
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field
from sqlmodel import Session

from casemill.errors import NotFound
from casemill.models import Case, Expert
from casemill.search.contract import ExpertHit, Owner, OwnerKind, SearchHit, Segment
from casemill.web.deps import GivenWorkspace, Viewer
from casemill.web.outages import outages_told
from casemill.web.text import PageNumber, PerPage, pages

router = APIRouter(tags=["search"])

Words = Annotated[
    str,
    Query(
        max_length=1000,
        description='All words must match; "a phrase", -without, begin*.',
        examples=['"proximate cause" -appeal*'],
    ),
]


class Excerpt(BaseModel):
    """Plain text around the first match. It is what somebody uploaded: escape it."""

    text: str
    matches: list[tuple[int, int]] = Field(
        description="Beginning and end of each match in the text, counted in Unicode characters."
    )

    @classmethod
    def of(cls, segments: Sequence[Segment]) -> Self:
        matches: list[tuple[int, int]] = []
        start = 0
        for segment in segments:
            end = start + len(segment.text)
            if segment.is_match:
                matches.append((start, end))
            start = end
        return cls(text="".join(segment.text for segment in segments), matches=matches)


class ShownHit(BaseModel):
    """A page that matches, or a document without pages."""

    document_id: UUID
    document: str = Field(description="Its name.")
    kind: OwnerKind
    owner_id: UUID
    owner: str = Field(description="The name of the case or the expert.")
    page: int | None = Field(description="None where the document has no pages, or only its name matches.")
    excerpt: Excerpt
    score: float = Field(description="Higher is better; comparable within one search only.")

    @classmethod
    def of(cls, hit: SearchHit) -> Self:
        return cls(
            document_id=hit.document,
            document=hit.name,
            kind=hit.owner.kind,
            owner_id=hit.owner.id,
            owner=hit.owner_name,
            page=hit.page,
            excerpt=Excerpt.of(hit.excerpt),
            score=hit.score,
        )


class HitList(BaseModel):
    hits: list[ShownHit]
    total: int = Field(description="Of the best; of words that are everywhere, not all are counted.")
    page: int
    pages: int


class FoundExpert(BaseModel):
    """An expert whose documents together match."""

    expert_id: UUID
    expert: str
    score: float
    matching_documents: int
    hits: list[ShownHit] = Field(description="The best pages.")

    @classmethod
    def of(cls, hit: ExpertHit) -> Self:
        return cls(
            expert_id=hit.owner.id,
            expert=hit.owner_name,
            score=hit.score,
            matching_documents=hit.matching_documents,
            hits=[ShownHit.of(page) for page in hit.hits],
        )


class FoundExpertList(BaseModel):
    experts: list[FoundExpert]
    total: int
    page: int
    pages: int


@router.get("/search")
def search(
    _actor: Viewer,
    workspace: GivenWorkspace,
    q: Words,
    kind: Annotated[OwnerKind | None, Query(description="Only documents of cases, or of experts.")] = None,
    owner: Annotated[UUID | None, Query(description="Only documents of this case or expert.")] = None,
    page: PageNumber = 1,
    per_page: PerPage = 20,
) -> HitList:
    """Pages that match, best first."""
    whose = None
    if owner is not None:
        with workspace.database.read() as session:
            whose = _owner(session, owner)
    with outages_told():
        found = workspace.index.search(
            q, owner=whose, kind=kind, limit=per_page, offset=(page - 1) * per_page
        )
    hits = [ShownHit.of(hit) for hit in found.hits]
    return HitList(hits=hits, total=found.total, page=page, pages=pages(found.total, per_page))


@router.get("/search/experts")
def search_experts(
    _actor: Viewer, workspace: GivenWorkspace, q: Words, page: PageNumber = 1, per_page: PerPage = 20
) -> FoundExpertList:
    """People whose documents, taken together, hold all words, best first."""
    with outages_told():
        found = workspace.index.search_experts(q, limit=per_page, offset=(page - 1) * per_page)
    experts = [FoundExpert.of(hit) for hit in found.experts]
    return FoundExpertList(experts=experts, total=found.total, page=page, pages=pages(found.total, per_page))


def _owner(session: Session, owner_id: UUID) -> Owner:
    if session.get(Case, owner_id) is not None:
        return Owner(OwnerKind.CASE, owner_id)
    if session.get(Expert, owner_id) is not None:
        return Owner(OwnerKind.EXPERT, owner_id)
    raise NotFound(f"No case and no expert with id {owner_id}")
