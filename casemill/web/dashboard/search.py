"""Search in the text of all documents, and how the index behind it is."""

from collections.abc import Sequence
from enum import StrEnum
from functools import cached_property
from typing import Annotated, ClassVar
from uuid import UUID

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse

from casemill.access.actor import Actor
from casemill.errors import NotFound, Unavailable
from casemill.search.contract import OwnerKind, Segment
from casemill.search.query import parse_query
from casemill.web.api.cases import read_case
from casemill.web.api.experts import read_expert
from casemill.web.api.search import Excerpt, FoundExpertList, HitList, search, search_experts
from casemill.web.api.search_health import ShownSearchHealth, show_search_health
from casemill.web.dashboard.query import NoneIfEmpty
from casemill.web.deps import GivenWorkspace, Viewer
from casemill.web.rendering import show
from casemill.web.shown_owners import ShownOwner
from casemill.web.text import PageNumber
from casemill.workspace import Workspace

router = APIRouter()

_PER_PAGE = 20


class SearchFor(StrEnum):
    """What is looked for: pages of all documents, of those of cases or of experts alone, or people."""

    PAGES = "all"
    CASES = "case"
    EXPERTS = "expert"
    PEOPLE = "people"


class SearchView:
    """What the page shows; each part is worked out when it is drawn."""

    ways: ClassVar = {
        SearchFor.PAGES: "All documents",
        SearchFor.CASES: "Documents of cases",
        SearchFor.EXPERTS: "Documents of experts",
        SearchFor.PEOPLE: "Experts, by all they wrote",
    }

    def __init__(
        self, actor: Actor, workspace: Workspace, *, q: str, way: SearchFor, owner_id: UUID | None, page: int
    ) -> None:
        self._actor = actor
        self._workspace = workspace
        self.q, self.way, self.page = q, way, page
        self.owner_id = None if way == SearchFor.PEOPLE else owner_id

    @cached_property
    def asks(self) -> bool:
        return not parse_query(self.q).is_empty

    @cached_property
    def owner(self) -> tuple[OwnerKind, ShownOwner] | None:
        """Whose documents alone are searched, if there is such a case or expert."""
        if self.owner_id is None:
            return None
        for kind, read in ((OwnerKind.CASE, read_case), (OwnerKind.EXPERT, read_expert)):
            try:
                return kind, read(self.owner_id, self._actor, self._workspace)
            except NotFound:
                continue
        return None

    @cached_property
    def found(self) -> HitList | FoundExpertList | str:
        """Or the sentence that says why nothing can be looked for."""
        given = (self._actor, self._workspace, self.q)
        try:
            if self.way == SearchFor.PEOPLE:
                return search_experts(*given, page=self.page, per_page=_PER_PAGE)
            kind = None if self.way == SearchFor.PAGES else OwnerKind(self.way.value)
            return search(*given, kind=kind, owner=self.owner_id, page=self.page, per_page=_PER_PAGE)
        except (NotFound, Unavailable) as error:
            return str(error)

    @cached_property
    def health(self) -> ShownSearchHealth:
        return show_search_health(self._actor, self._workspace)

    def segments(self, excerpt: Excerpt) -> Sequence[Segment]:
        """The excerpt in pieces that match and pieces that do not."""
        pieces: list[Segment] = []
        end = 0
        for start, stop in excerpt.matches:
            pieces += [Segment(excerpt.text[end:start], False), Segment(excerpt.text[start:stop], True)]
            end = stop
        return [*pieces, Segment(excerpt.text[end:], False)]


@router.get("/search")
def show_found(
    request: Request,
    actor: Viewer,
    workspace: GivenWorkspace,
    q: Annotated[str, Query(max_length=1000)] = "",
    way: Annotated[SearchFor | None, NoneIfEmpty, Query(alias="in")] = None,
    owner: Annotated[UUID | None, NoneIfEmpty] = None,
    page: PageNumber = 1,
) -> HTMLResponse:
    view = SearchView(actor, workspace, q=q, way=way or SearchFor.PAGES, owner_id=owner, page=page)
    return show(request, actor, "search.html", view=view)
