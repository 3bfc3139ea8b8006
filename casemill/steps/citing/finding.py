"""All citations of a document, each once and in order.

The text is read a window at a time: eyecite searches all that follows for each case it has found, so that
its time would grow with the square of the text.
"""

import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import replace
from itertools import chain
from typing import Any

from casemill.extraction.contract import PAGE_BREAK
from casemill.steps.citing.dockets import dockets
from casemill.steps.citing.eyecite_reader import by_eyecite
from casemill.steps.citing.found import CitationKind, FoundCitation, as_json
from casemill.steps.citing.resolving import resolved
from casemill.steps.citing.rules import rules
from casemill.steps.citing.sighting import Sighting
from casemill.steps.citing.statutes import federal_codes, other_statutes
from casemill.steps.citing.windows import window_of

MOST_CITATIONS = 20_000
"""A document with more is not read further: a list this long says so by its length."""

_WINDOW = 40_000  # characters, about twenty pages; a case's bare name ("Celotex at 325") is known within one
_MARGIN = 1_000  # characters read on both sides: more than the longest citation with its case name
_SOURCES = (federal_codes, by_eyecite, other_statutes, rules, dockets)


def citations_in(text: str, *, most: int = MOST_CITATIONS) -> list[FoundCitation]:
    """The citations of a document in the order in which they stand, the first `most` of them.

    Each docket number is given once, where it first stands: courts print them on every page.
    """
    breaks = [found.start() for found in re.finditer(PAGE_BREAK, text)]
    sightings: list[Sighting] = []
    known: set[str] = set()
    for sighting in _sightings(text):
        if sighting.found.kind is CitationKind.DOCKET:
            if sighting.found.normalized in known:
                continue
            known.add(sighting.found.normalized)
        start, end = sighting.found.start, sighting.found.end
        found = replace(sighting.found, text=text[start:end], page=bisect_right(breaks, start) + 1)
        sightings.append(replace(sighting, found=found))
        if len(sightings) == most:
            break
    return resolved(sightings)


def citations_as_json(text: str) -> list[dict[str, Any]]:
    """`citations_in` for a process that is asked in JSON."""
    return as_json(citations_in(text))


def _sightings(text: str) -> Iterator[Sighting]:
    """All citations, in order, each found once: by the window in whose core it starts."""
    for start in range(0, len(text), _WINDOW):
        stop = min(start + _WINDOW, len(text))
        window = window_of(text, max(start - _MARGIN, 0), min(stop + _MARGIN, len(text)))
        for sighting in _seen_in(window.plain) if window.plain else ():
            place = window.span(sighting.found.start, sighting.found.end)
            if start <= place[0] < stop:
                yield replace(sighting, found=replace(sighting.found, start=place[0], end=place[1]))


def _seen_in(plain: str) -> list[Sighting]:
    """What is found in `plain`, by places there. Where two overlap, the first source is right:

    eyecite takes the 240 of "17 C.F.R. § 240.10b-5" for a section, so that federal codes are ours.
    """
    taken = bytearray(len(plain))
    seen: list[Sighting] = []
    for sighting in chain(*(source(plain) for source in _SOURCES)):
        start, end = sighting.found.start, sighting.found.end
        if not any(taken[start:end]):
            taken[start:end] = b"\1" * (end - start)
            seen.append(sighting)
    return sorted(seen, key=lambda each: each.found.start)
