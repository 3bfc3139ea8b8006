"""Writes the smallest files that are Word documents, for tests to read."""

import struct
from collections.abc import Mapping
from itertools import pairwise

SECTOR = 512
TEXT_AT = 0x800
NO_STORIES = 0, 0, 0, 0, 0, 0, 0
"""Lengths of the other stories: notes, headers, (unused), comments, endnotes, boxes, header boxes."""


def compound_file(streams: Mapping[str, bytes]) -> bytes:
    """One FAT sector, one directory sector, up to three streams of at least 4096 bytes."""
    chains, sectors, entries = [0xFFFFFFFD, 0xFFFFFFFE], b"", b""
    names = list(streams)
    for name, content in streams.items():
        content = content.ljust(4096, b"\0")
        content += bytes(-len(content) % SECTOR)
        start, count = len(chains), len(content) // SECTOR
        chains += [*range(start + 1, start + count), 0xFFFFFFFE]
        sectors += content
        right = names.index(name) + 2 if name != names[-1] else 0xFFFFFFFF
        entries += directory_entry(name, 2, start, len(content), right=right)
    root = directory_entry("Root Entry", 5, 0xFFFFFFFE, 0, child=1)
    assert len(chains) <= 128
    header = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(16)
    header += struct.pack("<5H6x", 0x3E, 3, 0xFFFE, 9, 6)
    header += struct.pack("<9I", 0, 1, 1, 0, 4096, 0xFFFFFFFE, 0, 0xFFFFFFFE, 0)
    header += struct.pack("<I", 0) + b"\xff" * 432
    fat = struct.pack(f"<{len(chains)}I", *chains).ljust(SECTOR, b"\xff")
    return header + fat + (root + entries).ljust(SECTOR, b"\0") + sectors


def directory_entry(
    name: str, kind: int, start: int, size: int, *, right=0xFFFFFFFF, child=0xFFFFFFFF
) -> bytes:
    encoded = (name + "\0").encode("utf-16-le")
    return (
        encoded.ljust(64, b"\0")
        + struct.pack("<HBB3I", len(encoded), kind, 1, 0xFFFFFFFF, right, child)
        + bytes(36)
        + struct.pack("<IQ", start, size)
    )


def formatted_page(
    runs: Mapping[tuple[int, int], bytes],
    length: int,
    entry_size: int,
    *,
    start: int = TEXT_AT,
    width: int = 2,
) -> bytes:
    """A page of formatting for text of `length` characters: `runs` maps stretches to properties."""
    edges = sorted({0, length, *(edge for run in runs for edge in run)})
    stretches = list(pairwise(edges))
    entries, properties, place = b"", b"", 510
    for stretch in stretches:
        own = runs.get(stretch, b"")
        if entry_size == 13:  # a paragraph: length in words, style
            own = b"\0\0" + own
            own = bytes([len(own) // 2 + 1]) + own + bytes((len(own) + 1) % 2)
        elif own:
            own = bytes([len(own)]) + own
        place = (place - len(own)) & ~1 if own else place
        entries += bytes([place // 2 if own else 0]) + bytes(entry_size - 1)
        properties = own.ljust(511 - place - len(properties), b"\0") + properties if own else properties
    page = struct.pack(f"<{len(edges)}I", *(start + width * edge for edge in edges)) + entries
    return page.ljust(511 - len(properties), b"\0") + properties + bytes([len(stretches)])


def word_97(
    *pieces: str | bytes,
    others: tuple[int, ...] = NO_STORIES,
    body: int | None = None,
    runs: Mapping[tuple[int, int], bytes] | None = None,
    paragraphs: Mapping[tuple[int, int], bytes] | None = None,
    modifiers: Mapping[int, int] | None = None,
    header_edges: tuple[int, ...] = (),
    flags: int = 0x0200,
    table_name: str = "1Table",
) -> bytes:
    """A Word 97 document. A str becomes a UTF-16 piece, bytes a compressed one; runs refer to a first str."""
    text, plc_ends, descriptors = b"", [0], b""
    for number, piece in enumerate(pieces):
        place = TEXT_AT + len(text)
        prm = (modifiers or {}).get(number, 0)
        if isinstance(piece, str):
            encoded = piece.encode("utf-16-le", "surrogatepass")
            plc_ends.append(plc_ends[-1] + len(encoded) // 2)
        else:
            encoded, place = piece + bytes(len(piece) % 2), place * 2 | 0x40000000
            plc_ends.append(plc_ends[-1] + len(piece))
        text += encoded
        descriptors += struct.pack("<HIH", 0, place, prm)
    length = plc_ends[-1]
    plc = struct.pack(f"<{len(plc_ends)}I", *plc_ends) + descriptors
    clx = b"\x02" + struct.pack("<I", len(plc)) + plc
    bins = {12: (2, struct.pack("<3I", TEXT_AT, TEXT_AT + 2 * length, 2)),
            13: (3, struct.pack("<3I", TEXT_AT, TEXT_AT + 2 * length, 3))}  # fmt: skip
    headers = struct.pack(f"<{len(header_edges)}I", *header_edges)
    table, pairs = b"\0" * 4, [(0, 0)] * 93
    for number, content in {33: clx, 11: headers, 12: bins[12][1], 13: bins[13][1]}.items():
        pairs[number] = (len(table), len(content))
        table += content
    body = length - sum(others) if body is None else body
    fib = struct.pack("<6H", 0xA5EC, 0xC1, 0, 0x0409, 0, flags).ljust(32, b"\0")
    fib += struct.pack("<H", 14) + bytes(28) + struct.pack("<H", 22)
    fib += (bytes(12) + struct.pack("<8i", body, *others)).ljust(88, b"\0")
    fib += struct.pack("<H", 93) + b"".join(struct.pack("<2I", *pair) for pair in pairs)
    document = fib.ljust(2 * SECTOR, b"\0")
    document += formatted_page(runs or {}, length, 1) + formatted_page(paragraphs or {}, length, 13) + text
    return compound_file({"WordDocument": document, table_name: table})


def word_6(
    text: bytes,
    *,
    language: int = 0x0409,
    font_character_sets: tuple[int, ...] = (0,),
    runs: Mapping[tuple[int, int], bytes] | None = None,
    flags: int = 0,
) -> bytes:
    """A Word 6 document without a piece table."""
    start, end = 2 * SECTOR, 2 * SECTOR + len(text)
    fonts = b"".join(struct.pack("<BBHBB", 9, 0, 400, each, 0) + b"Font" for each in font_character_sets)
    fonts = struct.pack("<H", len(fonts) + 2) + fonts
    bins = struct.pack("<2IH", start, end, 1)
    fib = struct.pack("<6H", 0xA5DC, 101, 0, language, 0, flags).ljust(0x18, b"\0")
    fib += struct.pack("<2I", start, end)
    fib = fib.ljust(0x34, b"\0") + struct.pack("<8i", len(text), *NO_STORIES)
    fib = fib.ljust(0xB8, b"\0") + struct.pack("<2I", end + len(fonts), len(bins))
    fib = fib.ljust(0xD0, b"\0") + struct.pack("<2I", end, len(fonts))
    page = formatted_page(runs or {}, len(text), 1, start=start, width=1)
    return compound_file({"WordDocument": fib.ljust(SECTOR, b"\0") + page + text + fonts + bins})
