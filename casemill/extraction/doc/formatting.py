"""What formatting says about text: what is deleted, what is a symbol, where a table's row ends."""

import struct
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from itertools import pairwise

from casemill.extraction.doc.plain import NOTHING
from casemill.extraction.docx.symbols import symbol

_PAGE = 512
_PAGE_NUMBER_MASK = 0x003FFFFF

_DELETED = 0x0800  # sprmCFRMarkDel
_SYMBOL = 0x6A09  # sprmCSymbol
_ROW_END = 0x2417  # sprmPFTtp
_HUGE = (0x6645, 0x6646)  # sprmPHugePapx
_TABLE_DEFINITION = 0xD608  # sprmTDefTable
_DELETED_OLD = 65  # sprmCFStrikeRM

_MOST_FONTS = 0x10000  # they are numbered by two bytes

_OPERAND_SIZES = (1, 1, 2, 4, 2, 2, None, 3)

_OPERAND_SIZES_OLD = {
    65: 1, 66: 1, 67: 1, 69: 2, 70: 4, 71: 1, 72: 2, 73: 3, 75: 1, 80: 2, 83: 0,
    **dict.fromkeys(range(85, 93), 1),
    93: 2, 94: 1, 95: 3, 96: 2, 97: 2, 98: 1, 99: 2, 100: 1, 101: 2, 102: 1, 104: 1, 107: 2, 109: 2, 110: 2,
    117: 1, 118: 1,
}  # fmt: skip
"""Character properties of Word 6 and 95, which predate [MS-DOC]. Others have their size before them."""


class Mark(Enum):
    DELETED = auto()
    SYMBOL = auto()
    ROW_END = auto()


@dataclass(frozen=True, slots=True)
class MarkedBytes:
    """Bytes `start` to `end` (exclusive) of the stream WordDocument whose formatting matters.

    symbol: what a reader sees at a Mark.SYMBOL.
    """

    start: int
    end: int
    mark: Mark
    symbol: str = ""


class Marks:
    """Marked stretches, found by byte. Of two that overlap, which none should, the later one is dropped.

    That keeps a lookup as cheap as the bytes it is about, whatever a hostile file lists.
    """

    def __init__(self, marked: list[MarkedBytes]) -> None:
        self._marked: list[MarkedBytes] = []
        for stretch in sorted(marked, key=lambda stretch: stretch.start):
            if not self._marked or stretch.start >= self._marked[-1].end:
                self._marked.append(stretch)
        self._ends = [stretch.end for stretch in self._marked]

    def within(self, start: int, end: int) -> Iterator[MarkedBytes]:
        """Those that overlap the bytes from start to end (exclusive), in order."""
        for index in range(bisect_right(self._ends, start), len(self._marked)):
            if self._marked[index].start >= end:
                break
            yield self._marked[index]


def character_marks(document: bytes, bin_table: bytes, fonts: Sequence[str] = (), *, is_old: bool) -> Marks:
    """Text that was deleted under "track changes", and characters chosen from a symbol font.

    Runs carry their own properties in pages of 512 bytes: [MS-DOC] 2.4.6.2 Direct Character Formatting,
    2.9 PlcBteChpx and ChpxFkp. Styles are not asked, as no style deletes text.
    """
    marked: list[MarkedBytes] = []
    for start, end, page, place in _formatted(document, bin_table, entry_size=1, is_old=is_old):
        if not place:
            continue
        size = page[place]
        properties = page[place + 1 : place + 1 + size]
        if is_deleted(properties, is_old=is_old):
            marked.append(MarkedBytes(start, end, Mark.DELETED))
        elif not is_old and (operand := _find(properties, _SYMBOL)) is not None:
            font, character = struct.unpack("<2H", operand)
            name = fonts[font] if font < len(fonts) else None
            marked.append(MarkedBytes(start, end, Mark.SYMBOL, symbol(name, f"{character:x}") or NOTHING))
    return Marks(marked)


def font_names(font_table: bytes) -> list[str]:
    """The names of a document's fonts by number, [MS-DOC] 2.9 SttbfFfn and FFN."""
    names: list[str] = []
    position = 4
    while position < len(font_table) and len(names) < _MOST_FONTS:
        font = font_table[position + 1 : position + 1 + font_table[position]]
        names.append(font[39:].decode("utf-16-le", "replace").partition("\x00")[0])
        position += 1 + len(font)
    return names


