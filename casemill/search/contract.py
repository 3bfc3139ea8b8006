"""What every search index promises, and the values that go in and come out."""

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple, Protocol
from uuid import UUID

from casemill.errors import CasemillError

DEEPEST = 5_000
"""Matching passages looked at, best first. Only what they give can be paged through, so a search for a word
that stands on every page costs no more than this many."""


class SearchError(CasemillError):
    """Base of what can go wrong with an index. A query is never the reason."""


class SearchUnavailable(SearchError):
    """The index cannot be reached, is locked, or its disk is full. Worth a retry."""


class SearchBroken(SearchError):
    """The index is damaged or of another layout. It holds nothing that cannot be indexed again."""


class OwnerKind(StrEnum):
    CASE = "case"
    EXPERT = "expert"


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose document it is."""

    kind: OwnerKind
    id: UUID


class PageSpan(NamedTuple):
    """`page` begins at character `start` of a passage's text."""

    page: int
    start: int


@dataclass(frozen=True, slots=True)
class Passage:
    """A chunk of a document; chunks may overlap.

    pages: in ascending `start`, one for each page the text touches; empty for documents without pages.
    """

    ordinal: int
    text: str
    pages: tuple[PageSpan, ...] = ()

    def page_at(self, position: int) -> int | None:
        return page_at(self.pages, position)


@dataclass(frozen=True, slots=True)
class IndexedDocument:
    """All that the index is told of a document.

    version: a fingerprint of everything else in here; `documents()` gives it back for comparison.
    passages: none for a document without text, which is then found by its name alone.
    """

    id: UUID
    name: str
    owner: Owner
    owner_name: str
    version: str
    passages: tuple[Passage, ...]


class Segment(NamedTuple):
    """A piece of an excerpt, plain text, to be escaped by whoever renders it."""

    text: str
    is_match: bool


@dataclass(frozen=True, slots=True)
class SearchHit:
    """A page of a document that matches; or the whole document, if it has no pages.

    page: where the first match of the passage lies. None for documents without pages, and where only
        the document's name matches: then the excerpt is how the document begins.
    score: higher is better; comparable within one search only.
    """

    document: UUID
    name: str
    owner: Owner
    owner_name: str
    page: int | None
    excerpt: tuple[Segment, ...]
    score: float


@dataclass(frozen=True, slots=True)
class SearchResults:
    """total: how many hits can be paged through, each page of a document counted once."""

    total: int
    hits: tuple[SearchHit, ...]


@dataclass(frozen=True, slots=True)
class ExpertHit:
    """An expert whose documents together match.

    matching_documents: how many of them hold at least one of the words.
    hits: the best pages, best first, for any of the words; never empty.
    """

    owner: Owner
    owner_name: str
    score: float
    matching_documents: int
    hits: tuple[SearchHit, ...]


@dataclass(frozen=True, slots=True)
class ExpertResults:
    total: int
    experts: tuple[ExpertHit, ...]


@dataclass(frozen=True, slots=True)
class HeldDocument:
    """What the index really holds of a document.

    passages: how many of it can be found, counted where searches look, not where it was noted how many were
        given. A document without text counts as one: that by which its name is found.
    """

    id: UUID
    name: str
    version: str
    passages: int


@dataclass(frozen=True, slots=True)
class IndexHealth:
    """Whether the index can be read and written, and a sentence about it."""

    is_well: bool
    detail: str


class SearchIndex(Protocol):
    """Holds the passages of documents and finds them.

    May be shared by threads, and several processes may use the same index at once. Everything except
    `check` may raise SearchUnavailable, which is worth a retry, and SearchBroken, which is not.
    What is written is found by every search that starts afterwards.
    """

    def replace_document(self, document: IndexedDocument) -> None:
        """Make the index hold exactly this of the document; all or nothing, and twice is once."""
        ...

    def replace_owner(self, owner: Owner, documents: Iterable[IndexedDocument]) -> None:
        """Make the index hold exactly these of the owner; what is no longer among them goes. All or nothing.

        Raises ValueError for a document of someone else.
        """
        ...

    def delete_document(self, id: UUID) -> None:
        """One that is not held is fine."""
        ...

    def delete_owner(self, owner: Owner) -> None:
        """Delete all documents of the owner; none is fine."""
        ...

    def search(
        self,
        query: str,
        *,
        owner: Owner | None = None,
        kind: OwnerKind | None = None,
        limit: int = 20,
        offset: int = 0,
    ) -> SearchResults:
        """Pages that hold all words of the query, best first; see `search.query` for how it is read.

        Words and exclusions are looked for within one passage and the name of its document. A match in
        the name counts a little more. Any text is a valid query; one without words finds nothing.
        """
        ...

    def search_experts(self, query: str, *, limit: int = 20, offset: int = 0) -> ExpertResults:
        """Experts whose documents, taken together, hold all words of the query, best first.

        An excluded word anywhere in an expert's documents excludes the expert.
        """
        ...

    def documents(self) -> dict[UUID, str]:
        """The version of every document that the index really holds."""
        ...

    def held_owners(self, *, after: Owner | None = None, limit: int = 100) -> list[Owner]:
        """Whose documents the index holds: at most `limit` owners, by kind and id, that come after `after`.

        Asking on from the last one of each answer reaches all of them, whatever is written meanwhile to
        others. An empty answer is the end.
        """
        ...

    def held_documents(self, owner: Owner) -> list[HeldDocument]:
        """What the index really holds of the owner, by id; none is fine."""
        ...

    def count(self) -> int:
        """How many documents the index holds."""
        ...

    def check(self) -> IndexHealth:
        """For the doctor. Never raises."""
        ...

    def close(self) -> None:
        """Release what is held open. Twice is fine; nothing else may be called afterwards."""
        ...


def page_at(pages: tuple[PageSpan, ...], position: int) -> int | None:
    """The page that the character at `position` stands on."""
    if not pages:
        return None
    return pages[max(0, bisect_right(pages, position, key=lambda span: span.start) - 1)].page
