"""What short forms mean."""

import re
from collections import deque
from collections.abc import Iterable
from dataclasses import replace

from casemill.steps.citing.found import CitationKind, FoundCitation
from casemill.steps.citing.sighting import Sighting

_REMEMBERED = 1_000  # cases back that a short form may refer to
_LONGEST_OPINION = 150  # pages; `id. at 900` does not mean a case that starts at page 100
_PARALLEL = 80  # characters between two citations of one case: "477 U.S. 317, 323, 106 S. Ct. 2548"

_Case = tuple[int, FoundCitation]
"""A case cited in full, and the place in the list of its first citation."""


class _Resolver:
    """Reads a document's citations in order and remembers what a short form may refer to.

    Only what is certain: two candidates are none. The memory is bounded, so that the time is not quadratic.
    """

    def __init__(self) -> None:
        self._first: dict[tuple[CitationKind, str], int] = {}  # where something was cited in full first
        self._cases: deque[_Case] = deque(maxlen=_REMEMBERED)
        self._volumes: dict[tuple[str | None, str | None], deque[_Case]] = {}
        self._sections: dict[str, int | None] = {}
        self._last: _Case | None = None  # what `id.` means
        self._previous: FoundCitation | None = None

    def read(self, place: int, sighting: Sighting) -> FoundCitation:
        """The citation, with what it resolves to."""
        found = sighting.found
        match found.kind:
            case CitationKind.ID:
                return replace(found, resolves_to=self._meant_by_id(found))
            case CitationKind.SHORT_CASE:
                same_volume = self._volumes.get((found.reporter, found.volume), ())
                to = _only(same_volume) or _only(_called(sighting.name, same_volume))
            case CitationKind.SUPRA:
                to = _only(_called(sighting.name, self._cases))
            case CitationKind.REFERENCE:
                to = _only(_called(found.plaintiff or found.defendant, self._cases))
            case CitationKind.UNKNOWN:
                known = self._sections.get(found.cited_page or "")
                to = None if known is None else (known, found)
                if to:
                    found = replace(found, kind=CitationKind.STATUTE)
            case CitationKind.DOCKET:  # mostly printed around the text, not cited by it
                return found
            case _:
                self._remember(place, found)
                return found
        self._last = to
        return replace(found, resolves_to=to[0] if to else None)

    def _meant_by_id(self, found: FoundCitation) -> int | None:
        """`id.` means the citation before it, unless its page cannot be one of that."""
        if self._last is None:
            return None
        place, meant = self._last
        page = re.match(r"[0-9]{1,6}\b", found.pin_cite or "")
        first = meant.cited_page or ""
        if meant.kind is CitationKind.FULL_CASE and page and re.fullmatch(r"[0-9]{1,6}", first):
            self._last = self._last if 0 <= int(page[0]) - int(first) <= _LONGEST_OPINION else None
        return place if self._last else None

    def _remember(self, place: int, found: FoundCitation) -> None:
        before, self._previous = self._previous, found
        key = (found.kind, found.normalized)
        if _is_parallel(before, found) and self._last:
            first = self._first.setdefault(key, self._last[0])
        else:
            first = self._first.setdefault(key, place)
        self._last = (first, found)
        if found.kind is CitationKind.FULL_CASE:
            self._cases.append((first, found))
            volume = self._volumes.setdefault((found.reporter, found.volume), deque(maxlen=_REMEMBERED))
            volume.append((first, found))
        if found.kind is CitationKind.STATUTE and found.cited_page:
            known = self._sections.setdefault(found.cited_page, first)
            self._sections[found.cited_page] = first if known == first else None


def _is_parallel(before: FoundCitation | None, found: FoundCitation) -> bool:
    """Whether both are the same decision in two reporters."""
    return (
        before is not None
        and before.kind is found.kind is CitationKind.FULL_CASE
        and bool(found.defendant)
        and (before.plaintiff, before.defendant) == (found.plaintiff, found.defendant)
        and found.start - before.end <= _PARALLEL
    )


def _only(candidates: Iterable[_Case]) -> _Case | None:
    """The one case among them, however often it is cited."""
    by_place = dict(candidates)
    return next(iter(by_place.items())) if len(by_place) == 1 else None


def _called(name: str | None, cases: Iterable[_Case]) -> list[_Case]:
    if not name:
        return []
    return [each for each in cases if name in (each[1].plaintiff or "") or name in (each[1].defendant or "")]


def resolved(sightings: list[Sighting]) -> list[FoundCitation]:
    """A document's citations, all of them in order, with what each short form resolves to."""
    resolver = _Resolver()
    return [resolver.read(place, sighting) for place, sighting in enumerate(sightings)]
