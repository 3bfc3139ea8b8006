"""The file information block at the start of a document: what is where."""

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from casemill.extraction.doc.damage import Damaged

_WORD_6 = 0xA5DC
_WORD_97 = 0xA5EC
_OLDEST_VERSION = 101  # Word 6; 104 is Word 95
_WORD_97_VERSION = 0x00C1

_ENCRYPTED = 0x0100
_TABLE_1 = 0x0200


class Story(StrEnum):
    """A stretch of text of its own, in the order in which they follow each other in a document."""

    BODY = "body"
    FOOTNOTES = "footnotes"
    HEADERS = "headers and footers"
    MACROS = "macros"
    COMMENTS = "comments"
    ENDNOTES = "endnotes"
    TEXT_BOXES = "text boxes"
    HEADER_TEXT_BOXES = "text boxes in headers and footers"


class Table(StrEnum):
    """A structure the block points to."""

    PIECES = "pieces"
    HEADERS = "headers"
    CHARACTER_RUNS = "character runs"
    PARAGRAPHS = "paragraphs"
    FONTS = "fonts"
    DRAWINGS = "drawings"


@dataclass(frozen=True, slots=True)
class Fib:
    """is_old: written by Word 6 or 95.

    table_stream: the stream `tables` point into.
    story_lengths: characters of each story, in order; they lie one after the other.
    text_start: byte at which the text begins, where there is no piece table.
    tables: (offset, length) in bytes of each structure that is present.
    """

    is_old: bool
    is_encrypted: bool
    is_macintosh: bool
    language_id: int
    table_stream: str
    story_lengths: Mapping[Story, int]
    text_start: int
    tables: Mapping[Table, tuple[int, int]]

    @property
    def length(self) -> int:
        return sum(self.story_lengths.values())


class UnknownVersion(Exception):
    """The document is of a version that is not read."""


def read_fib(document: bytes) -> Fib:
    """The block at the start of the stream WordDocument.

    [MS-DOC] 2.5.1 Fib and 2.5.2 FibBase. Raises UnknownVersion, or Damaged. Only `is_encrypted` and what
    stands before it means anything in an encrypted document.
    """
    if len(document) < 32:
        raise Damaged("its stream 'WordDocument' is too short")
    magic, version = struct.unpack_from("<2H", document)
    (language_id,) = struct.unpack_from("<H", document, 6)
    (flags,) = struct.unpack_from("<H", document, 10)
    (character_set,) = struct.unpack_from("<H", document, 20)
    (text_start,) = struct.unpack_from("<I", document, 24)
    is_old = magic == _WORD_6 and _OLDEST_VERSION <= version < _WORD_97_VERSION
    if not is_old and magic != _WORD_97:
        raise UnknownVersion(f"{magic:#06x}, {version}")
    is_encrypted = bool(flags & _ENCRYPTED)
    lengths: dict[Story, int] = {}
    tables: dict[Table, tuple[int, int]] = {}
    if not is_encrypted:
        try:
            lengths, tables = _read_old(document) if is_old else _read_97(document)
        except struct.error as error:
            raise Damaged("its stream 'WordDocument' is too short") from error
        if any(length < 0 for length in lengths.values()):
            raise Damaged("its text has a negative length")
    return Fib(
        is_old=is_old,
        is_encrypted=is_encrypted,
        is_macintosh=bool(character_set),
        language_id=language_id,
        table_stream="WordDocument" if is_old else "1Table" if flags & _TABLE_1 else "0Table",
        story_lengths=lengths,
        text_start=text_start,
        tables=tables,
    )


def _read_97(document: bytes) -> tuple[dict[Story, int], dict[Table, tuple[int, int]]]:
    """[MS-DOC] 2.5.1: three arrays, each with its length before it; 2.5.4 FibRgLw97, 2.5.6 FibRgFcLcb97."""
    position = 32
    (words,) = struct.unpack_from("<H", document, position)
    position += 2 + 2 * words
    (longs,) = struct.unpack_from("<H", document, position)
    position += 2
    lengths = dict(zip(Story, struct.unpack_from("<8i", document, position + 12), strict=True))
    lengths[Story.MACROS] = 0  # reserved3: "MUST be ignored"
    position += 4 * longs
    (pairs,) = struct.unpack_from("<H", document, position)
    position += 2
    numbers = {
        Table.PIECES: 33,
        Table.HEADERS: 11,
        Table.CHARACTER_RUNS: 12,
        Table.PARAGRAPHS: 13,
        Table.FONTS: 15,
        Table.DRAWINGS: 50,
    }
    offsets = {table: position + 8 * number for table, number in numbers.items() if number < pairs}
    return lengths, _present(document, offsets)


def _read_old(document: bytes) -> tuple[dict[Story, int], dict[Table, tuple[int, int]]]:
    """The layout of Word 6 and 95, which predates [MS-DOC]: the same fields at fixed places."""
    lengths = dict(zip(Story, struct.unpack_from("<8i", document, 0x34), strict=True))
    offsets = {
        Table.PIECES: 0x160,
        Table.HEADERS: 0xB0,
        Table.CHARACTER_RUNS: 0xB8,
        Table.PARAGRAPHS: 0xC0,
        Table.FONTS: 0xD0,
    }
    return lengths, _present(document, offsets)


def _present(document: bytes, offsets: Mapping[Table, int]) -> dict[Table, tuple[int, int]]:
    found = {table: struct.unpack_from("<2I", document, offset) for table, offset in offsets.items()}
    return {table: (start, length) for table, (start, length) in found.items() if length}
