"""Statutes, regulations and constitutions."""

import re
from collections.abc import Iterator

from casemill.steps.citing.found import CitationKind
from casemill.steps.citing.section_numbers import NUMBER, numbers_from
from casemill.steps.citing.sighting import Sighting, sighted

_FEDERAL_CODE = re.compile(
    r"(?<![\w.])(?P<title>\d{1,2}) ?"
    r"(?P<code>U\. ?S\. ?C\.(?: ?[AS]\.)?|USC[AS]?|C\. ?F\. ?R\.|CFR)"
    rf"(?P<plural> ?§§| [Ss]ecs\.| [Ss]ections| [Pp]arts)?(?: ?§| [Ss]ec(?:tion|\.)| [Pp]art)? ?{NUMBER}"
)
_STATE_CODE = re.compile(
    r"\b(?P<code>(?:[A-Z][A-Za-z.&]{0,20} (?:of )?){1,5}"
    r"(?:Code|CODE|Stat\.|STAT\.|Statutes|Law|Laws|LAW|Ann\.|ANN\.|Act))"
    rf",? §{{1,2}} ?{NUMBER}"
)
_SIGNALS = re.compile(r"(?:(?:See|Cf\.|Under|The|And|But|Because|In|By|Of|To|Both|That|This|Also) )*")
_NEW_YORK_PRACTICE = re.compile(rf"\b(?:N\. ?Y\. ?)?(?:C\.P\.L\.R\.|CPLR) (?:§ ?|[Rr]ule )?{NUMBER}")
_CONSTITUTION = re.compile(
    r"\b(?P<of>U\. ?S\. ?|(?:[A-Z][a-z]{1,5}\. ){1,2})(?:Const|CONST)\.,? "
    r"(?P<part>amends?|art|AMENDS?|ART)\. ?(?P<rest>(?:[IVXLC]+|\d+)(?:, (?:§|cl\.) ?\d+){0,3})"
)
_BARE_SECTION = re.compile(rf"(?<!\w)§{{1,2}} ?{NUMBER}")


def federal_codes(plain: str) -> Iterator[Sighting]:
    """Sections of the United States Code and the Code of Federal Regulations, lists of them too."""
    for found in _FEDERAL_CODE.finditer(plain):
        code = "C.F.R." if found["code"].startswith("C") else "U.S.C."
        for place, number in numbers_from(plain, found, bool(found["plural"])):
            yield _statute(place, f"{found['title']} {code} §", number, volume=found["title"], reporter=code)


def other_statutes(plain: str) -> Iterator[Sighting]:
    """Codes not in eyecite's list, constitutions, and sections by themselves."""
    for found in _STATE_CODE.finditer(plain):
        signals = _SIGNALS.match(found["code"])
        code = found["code"][signals.end() if signals else 0 :]
        if " " in code:  # else "the Act § 5"
            place = (found.end("code") - len(code), found.end())
            yield _statute(place, f"{code} §", found, reporter=code)
    for found in _NEW_YORK_PRACTICE.finditer(plain):
        yield _statute(found.span(), "N.Y. C.P.L.R.", found, reporter="N.Y. C.P.L.R.")
    for found in _CONSTITUTION.finditer(plain):
        of = "U.S." if found["of"].replace(" ", "") == "U.S." else found["of"].strip()
        part = f"{found['part'].lower()}. {found['rest']}"
        name = f"{of} Const."
        yield sighted(CitationKind.STATUTE, found.span(), f"{name} {part}", reporter=name, cited_page=part)
    for found in _BARE_SECTION.finditer(plain):
        yield _statute(found.span(), "§", found, kind=CitationKind.UNKNOWN)


def _statute(
    place: tuple[int, int],
    named: str,
    number: re.Match[str],
    *,
    kind: CitationKind = CitationKind.STATUTE,
    volume: str | None = None,
    reporter: str | None = None,
) -> Sighting:
    return sighted(
        kind,
        place,
        f"{named} {number['number']}",
        volume=volume,
        reporter=reporter,
        cited_page=number["number"],
        pin_cite=number["pin"] or None,
    )
