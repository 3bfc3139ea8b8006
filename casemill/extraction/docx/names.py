"""The qualified names of what Word writes (ECMA-376 part 1, transitional)."""

from functools import cache

_OOXML = "http://schemas.openxmlformats.org/"
_MICROSOFT = "http://schemas.microsoft.com/office/"

_NAMESPACES = {
    "w": _OOXML + "wordprocessingml/2006/main",
    "w14": _MICROSOFT + "word/2010/wordml",
    "a": _OOXML + "drawingml/2006/main",
    "c": _OOXML + "drawingml/2006/chart",
    "cx": _MICROSOFT + "drawing/2014/chartex",
    "dgm": _OOXML + "drawingml/2006/diagram",
    "pic": _OOXML + "drawingml/2006/picture",
    "wp": _OOXML + "drawingml/2006/wordprocessingDrawing",
    "wps": _MICROSOFT + "word/2010/wordprocessingShape",
    "m": _OOXML + "officeDocument/2006/math",
    "mc": _OOXML + "markup-compatibility/2006",
    "r": _OOXML + "officeDocument/2006/relationships",
    "v": "urn:schemas-microsoft-com:vml",
}


@cache
def q(name: str) -> str:
    """`w:p` as lxml spells it: `{namespace}p`."""
    prefix, local = name.split(":")
    return f"{{{_NAMESPACES[prefix]}}}{local}"


def is_on(value: str | None, *, absent: bool = True) -> bool:
    """An on/off attribute (ST_OnOff)."""
    return absent if value is None else value.lower() not in ("0", "false", "off")


TEXTS = frozenset(map(q, ("w:t", "a:t", "m:t")))
"""Hold the text itself."""

GONE = frozenset(map(q, ("w:del", "w:moveFrom", "w14:conflictDel")))
"""Hold what tracked changes took away."""

DESCRIBED = {q(name): ("title", "descr") for name in ("wp:docPr", "pic:cNvPr", "wps:cNvPr")} | {
    q(name): ("title", "alt")
    for name in ("v:shape", "v:rect", "v:roundrect", "v:oval", "v:group", "v:line", "v:polyline")
}
"""Pictures and shapes, with the attributes that describe them in words."""

GRAPHICS = {q("c:chart"): q("r:id"), q("cx:chart"): q("r:id"), q("dgm:relIds"): q("r:dm")}
"""Drawings kept in a part of their own, with the attribute that names the relationship."""
