"""Word's characters to plain text: field codes go, marks become tabs and newlines."""

import re

ROW_END = "\x06"
"""Stands for a row's end while text is put together; in the file it looks like a cell's end."""
NOTHING = "\x00"
"""Stands for a character that is not part of the text, so that the ones behind it keep their places."""

KEPT_MARKS = "\x07\x13\x14\x15"
"""What structures the text even where it is deleted: cells and fields, which must stay in balance."""

_BEGIN, _SEPARATOR, _END = "\x13", "\x14", "\x15"
_FIELD_MARK = re.compile("[\x13\x14\x15]")
_SURROGATE = re.compile("[\ud800-\udfff]")

_CHARACTERS = {
    **dict.fromkeys(range(0x20)),  # pictures, drawings, references, and what has no meaning
    0x07: "\t",
    0x09: "\t",
    0x0A: "\n",
    0x0B: "\n",
    0x0C: "\n",
    0x0D: "\n",
    0x0E: "\n",
    0x1E: "-",
    ord(ROW_END): "\n",
}
"""[MS-DOC] 2.4.1 and sprmCFSpec in 2.6.1: 0x0B breaks a line, 0x0C a page or section, 0x0E a column; 0x1E is
a hyphen that does not break, 0x1F (dropped) one that may."""


def plain_text(text: str) -> str:
    """A story as it reads on paper. Hidden text stays: it is the author's, and a search should find it."""
    shown = _without_field_codes(text).replace(NOTHING, "").replace("\x07" + ROW_END, ROW_END)
    shown = shown.translate(_CHARACTERS)
    if _SURROGATE.search(shown):
        shown = shown.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return shown


def _without_field_codes(text: str) -> str:
    """Fields reduced to their results: begin code [separator result] end, nested in code and in result.

    [MS-DOC] 2.8.25 Plcfld. Marks without a counterpart are no fields, so that a damaged one does not
    swallow the rest of its story.
    """
    separators: dict[int, int] = {}  # from a complete field's beginning to where its code ends
    complete: dict[int, int] = {}  # from a complete field's beginning to its end
    opened: list[int] = []
    for mark in _FIELD_MARK.finditer(text):
        if mark.group() == _BEGIN:
            opened.append(mark.start())
        elif opened and mark.group() == _SEPARATOR:
            separators.setdefault(opened[-1], mark.start())
        elif opened and mark.group() == _END:
            complete[opened.pop()] = mark.start()
    shown: list[str] = []
    position = 0
    while (mark := _FIELD_MARK.search(text, position)) is not None:
        shown.append(text[position : mark.start()])
        position = mark.end()
        if mark.start() in complete:
            position = separators.get(mark.start(), complete[mark.start()]) + 1
    shown.append(text[position:])
    return "".join(shown)
