"""What a legal text cites, with the exact place of every citation in the document.

eyecite finds decisions, statutes by their printed names, journals, and short forms (`id.`, `supra`).
Court papers also cite what it leaves out: rules of court (`FRAP 12(a)`), codes without a section sign
(`28 U.S.C. 1291`), constitutions, sections of a statute named before (`§ 1983`), and cases by docket
number. Those are found here, by patterns that need a label before the number, so that telephone numbers,
dates, post codes and clauses of a contract are not taken for one.

The text is read a window at a time: eyecite searches all that follows for each case it has found, so that
its time would grow with the square of the text.
"""

import logging
import re
from bisect import bisect_right
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cache, lru_cache
from importlib import import_module
from itertools import chain
from typing import Any, cast

from pydantic import TypeAdapter

from casemill.extraction.contract import PAGE_BREAK

MOST_CITATIONS = 20_000
"""A document with more is not read further: a list this long says so by its length."""

_WINDOW = 40_000  # characters, about twenty pages; a case's bare name ("Celotex at 325") is known within one
_MARGIN = 1_000  # characters read on both sides: more than the longest citation with its case name
_LONGEST_WORD = 200  # longer ones are read in parts: some patterns take quadratic time for a word
_REMEMBERED = 1_000  # cases back that a short form may refer to
_LONGEST_OPINION = 150  # pages; `id. at 900` does not mean a case that starts at page 100
_PARALLEL = 80  # characters between two citations of one case: "477 U.S. 317, 323, 106 S. Ct. 2548"


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


def citations_in(text: str, *, most: int = MOST_CITATIONS) -> list[FoundCitation]:
    """The citations of a document in the order in which they stand, the first `most` of them.

    Each docket number is given once, where it first stands: courts print them on every page.
    """
    breaks = [found.start() for found in re.finditer(PAGE_BREAK, text)]
    sightings: list[_Sighting] = []
    dockets: set[str] = set()
    for sighting in _sightings(text):
        if sighting.found.kind is CitationKind.DOCKET:
            if sighting.found.normalized in dockets:
                continue
            dockets.add(sighting.found.normalized)
        start, end = sighting.found.start, sighting.found.end
        found = replace(sighting.found, text=text[start:end], page=bisect_right(breaks, start) + 1)
        sightings.append(replace(sighting, found=found))
        if len(sightings) == most:
            break
    return _resolved(sightings)


def citations_as_json(text: str) -> list[dict[str, Any]]:
    """`citations_in` for a process that is asked in JSON."""
    return cast(list[dict[str, Any]], _AS_JSON.dump_python(citations_in(text), mode="json"))


def citations_from_json(told: Any) -> list[FoundCitation]:
    """What `citations_as_json` said. Raises pydantic.ValidationError for anything else."""
    return _AS_JSON.validate_python(told)


@dataclass(frozen=True, slots=True)
class _Sighting:
    """A citation before it is known what its short form means. `name` is what that calls the case."""

    found: FoundCitation
    name: str | None = None


# --- Reading the text in windows ---

_WORD = re.compile(rf"[^\s\u00ad\u200b-\u200d\u2060\ufeff]{{1,{_LONGEST_WORD}}}")
_BLANK_LINE = re.compile(r"\n[ \t\r]*\n")


@dataclass(frozen=True, slots=True)
class _Window:
    """A stretch of the document with single spaces, and where its words stand in the document."""

    plain: str
    starts: list[int]  # of each word in `plain`
    origins: list[int]  # of the same word in the document

    def origin(self, at: int) -> int:
        word = bisect_right(self.starts, at) - 1
        return self.origins[word] + at - self.starts[word]

    def span(self, start: int, end: int) -> tuple[int, int]:
        """A place of `plain` in the document; spaces at its ends are left out."""
        while start < end - 1 and self.plain[start].isspace():
            start += 1
        while end > start and self.plain[end - 1].isspace():
            end -= 1
        return self.origin(start), self.origin(end - 1) + 1


def _window(text: str, start: int, stop: int) -> _Window:
    """Line and page breaks become spaces, invisible characters nothing; a blank line ends a sentence."""
    parts: list[str] = []
    starts: list[int] = []
    origins: list[int] = []
    length, last = 0, start
    for word in _WORD.finditer(text, start, stop):
        gap = text[last : word.start()]
        if starts and (not gap or any(character.isspace() for character in gap)):
            parts.append("\n" if _BLANK_LINE.search(gap) else " ")
            length += 1
        starts.append(length)
        origins.append(word.start())
        parts.append(word[0])
        length += len(word[0])
        last = word.end()
    return _Window("".join(parts), starts, origins)