def is_deleted(properties: bytes, *, is_old: bool) -> bool:
    if is_old:
        return _find_old(properties, _DELETED_OLD) == b"\x01"
    return _find(properties, _DELETED) == b"\x01"


def row_ends(document: bytes, bin_table: bytes) -> Marks:
    """The paragraphs that end a table's row; the mark that ends them is the one that ends a cell as well.

    [MS-DOC] 2.4.3 Overview of Tables, 2.4.6.1 Direct Paragraph Formatting, 2.9 PlcBtePapx and PapxFkp.
    Properties too large for a page are kept elsewhere; only the definition of a row of many cells is,
    so such a paragraph in a table is one.
    """
    marked: list[MarkedBytes] = []
    for start, end, page, place in _formatted(document, bin_table, entry_size=13, is_old=False):
        if not place:
            continue
        # [MS-DOC] 2.9 PapxInFkp: a length in words, less one byte; or 0 and the length in the next byte.
        size = page[place] * 2 - 1 if page[place] else page[place + 1] * 2
        begin = place + (1 if page[place] else 2)
        properties = page[begin + 2 : begin + size]  # after the number of the style
        ends_row = _find(properties, _ROW_END) == b"\x01"
        if ends_row or any(_find(properties, huge) is not None for huge in _HUGE):
            marked.append(MarkedBytes(start, end, Mark.ROW_END))
    return Marks(marked)


def _formatted(
    document: bytes, bin_table: bytes, *, entry_size: int, is_old: bool
) -> Iterator[tuple[int, int, bytes, int]]:
    """Each run or paragraph: its first byte, its end, its page, and where in that its properties are, or 0.

    The bin table lists the pages. A page ends with its number of runs and begins with their boundaries, after
    which comes an entry each, whose first byte is half the place of the properties. A page is read once,
    however often it is listed.
    """
    number_size = 2 if is_old else 4
    count = max(0, (len(bin_table) - 4) // (4 + number_size))
    boundaries = struct.unpack_from(f"<{count + 1}I", bin_table) if count else ()
    numbers = (
        struct.unpack_from(f"<{count}{'H' if is_old else 'I'}", bin_table, 4 * (count + 1)) if count else ()
    )
    seen: set[int] = set()
    for number, (first, last) in zip(numbers, pairwise(boundaries), strict=True):
        begin = (number & _PAGE_NUMBER_MASK) * _PAGE
        page = document[begin : begin + _PAGE]
        if begin in seen or len(page) < _PAGE:
            continue
        seen.add(begin)
        runs = min(page[-1], (_PAGE - 5) // (4 + entry_size))
        edges = struct.unpack_from(f"<{runs + 1}I", page)
        for i in range(runs):
            start, end = max(edges[i], first), min(edges[i + 1], last)
            if start < end:
                yield start, end, page, 2 * page[4 * (runs + 1) + entry_size * i]


def _find(properties: bytes, wanted: int) -> bytes | None:
    """The last operand of a property in a list of them, or None. [MS-DOC] 2.6 and 2.9 Sprm."""
    if wanted.to_bytes(2, "little") not in properties:
        return None
    found: bytes | None = None
    position = 0
    while position + 2 < len(properties):
        name = properties[position] | properties[position + 1] << 8
        position += 2
        size = _OPERAND_SIZES[name >> 13]
        if size is None:
            if name == _TABLE_DEFINITION:
                size = 1 + (properties[position] | properties[min(position + 1, len(properties) - 1)] << 8)
            else:
                size = 1 + properties[position]
        if name == wanted and position + size <= len(properties):
            found = properties[position : position + size]
        position += size
    return found


def _find_old(properties: bytes, wanted: int) -> bytes | None:
    """The same for Word 6 and 95, whose properties are named by one byte."""
    found: bytes | None = None
    position = 0
    while position + 1 < len(properties):
        name = properties[position]
        position += 1
        size = _OPERAND_SIZES_OLD.get(name)
        if size is None:
            size = 1 + properties[position]
        if name == wanted and position + size <= len(properties):
            found = properties[position : position + size]
        position += size
    return found
