"""What each source of citations gives: where something is cited, by places in the window it was read in."""

from dataclasses import dataclass
from typing import Any, cast

from casemill.steps.citing.found import CitationKind, FoundCitation


@dataclass(frozen=True, slots=True)
class Sighting:
    """A citation before it is known what its short form means. `name` is what that calls the case."""

    found: FoundCitation
    name: str | None = None


def sighted(kind: CitationKind, place: tuple[int, int], normalized: str, **known: str | None) -> Sighting:
    """Of a citation that calls no case by a name; its text and page are filled in from the document."""
    found = FoundCitation(kind, "", *place, 0, normalized, **cast(dict[str, Any], known))
    return Sighting(found)