def _sightings(text: str) -> Iterator[_Sighting]:
    """All citations, in order, each found once: by the window in whose core it starts."""
    for start in range(0, len(text), _WINDOW):
        stop = min(start + _WINDOW, len(text))
        window = _window(text, max(start - _MARGIN, 0), min(stop + _MARGIN, len(text)))
        for sighting in _seen_in(window.plain) if window.plain else ():
            place = window.span(sighting.found.start, sighting.found.end)
            if start <= place[0] < stop:
                yield replace(sighting, found=replace(sighting.found, start=place[0], end=place[1]))


def _seen_in(plain: str) -> list[_Sighting]:
    """What is found in `plain`, by places there. Where two overlap, the first source is right:

    eyecite takes the 240 of "17 C.F.R. § 240.10b-5" for a section, so that federal codes are ours.
    """
    taken = bytearray(len(plain))
    seen: list[_Sighting] = []
    for sighting in chain(*(source(plain) for source in _SOURCES)):
        start, end = sighting.found.start, sighting.found.end
        if not any(taken[start:end]):
            taken[start:end] = b"\1" * (end - start)
            seen.append(sighting)
    return sorted(seen, key=lambda each: each.found.start)


def _sighted(kind: CitationKind, place: tuple[int, int], normalized: str, **known: str | None) -> _Sighting:
    found = FoundCitation(kind, "", *place, 0, normalized, **cast(dict[str, Any], known))
    return _Sighting(found)


# --- Decisions, journals, printed codes and short forms: eyecite ---

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


def _by_eyecite(plain: str) -> Iterator[_Sighting]:
    # A document of the one word "eyecite" gets a joke for an answer.
    for found in _eyecite()(plain) if plain != "eyecite" else ():
        kind = _KINDS.get(type(found).__name__)
        if kind is None:  # a section sign and nothing else; the patterns below know what follows it
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
        if kind is CitationKind.ID and (section := _PINNED_SECTION.match(plain, end)):
            end, pin_cite = section.end(), section["pin"]
        if kind is CitationKind.STATUTE and pin_cite and plain.startswith(pin_cite, end):
            end += len(pin_cite)
        sighting = _Sighting(
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


# --- Statutes, regulations and constitutions ---

_SUB = r"(?:\((?:\d{1,3}|[A-Za-z]{1,5})\))"
_SECTION = r"\d{1,5}[A-Za-z]{0,3}(?:[.:-]\d{1,5}[a-z]{0,2}){0,4}"
_NUMBER = rf"(?P<number>{_SECTION})(?P<pin>{_SUB}*)(?![\w%])"
_PINNED_SECTION = re.compile(rf" (?P<pin>§{{1,2}} ?{_SECTION}{_SUB}*)")
_ANY_NUMBER = re.compile(_NUMBER)
_AND = re.compile(r",? (?:and |or |& )?")
_IS_VOLUME = re.compile(r" (?:[A-Z][A-Za-z.]* ?){1,4}\d")
_FEDERAL_CODE = re.compile(
    r"(?<![\w.])(?P<title>\d{1,2}) ?"
    r"(?P<code>U\. ?S\. ?C\.(?: ?[AS]\.)?|USC[AS]?|C\. ?F\. ?R\.|CFR)"
    rf"(?P<plural> ?§§| [Ss]ecs\.| [Ss]ections| [Pp]arts)?(?: ?§| [Ss]ec(?:tion|\.)| [Pp]art)? ?{_NUMBER}"
)
_STATE_CODE = re.compile(
    r"\b(?P<code>(?:[A-Z][A-Za-z.&]{0,20} (?:of )?){1,5}"
    r"(?:Code|CODE|Stat\.|STAT\.|Statutes|Law|Laws|LAW|Ann\.|ANN\.|Act))"
    rf",? §{{1,2}} ?{_NUMBER}"
)
_SIGNALS = re.compile(r"(?:(?:See|Cf\.|Under|The|And|But|Because|In|By|Of|To|Both|That|This|Also) )*")
_NEW_YORK_PRACTICE = re.compile(rf"\b(?:N\. ?Y\. ?)?(?:C\.P\.L\.R\.|CPLR) (?:§ ?|[Rr]ule )?{_NUMBER}")
_CONSTITUTION = re.compile(
    r"\b(?P<of>U\. ?S\. ?|(?:[A-Z][a-z]{1,5}\. ){1,2})(?:Const|CONST)\.,? "
    r"(?P<part>amends?|art|AMENDS?|ART)\. ?(?P<rest>(?:[IVXLC]+|\d+)(?:, (?:§|cl\.) ?\d+){0,3})"
)
_BARE_SECTION = re.compile(rf"(?<!\w)§{{1,2}} ?{_NUMBER}")


def _federal_codes(plain: str) -> Iterator[_Sighting]:
    for found in _FEDERAL_CODE.finditer(plain):
        code = "C.F.R." if found["code"].startswith("C") else "U.S.C."
        for place, number in _numbers(plain, found, bool(found["plural"])):
            yield _statute(place, f"{found['title']} {code} §", number, volume=found["title"], reporter=code)


def _other_statutes(plain: str) -> Iterator[_Sighting]:
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
        yield _sighted(CitationKind.STATUTE, found.span(), f"{name} {part}", reporter=name, cited_page=part)
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
) -> _Sighting:
    return _sighted(
        kind,
        place,
        f"{named} {number['number']}",
        volume=volume,
        reporter=reporter,
        cited_page=number["number"],
        pin_cite=number["pin"] or None,
    )


