"""The numbers Word puts before paragraphs of a list. They are not stored, only the rules to count them."""

import re
from dataclasses import dataclass, field

from casemill.extraction.docx.markup import Element
from casemill.extraction.docx.names import is_on, q

_VAL = q("w:val")
_LEVELS = 9
_MOST_LETTERS = 30
_LONGEST_PATTERN = 100  # a label is repeated for every paragraph, so a long one would be a bomb
_ROMAN = (
    (1000, "m"), (900, "cm"), (500, "d"), (400, "cd"), (100, "c"), (90, "xc"),
    (50, "l"), (40, "xl"), (10, "x"), (9, "ix"), (5, "v"), (4, "iv"), (1, "i"),
)  # fmt: skip
_SUFFIXES = {"space": " ", "nothing": ""}


@dataclass(frozen=True, slots=True)
class _Level:
    start: int = 1
    style: str = "decimal"
    pattern: str = ""
    suffix: str = "\t"
    legal: bool = False  # all numbers in it are shown as decimals


@dataclass(slots=True)
class _List:
    """One w:num: which abstract list it counts on, and where it deviates from it."""

    abstract: str
    starts: dict[int, int] = field(default_factory=dict[int, int])
    levels: dict[int, _Level] = field(default_factory=dict[int, _Level])


@dataclass(frozen=True, slots=True)
class _Style:
    based_on: str | None
    number: str | None
    level: int | None


class Numbering:
    """Counts through a document's lists. Bullets are not text and get no label."""

    def __init__(self, numbering: Element, styles: Element | None) -> None:
        self._abstract: dict[str, dict[int, _Level]] = {}
        self._linked: dict[str, str] = {}  # abstract list -> the style whose list it stands for
        self._level_of_style: dict[tuple[str, str], int] = {}
        self._lists: dict[str, _List] = {}
        self._styles = _styles(styles)
        self._counts: dict[str, list[int | None]] = {}
        self._begun: set[tuple[str, int]] = set()
        for abstract in numbering.findall(q("w:abstractNum")):
            self._read_abstract(abstract)
        for number in numbering.findall(q("w:num")):
            self._read_list(number)

    def label(self, style: str | None, own: Element | None) -> str:
        """What stands before the next paragraph with this style and this w:numPr ("" for nothing)."""
        number, level = self._place(style, own)
        found = self._lists.get(number or "")
        if found is None:
            return ""
        abstract = self._resolved(found.abstract)
        if level is None:
            level = self._level_of_style.get((abstract, style or ""), 0)
        levels = self._abstract.get(abstract, {}) | found.levels
        if level not in levels:
            return ""
        self._count(abstract, number or "", found, level, levels)
        return self._shown(abstract, level, levels)

    def _place(self, style: str | None, own: Element | None) -> tuple[str | None, int | None]:
        number, level = _number_and_level(own)
        seen: set[str] = set()
        while style in self._styles and style not in seen and (number is None or level is None):
            seen.add(style)
            inherited = self._styles[style]
            number = inherited.number if number is None else number
            level = inherited.level if level is None else level
            style = inherited.based_on
        return number, level

    def _resolved(self, abstract: str) -> str:
        """An abstract list that only names a style stands for the list of that style."""
        style = self._styles.get(self._linked.get(abstract, ""))
        target = self._lists.get(style.number or "") if style else None
        return target.abstract if target else abstract

    def _count(self, abstract: str, number: str, found: _List, level: int, levels: dict[int, _Level]) -> None:
        counts = self._counts.setdefault(abstract, [None] * _LEVELS)
        before = counts[level]
        if level in found.starts and (number, level) not in self._begun:
            self._begun.add((number, level))
            counts[level] = found.starts[level]
        else:
            counts[level] = levels[level].start if before is None else before + 1
        for above in range(level):
            if counts[above] is None:
                counts[above] = levels[above].start if above in levels else 1
        counts[level + 1 :] = [None] * (_LEVELS - level - 1)

    def _shown(self, abstract: str, level: int, levels: dict[int, _Level]) -> str:
        shape = levels[level]
        if shape.style == "bullet" or not shape.pattern:
            return ""
        counts = self._counts[abstract]

        def number(place: re.Match[str]) -> str:
            at = int(place.group(1)) - 1
            style = levels[at].style if at in levels else "decimal"
            return _spelled(counts[at] or 0, "decimal" if shape.legal and style != "none" else style)

        return re.sub(r"%([1-9])", number, shape.pattern) + shape.suffix

    def _read_abstract(self, abstract: Element) -> None:
        key = abstract.get(q("w:abstractNumId")) or ""
        levels = self._abstract[key] = {}
        link = _value(abstract, "w:numStyleLink")
        if link:
            self._linked[key] = link
        for element in abstract.findall(q("w:lvl")):
            level = _integer(element.get(q("w:ilvl")))
            if level is not None and 0 <= level < _LEVELS:
                levels[level] = _level(element)
                style = _value(element, "w:pStyle")
                if style:
                    self._level_of_style[key, style] = level

    def _read_list(self, number: Element) -> None:
        found = _List(_value(number, "w:abstractNumId") or "")
        for override in number.findall(q("w:lvlOverride")):
            level = _integer(override.get(q("w:ilvl")))
            if level is None or not 0 <= level < _LEVELS:
                continue
            start = _integer(_value(override, "w:startOverride"))
            if start is not None:
                found.starts[level] = start
            shape = override.find(q("w:lvl"))
            if shape is not None:
                found.levels[level] = _level(shape)
        self._lists[number.get(q("w:numId")) or ""] = found


