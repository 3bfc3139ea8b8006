"""The piece table: a document's text is an ordered list of stretches of bytes of its stream."""

import struct
from dataclasses import dataclass
from itertools import pairwise

from casemill.extraction.doc.damage import Damaged

_PRC = 1
_PCDT = 2
_COMPRESSED = 0x40000000
_PLACE = 0x3FFFFFFF


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of text.

    start, end: the characters (UTF-16 code units, or bytes) of the document it holds, end exclusive.
    offset: its first byte in the stream WordDocument.
    width: bytes a character takes, 1 or 2.
    formatting: property modifiers that hold for all of it, added by a fast save.
    """

    start: int
    end: int
    offset: int
    width: int
    formatting: bytes


def read_pieces(clx: bytes, length: int, document_size: int, *, is_old: bool) -> list[Piece]:
    """The pieces of the first `length` characters, or as many as there are, in order and without gaps.

    Raises Damaged where one lies outside the document.

    [MS-DOC] 2.9.38 Clx, 2.9.177 Pcd, 2.9.73 FcCompressed. Word 6 and 95 have the same structure with
    plain offsets and one byte a character.
    """
    try:
        plc, modifiers = _split_clx(clx)
        count = (len(plc) - 4) // 12
        if count < 1:
            raise Damaged("its piece table is empty")
        ends = struct.unpack_from(f"<{count + 1}I", plc)
        descriptors = [struct.unpack_from("<HIH", plc, 4 * (count + 1) + 8 * i) for i in range(count)]
    except struct.error as error:
        raise Damaged("its piece table is cut off") from error
    pieces: list[Piece] = []
    for (_, place, prm), (start, stop) in zip(descriptors, pairwise(ends), strict=True):
        if stop < start:
            raise Damaged("its piece table is out of order")
        if start >= length:
            break
        end = min(stop, length)
        if is_old:
            offset, width = place, 1
        elif place & _COMPRESSED:
            offset, width = (place & _PLACE) // 2, 1
        else:
            offset, width = place & _PLACE, 2
        if offset + (end - start) * width > document_size:
            raise Damaged("its text lies outside the file")
        pieces.append(Piece(start, end, offset, width, _formatting(prm, modifiers, is_old=is_old)))
    if ends[0] != 0:
        raise Damaged("its piece table does not begin at the beginning")
    return pieces


def _split_clx(clx: bytes) -> tuple[bytes, list[bytes]]:
    """The array of pieces, and the lists of property modifiers before it that pieces refer to."""
    modifiers: list[bytes] = []
    position = 0
    while position < len(clx):
        if clx[position] == _PCDT:
            (size,) = struct.unpack_from("<I", clx, position + 1)
            return clx[position + 5 : position + 5 + size], modifiers
        if clx[position] != _PRC:
            break
        (size,) = struct.unpack_from("<H", clx, position + 1)
        modifiers.append(clx[position + 3 : position + 3 + size])
        position += 3 + size
    raise Damaged("its piece table is missing")


_SHORT_MODIFIERS = {0x41: b"\x00\x08"}
"""[MS-DOC] 2.9.215 Prm0, as far as it matters here: 0x41 stands for sprmCFRMarkDel."""


def _formatting(prm: int, modifiers: list[bytes], *, is_old: bool) -> bytes:
    """[MS-DOC] 2.9.214 Prm: a number in the list of modifiers, or a single one packed into 15 bits."""
    if prm & 1:
        return modifiers[prm >> 1] if prm >> 1 < len(modifiers) else b""
    if is_old:
        return bytes([prm >> 1 & 0x7F, prm >> 8])
    name = _SHORT_MODIFIERS.get(prm >> 1 & 0x7F)
    return name + bytes([prm >> 8]) if name else b""


_COMPRESSED_CHARACTERS = {
    byte: bytes([byte]).decode("cp1252", "ignore") or chr(byte) for byte in range(0x80, 0xA0)
}
"""[MS-DOC] 2.9.73 FcCompressed lists these; they are Windows-1252's. Its list leaves out 0x80, 0x8E and 0x9E,
which would make them control characters; writers that use them mean Windows-1252's here too."""


def decode_piece(piece: Piece, document: bytes, *, is_old: bool) -> str:
    """A piece's text, one character for each of the piece's places even where two are a surrogate pair.

    The characters of Word 6 and 95 are bytes of a code page that is found out later, so they stay bytes:
    U+0000 to U+00FF.
    """
    content = document[piece.offset : piece.offset + (piece.end - piece.start) * piece.width]
    if piece.width == 1:
        text = content.decode("latin-1")
        return text if is_old else text.translate(_COMPRESSED_CHARACTERS)
    text = content.decode("utf-16-le", "surrogatepass")
    if len(text) == piece.end - piece.start:
        return text
    return "".join(map(chr, struct.unpack(f"<{len(content) // 2}H", content)))
