"""Decisions, journals, printed codes and short forms: what eyecite finds."""

import logging
import re
from collections.abc import Callable, Iterator
from functools import cache, lru_cache
from importlib import import_module
from typing import Any, cast

from casemill.steps.citing.found import CitationKind, FoundCitation
from casemill.steps.citing.section_numbers import PINNED_SECTION
from casemill.steps.citing.sighting import Sighting

_KINDS = {
    "FullCaseCitation": CitationKind.FULL_CASE,
    "ShortCaseCitation": CitationKind.SHORT_CASE,
    "FullLawCitation": CitationKind.STATUTE,
    "FullJournalCitation": CitationKind.JOURNAL,
    "SupraCitation": CitationKind.SUPRA,
    "IdCitation": CitationKind.ID,
    "ReferenceCitation": CitationKind.REFERENCE,
}


@cache
def _eyecite() -> Callable[[str], list[Any]]:
    """Imported by who first looks for citations: it takes a second, and most processes never do."""
    helpers: Any = import_module("eyecite.helpers")
    # 20 ms of pure look-up for every citation that names its court, and most name one of few.
    helpers.get_court_by_paren = lru_cache(maxsize=4096)(helpers.get_court_by_paren)
    logging.getLogger("eyecite").setLevel(logging.ERROR)  # its warnings quote the document
    return cast(Callable[[str], list[Any]], import_module("eyecite").get_citations)


def by_eyecite(plain: str) -> Iterator[Sighting]:
    """What eyecite finds, with the ends of its citations put right."""
    # A document of the one word "eyecite" gets a joke for an answer.
    for found in _eyecite()(plain) if plain != "eyecite" else ():
        kind = _KINDS.get(type(found).__name__)
        if kind is None:  # a section sign and nothing else; statutes.py knows what follows it
            continue
        start, end = found.span()
        groups, known = found.groups, found.metadata.__dict__
        pin_cite = known.get("pin_cite")
        normalized = found.corrected_citation()
        reporter = found.corrected_reporter() if groups.get("reporter") else None
        if groups.get("subject"):  # "Cal. Code" is corrected for every one of California's codes
            normalized = found.matched_text()
            reporter = normalized.partition("§")[0]
        if kind is CitationKind.SUPRA:  # the mark before or after the word comes along
            word = re.search(r"[^\W\d_]", plain[start:end])
            start, end = start + (word.start() if word else 0), len(plain[:end].rstrip(',;:”"'))
        if kind is CitationKind.ID and (section := PINNED_SECTION.match(plain, end)):
            end, pin_cite = section.end(), section["pin"]
        if kind is CitationKind.STATUTE and pin_cite and plain.startswith(pin_cite, end):
            end += len(pin_cite)
        sighting = Sighting(
            FoundCitation(
                kind=kind,
                text="",
                start=start,
                end=min(end, len(plain)),
                page=0,
                normalized=(_words(normalized) or "").strip(' ,;:()"“”'),
                volume=_words(groups.get("volume") or groups.get("title") or groups.get("chapter")),
                reporter=_words(reporter),
                cited_page=_words(groups.get("page") or groups.get("section")),
                pin_cite=(_words(pin_cite) or "").removeprefix("at ") or None,
                year=getattr(found, "year", None),
                court=known.get("court"),
                plaintiff=_words(known.get("plaintiff")),
                defendant=_words(known.get("defendant")),
            ),
            name=(known.get("antecedent_guess") or "").strip(" ,.;:()") or None,
        )
        yield sighting


def _words(text: str | None) -> str | None:
    return " ".join(text.split()) or None if text else None
