"""Formulas (OMML, ECMA-376 part 1, 22.1) in a line of text: a fraction's parts are not run together."""

from casemill.extraction.docx.markup import Element
from casemill.extraction.docx.names import q

_VAL = q("m:val")
_BEFORE = {q("m:den"): "/", q("m:sup"): "^", q("m:sub"): "_", q("m:lim"): "_", q("m:rad"): "√"}
_BETWEEN = {q("m:d"): "|", q("m:eqArr"): "\n", q("m:mr"): " ", q("m:func"): " "}
_ROW, _CELL, _DELIMITED, _NARY, _FORMULA = map(q, ("m:mr", "m:e", "m:d", "m:nary", "m:oMath"))

FORMULA_PARTS = frozenset((*_BEFORE, _ROW, _CELL, _DELIMITED, _NARY, _FORMULA))
"""The elements for which `between_formula_parts` has an answer."""


def between_formula_parts(element: Element, *, starts: bool) -> str:
    """What a line of text needs where a part of a formula starts or ends."""
    tag = element.tag
    if tag == _DELIMITED:
        return _set(element, "m:dPr", "m:begChr", "(") if starts else _set(element, "m:dPr", "m:endChr", ")")
    if not starts:
        return ""
    if tag == _NARY:
        return _set(element, "m:naryPr", "m:chr", "∫")
    if tag == _CELL:
        around, before = element.getparent(), element.getprevious()
        if around is None or before is None or before.tag not in (_CELL, q("m:fName")):
            return ""
        return _BETWEEN.get(around.tag, "")
    if tag in (_ROW, _FORMULA):
        before = element.getprevious()
        return "" if before is None or before.tag != tag else "; " if tag == _ROW else "\n"
    return _BEFORE[tag]


def _set(element: Element, properties: str, name: str, usual: str) -> str:
    """A character the formula may choose; absent is the usual one, empty is none."""
    chosen = element.find(f"{q(properties)}/{q(name)}")
    return usual if chosen is None else (chosen.get(_VAL) or "")[:1]