def _level(element: Element) -> _Level:
    legal = element.find(q("w:isLgl"))
    start = _integer(_value(element, "w:start"))
    return _Level(
        start=1 if start is None else start,
        style=_value(element, "w:numFmt") or "decimal",
        pattern=(_value(element, "w:lvlText") or "")[:_LONGEST_PATTERN],
        suffix=_SUFFIXES.get(_value(element, "w:suff") or "", "\t"),
        legal=legal is not None and is_on(legal.get(_VAL)),
    )


def _styles(root: Element | None) -> dict[str, _Style]:
    styles: dict[str, _Style] = {}
    for style in root.findall(q("w:style")) if root is not None else ():
        number, level = _number_and_level(style.find(f"{q('w:pPr')}/{q('w:numPr')}"))
        styles[style.get(q("w:styleId")) or ""] = _Style(_value(style, "w:basedOn"), number, level)
    return styles


def _number_and_level(properties: Element | None) -> tuple[str | None, int | None]:
    if properties is None:
        return None, None
    level = _integer(_value(properties, "w:ilvl"))
    return _value(properties, "w:numId"), level if level is not None and 0 <= level < _LEVELS else None


def _value(element: Element, child: str) -> str | None:
    found = element.find(q(child))
    return None if found is None else found.get(_VAL)


def _integer(value: str | None) -> int | None:
    if value is None or not re.fullmatch(r"[+-]?[0-9]{1,9}", value):
        return None
    return int(value)


def _spelled(number: int, style: str) -> str:
    """A number in one of the styles of ST_NumberFormat; those of single languages are shown as decimals."""
    match style:
        case "none":
            return ""
        case "lowerRoman" | "upperRoman" if 0 < number < 5000:
            text = ""
            for value, letters in _ROMAN:
                text += letters * (number // value)
                number %= value
            return text.upper() if style == "upperRoman" else text
        case "lowerLetter" | "upperLetter" if 0 < number <= 26 * _MOST_LETTERS:
            text = chr(ord("a") + (number - 1) % 26) * ((number - 1) // 26 + 1)
            return text.upper() if style == "upperLetter" else text
        case "decimalZero":
            return f"{number:02}"
        case "ordinal":
            teens = 10 <= number % 100 <= 20
            return f"{number}{'th' if teens else {1: 'st', 2: 'nd', 3: 'rd'}.get(number % 10, 'th')}"
        case _:
            return str(number)
