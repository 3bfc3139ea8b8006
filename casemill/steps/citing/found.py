"""What is told of a citation, as a value and as JSON."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, cast

from pydantic import TypeAdapter


class CitationKind(StrEnum):
    """What a citation refers to, or how. The values are stored."""

    FULL_CASE = "full_case"
    SHORT_CASE = "short_case"
    SUPRA = "supra"
    ID = "id"
    REFERENCE = "reference"  # the name of a case cited before, and a page
    STATUTE = "statute"  # regulations and constitutions too
    RULE = "rule"
    JOURNAL = "journal"
    DOCKET = "docket"  # a case by its docket number, often the document's own
    UNKNOWN = "unknown"  # a section of something that is not named


@dataclass(frozen=True, slots=True)
class FoundCitation:
    """A citation and its place.

    text: as it stands in the document, `document[start:end]`, line and page breaks included.
    page: the document's page it starts on, from 1, by the page breaks before it.
    normalized: the same for every way of writing it, where that is known: "477 U.S. 317".
    volume, reporter, cited_page: of a statute or rule its title, its code and its section.
    pin_cite: the page or subsection that is meant within what is cited.
    resolves_to: place in the list of the full citation that a short form means, where that is certain.
    """

    kind: CitationKind
    text: str
    start: int
    end: int
    page: int
    normalized: str
    volume: str | None = None
    reporter: str | None = None
    cited_page: str | None = None
    pin_cite: str | None = None
    year: int | None = None
    court: str | None = None
    plaintiff: str | None = None
    defendant: str | None = None
    resolves_to: int | None = None


_AS_JSON = TypeAdapter(list[FoundCitation])


def as_json(citations: list[FoundCitation]) -> list[dict[str, Any]]:
    """What `citations_from_json` reads."""
    return cast(list[dict[str, Any]], _AS_JSON.dump_python(citations, mode="json"))


def citations_from_json(told: Any) -> list[FoundCitation]:
    """What `as_json` gave, sent as JSON. Raises pydantic.ValidationError for anything else."""
    return _AS_JSON.validate_python(told)