def _numbers(
    plain: str, found: re.Match[str], is_list: bool
) -> Iterator[tuple[tuple[int, int], re.Match[str]]]:
    """All of "§§ 1331 and 1343", "Rules 401, 402 and 403" or "FRAP 12(a), 32(a)", each with its place.

    What may also be a volume, as in "Rule 56(a), 477 U.S. 317", ends the list.
    """
    number, start = found, found.start()
    while True:
        yield (start, number.end()), number
        joint = _AND.match(plain, number.end())
        following = _ANY_NUMBER.match(plain, joint.end()) if joint and joint[0].strip() else None
        if following is None or _IS_VOLUME.match(plain, following.end()):
            return
        if not is_list and not following["pin"]:
            return
        number, start = following, following.start()


# --- Rules of court ---

_FEDERAL_RULES = {
    "Fed. R. Civ. P.": r"(?i:Fed\. ?R\. ?Civ\. ?P(?:roc)?\b\.?|F\.R\.(?:Civ\.|C\.)P\.)|FRCP"
    r"|Federal Rules? of Civil Procedure",
    "Fed. R. App. P.": r"(?i:Fed\. ?R\. ?App\. ?P(?:roc)?\b\.?|F\.R\.(?:App\.|A\.)P\.)|FRAP"
    r"|Federal Rules? of Appellate Procedure",
    "Fed. R. Crim. P.": r"(?i:Fed\. ?R\. ?Crim\. ?P(?:roc)?\b\.?)|FRCrP"
    r"|Federal Rules? of Criminal Procedure",
    "Fed. R. Bankr. P.": r"(?i:Fed\. ?R\. ?Bankr\. ?P(?:roc)?\b\.?)|FRBP"
    r"|Federal Rules? of Bankruptcy Procedure",
    "Fed. R. Evid.": r"(?i:Fed\. ?R\. ?Evid\.)|F\.R\.E\.|FRE|Federal Rules? of Evidence",
}
_CIRCUIT = (
    r"(?:1st|2n?d|3r?d|[4-9]th|1[01]th|D\.C\.|Fed(?:\.|eral)"
    r"|First|Second|Third|Fourth|Fifth|Sixth|Seventh|Eighth|Ninth|Tenth|Eleventh)"
)
_OTHER_RULES = (
    rf"{_CIRCUIT} Cir(?:\.|cuit) (?:R\.|Rules?|L\. ?A\. ?R\.|LAR|I\.O\.P\.)(?: Misc\.)?",
    r"(?:[NSEWMC]\. ?D\. |D\. )(?:[A-Z][a-z]+\. )(?:Civ\. |Crim\. )?(?:L\. ?)?R\.",
    r"Local (?:Civil |Criminal |Bankruptcy |Appellate |Patent )?Rules?",
    r"Loc\. R\.|L\. ?R\.|L\. ?Civ\. ?R\.|LRCiv",
    r"(?:[A-Z][a-z]{1,5}\. )(?:R\. ?(?:Civ|Crim|App|Evid)\.(?: ?P\.)?|Sup\. ?Ct\. ?R\.)",
    r"S(?:up)?\. ?Ct\. ?R\.|Supreme Court Rules?",
)
_RULE = re.compile(
    r"(?<![\w.])(?P<name>"
    + "|".join(f"(?P<federal{place}>{pattern})" for place, pattern in enumerate(_FEDERAL_RULES.values()))
    + rf"|{'|'.join(_OTHER_RULES)}|(?P<bare>Rules?))(?: Rules?)? {_NUMBER}"
)
_CERTAINLY_A_RULE = re.compile(r"\d{2,4}\b|\d+[a-z]?[.(-]")
"""What may follow the bare word Rule. "Rule 1" may be anybody's."""


