"""A document's text, story by story."""

import struct
from collections.abc import Sequence
from itertools import accumulate, pairwise

from casemill.extraction.doc.fib import Fib, Story
from casemill.extraction.doc.formatting import Mark, MarkedBytes, Marks, is_deleted
from casemill.extraction.doc.pieces import Piece, decode_piece
from casemill.extraction.doc.plain import KEPT_MARKS, NOTHING, ROW_END, plain_text

_SEPARATORS = 6
"""Stories before the first section's headers: the lines between text and notes."""

_READING_ORDER = (
    Story.BODY,
    Story.FOOTNOTES,
    Story.ENDNOTES,
    Story.COMMENTS,
    Story.TEXT_BOXES,
    Story.HEADERS,
    Story.HEADER_TEXT_BOXES,
)


def whole_text(document: bytes, pieces: list[Piece], marks: Sequence[Marks], *, is_old: bool) -> str:
    """All characters in order, each at its own place: what is not shown is NOTHING."""
    text = "".join(_piece_text(document, piece, marks, is_old=is_old) for piece in pieces)
    # The paragraphs of Word 6 and 95 are not read. A row's end follows that of its last cell.
    return text.replace("\x07\x07", "\x07" + ROW_END) if is_old else text


def _piece_text(document: bytes, piece: Piece, marks: Sequence[Marks], *, is_old: bool) -> str:
    text = decode_piece(piece, document, is_old=is_old)
    if is_deleted(piece.formatting, is_old=is_old):
        text = _blank(text)
    for kind in marks:
        text = _marked(text, piece, kind)
    return text


def _marked(text: str, piece: Piece, marks: Marks) -> str:
    parts: list[str] = []
    position = 0
    for stretch in marks.within(piece.offset, piece.offset + len(text) * piece.width):
        begin = max(position, (stretch.start - piece.offset) // piece.width)
        end = max(begin, min(len(text), (stretch.end - piece.offset) // piece.width))
        parts += text[position:begin], _apply(stretch, text[begin:end])
        position = end
    return "".join(parts) + text[position:]


def _apply(stretch: MarkedBytes, text: str) -> str:
    match stretch.mark:
        case Mark.DELETED:
            return _blank(text)
        case Mark.SYMBOL:
            return text.replace("(", stretch.symbol)
        case Mark.ROW_END:
            return text.replace("\x07", ROW_END)


def _blank(text: str) -> str:
    return "".join(character if character in KEPT_MARKS else NOTHING for character in text)


def read_stories(text: str, fib: Fib, header_table: bytes) -> str:
    """The stories as one text, in the order a reader meets them; each header and footer once."""
    ends = list(accumulate(fib.story_lengths.values(), initial=0))
    raw = {
        story: text[start:end] for story, (start, end) in zip(fib.story_lengths, pairwise(ends), strict=True)
    }
    shown: list[str] = []
    for story in _READING_ORDER:
        if story is Story.HEADERS:
            shown += _headers(raw[story], header_table, is_old=fib.is_old)
        elif raw[story]:
            shown.append(plain_text(raw[story]).strip("\n"))
    return "\n".join(part for part in shown if part.strip())


def _headers(text: str, header_table: bytes, *, is_old: bool) -> list[str]:
    """The headers and footers, equal ones once: sections repeat what they share.

    [MS-DOC] 2.3.3 Headers, 2.8.22 Plcfhdd: six stories of separators, then six a section, each ended by
    a paragraph mark of its own. In Word 6 and 95 only those in use are there, and separators hold no text.
    """
    edges = [edge for (edge,) in struct.iter_unpack("<I", header_table[: len(header_table) // 4 * 4])]
    if len(edges) < 2 or edges != sorted(edges):
        return [plain_text(text).strip("\n")]
    stories = [plain_text(text[start:end]).strip(" \t\n") for start, end in pairwise(edges)]
    return list(dict.fromkeys(stories if is_old else stories[_SEPARATORS:]))
