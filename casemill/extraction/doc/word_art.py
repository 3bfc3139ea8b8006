"""Words that are drawn: WordArt, which is also what a watermark like "DRAFT" is."""

import struct
from collections.abc import Iterator

_CONTAINER = 0xF
_SHAPE_PROPERTIES = 0xF00B
_TEXT = 0x00C0  # gtextUNICODE
_COMPLEX = 0x8000
_NUMBER = 0x3FFF


def word_art(drawings: bytes) -> list[str]:
    """The text of each WordArt shape, in order, equal ones once: a watermark has a shape for every header.

    [MS-DOC] 2.9 OfficeArtContent; [MS-ODRAW] 2.2.9 OfficeArtFOPT, 2.3.22.1 gtextUNICODE.
    """
    return list(dict.fromkeys(text for shape in _shapes(drawings) for text in _texts(*shape)))


def _shapes(drawings: bytes) -> Iterator[tuple[bytes, int]]:
    """Each shape's properties, and how many they are.

    Records lie in trees, which are entered by stepping over a container's head only. The first tree holds
    what all drawings share; before each other one stands a byte that says where it is used.
    """
    position, tree_end = 0, -1
    while position + 8 <= len(drawings):
        if position == tree_end:
            position = tree_end + 1
            if position + 8 > len(drawings):
                break
        head, kind, size = struct.unpack_from("<2HI", drawings, position)
        if position > tree_end:
            tree_end = position + 8 + size
        position += 8
        if head & 0xF == _CONTAINER:
            continue
        end = min(position + size, tree_end)
        if kind == _SHAPE_PROPERTIES:
            yield drawings[position:end], head >> 4
        position = end


def _texts(properties: bytes, count: int) -> Iterator[str]:
    """Six bytes a property; values that do not fit in four follow behind, in the same order."""
    count = min(count, len(properties) // 6)
    behind = 6 * count
    for name, value in struct.iter_unpack("<HI", properties[:behind]):
        if name & _COMPLEX:
            if name & _NUMBER == _TEXT:
                yield properties[behind : behind + value].decode("utf-16-le", "replace").partition("\x00")[0]
            behind += value
