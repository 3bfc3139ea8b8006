"""The names at the root of an OLE compound file, read without trusting one number in it.

Layout after [MS-CFB]: a 512-byte header, a table of sector chains (FAT) whose own sectors the header lists,
and a directory of 128-byte rows. Only the directory is read, by following its chain, so that a file of any
size costs a few kilobytes; every chain has a bound, because a hostile one may be a circle.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

MAGIC = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"

_HEADER_BYTES = 512
_ROW_BYTES = 128
_DIRECTORY_ROWS = 4096
_DIFAT_SECTORS = 512
_END = 0xFFFFFFFA  # this and every number above it is a mark, not a sector


@dataclass(frozen=True, slots=True)
class Root:
    """names: lower-case names of streams and storages. is_whole: no row that the tree names is missing."""

    names: frozenset[str]
    is_whole: bool


def read_root(file: BinaryIO) -> Root:
    """What is at the root; all names there are where the tree is broken.

    Only the root counts as long as it can be read: a spreadsheet embedded in a letter has a "Workbook" too,
    further down.
    """
    rows = list(_rows(file))
    if not rows:
        return Root(frozenset(), is_whole=False)
    is_whole = True
    names: set[str] = set()
    waiting, seen = [_children(rows[0])], {0}
    while waiting:
        number = waiting.pop()
        if number in seen or number >= len(rows):
            is_whole = is_whole and (number in seen or number >= _END)
            continue
        seen.add(number)
        names.add(_name(rows[number]))
        left, right = struct.unpack_from("<II", rows[number], 68)
        waiting += [left, right]
    names.discard("")
    if not names:
        return Root(frozenset(_name(row) for row in rows[1:]), is_whole=False)
    return Root(frozenset(names), is_whole)


def _name(row: bytes) -> str:
    (size,) = struct.unpack_from("<H", row, 64)
    return row[: max(0, min(size, 64) - 2)].decode("utf-16-le", errors="replace").lower()


def _children(row: bytes) -> int:
    number: int = struct.unpack_from("<I", row, 76)[0]
    return number


def _rows(file: BinaryIO) -> Iterator[bytes]:
    file.seek(0)
    header = file.read(_HEADER_BYTES)
    if len(header) < _HEADER_BYTES or not header.startswith(MAGIC):
        return
    (shift,) = struct.unpack_from("<H", header, 30)
    sector_bytes = 1 << (shift if shift in (9, 12) else 9)
    (sector,) = struct.unpack_from("<I", header, 48)
    left = _DIRECTORY_ROWS
    while sector < _END and left > 0:
        content = _sector(file, sector, sector_bytes)
        for start in range(0, len(content) - _ROW_BYTES + 1, _ROW_BYTES):
            yield content[start : start + _ROW_BYTES]
            left -= 1
        if len(content) < sector_bytes:
            return
        sector = _next_sector(file, header, sector, sector_bytes)


def _next_sector(file: BinaryIO, header: bytes, sector: int, sector_bytes: int) -> int:
    """What the FAT says follows `sector`."""
    table, place = divmod(sector, sector_bytes // 4)
    table_sector = _table_sector(file, header, table, sector_bytes)
    if table_sector >= _END:
        return _END
    return _number(file, table_sector, place, sector_bytes)


def _table_sector(file: BinaryIO, header: bytes, table: int, sector_bytes: int) -> int:
    """Where the FAT's sector number `table` lies: the header lists 109 of them, a chain lists the rest."""
    if table < 109:
        return struct.unpack_from("<I", header, 76 + table * 4)[0]
    per_sector = sector_bytes // 4 - 1
    hops, place = divmod(table - 109, per_sector)
    (sector,) = struct.unpack_from("<I", header, 68)
    if hops > _DIFAT_SECTORS:
        return _END
    for _ in range(hops):
        if sector >= _END:
            return _END
        content = _sector(file, sector, sector_bytes)
        sector = (
            struct.unpack_from("<I", content, per_sector * 4)[0] if len(content) == sector_bytes else _END
        )
    if sector >= _END:
        return _END
    content = _sector(file, sector, sector_bytes)
    return struct.unpack_from("<I", content, place * 4)[0] if len(content) == sector_bytes else _END


def _sector(file: BinaryIO, sector: int, sector_bytes: int) -> bytes:
    file.seek((sector + 1) * sector_bytes)
    return file.read(sector_bytes)


def _number(file: BinaryIO, sector: int, place: int, sector_bytes: int) -> int:
    file.seek((sector + 1) * sector_bytes + place * 4)
    number = file.read(4)
    return struct.unpack("<I", number)[0] if len(number) == 4 else _END