def _rules(plain: str) -> Iterator[_Sighting]:
    for found in _RULE.finditer(plain):
        if found["bare"] and not _CERTAINLY_A_RULE.match(plain, found.start("number")):
            continue
        name = next(
            (name for place, name in enumerate(_FEDERAL_RULES) if found[f"federal{place}"]),
            "Rule" if found["bare"] else found["name"],
        )
        for place, number in _numbers(plain, found, "Rules" in found[0]):
            section, pin = number["number"], number["pin"]
            yield _sighted(
                CitationKind.RULE,
                place,
                f"{name} {section}{pin}",
                reporter=name,
                cited_page=section,
                pin_cite=pin or None,
            )


# --- Docket numbers ---

_JUDGES = r"(?:-[A-Z]{2,5}){0,4}"
_DOCKET = re.compile(
    # 2:15-cv-01739-DGC, 17-cv-6761, 2-15-cv-00180
    rf"(?<![\w-])(?P<full>(?:\d{{1,2}}[:-])?\d{{2}}-(?i:cv|cr|md|ml|mc|mj|bk|ap|po|cm|civ|misc)-\d{{3,6}}{_JUDGES})"
    # MDL 15-02641-PHX-DGC, MDL No. 2641
    rf"|\bMDL (?:No\. ?)?(?P<mdl>\d{{2}}-\d{{3,6}}{_JUDGES}|\d{{3,4}})"
    # Case: 17-2678, Docket #: 17-3510, Originating Case No. : 16-0556
    r"|\b(?:Case|Docket|Appeal|Civil Action|Cause)(?: Nos?\.| Number)? ?[#:]{0,2}:? ?"
    rf"(?P<labelled>\d{{2}}-\d{{3,6}}{_JUDGES})"
    # No. 17-2678
    rf"|(?:\b(?P<before>[A-Za-z]+)\.? )?\bNos?\. ?(?P<number>\d{{2}}-\d{{3,6}}{_JUDGES})"
    r"|\bdocketed as (?:number )?(?P<docketed>\d{2}-\d{3,6})"
)
_AFTER_DOCKET = re.compile(r"(?![\w-]|\.\d)")
_OF_SOMETHING_ELSE = re.compile(
    r"(?i:account|article|batch|bates|bill|box|check|claim|contract|deed|ex|exhibit|fax|file|form|id|invoice"
    r"|item|lot|model|order|page|parcel|part|patent|permit|phone|policy|purchase|regist\w+|report|serial|tel"
    r"|unit|voucher)"
)
"""What a "No." may count that is no case."""


def _dockets(plain: str) -> Iterator[_Sighting]:
    for found in _DOCKET.finditer(plain):
        if not _AFTER_DOCKET.match(plain, found.end()) or _OF_SOMETHING_ELSE.fullmatch(found["before"] or ""):
            continue
        start = found.start() + (len(found["before"]) if found["before"] else 0)
        while not plain[start].isalnum():
            start += 1
        number = next(each for each in found.group("full", "mdl", "labelled", "number", "docketed") if each)
        named = f"MDL No. {number}" if found["mdl"] else f"No. {number}"
        yield _sighted(CitationKind.DOCKET, (start, found.end()), named, cited_page=number)


_SOURCES = (_federal_codes, _by_eyecite, _other_statutes, _rules, _dockets)


# --- What short forms mean ---


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

    def read(self, place: int, sighting: _Sighting) -> FoundCitation:
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


def _resolved(sightings: list[_Sighting]) -> list[FoundCitation]:
    resolver = _Resolver()
    return [resolver.read(place, sighting) for place, sighting in enumerate(sightings)]
