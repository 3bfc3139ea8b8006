"""The compound file around a .doc: named streams in a small file system, [MS-CFB]."""

import struct
from types import TracebackType
from typing import Any, BinaryIO, Self

import olefile

from casemill.extraction.doc.damage import Damaged

_SECTOR_SHIFTS = (9, 12)
_MINI_SECTOR_SHIFT = 6
_FAT_SECTORS_IN_HEADER = 109

_CONTENT_ERRORS = (OSError, ValueError, IndexError, TypeError, OverflowError, RecursionError, struct.error)
"""What olefile raises for content that contradicts itself. It recurses along the directory's tree."""


class Container:
    """A compound file's streams, by name in any case.

    olefile follows every chain for as many sectors as are declared, so that a chain that bites its own
    tail costs what the declared size says. The declared sizes are therefore held against the file's own
    size before anything is followed. Raises Damaged for content that cannot be read.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._size = file.seek(0, 2)
        file.seek(0)
        _check_header(file.read(512), self._size)
        try:
            self._ole: Any = olefile.OleFileIO(file)
            ministream_size = self._ole.root.size
        except _CONTENT_ERRORS as error:
            raise Damaged(f"its container is broken ({error})") from error
        if ministream_size > self._size:
            raise Damaged("its container declares more small streams than the file holds")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ole.close()

    def has(self, name: str) -> bool:
        return bool(self._ole.exists(name))

    @property
    def is_empty(self) -> bool:
        """Whether the directory names nothing, as where a cut file lost it."""
        return not self._ole.listdir()

    def stream(self, name: str) -> bytes:
        """A stream's bytes: those that are there, where a cut file holds fewer than it declares."""
        try:
            if self._ole.get_size(name) > self._size:
                raise Damaged(f"its stream {name!r} is declared larger than the file")
            content: bytes = self._ole.openstream(name).read()
        except _CONTENT_ERRORS as error:
            raise Damaged(f"its stream {name!r} cannot be read ({error})") from error
        return content


def _check_header(header: bytes, file_size: int) -> None:
    """Refuses counts that the file has no room for. [MS-CFB] 2.2, Compound File Header."""
    if len(header) < 512 or not header.startswith(olefile.MAGIC):
        raise Damaged("it is not a compound file")
    sector_shift, mini_sector_shift = struct.unpack_from("<2H", header, 30)
    (fat_sectors,) = struct.unpack_from("<I", header, 44)
    (mini_fat_sectors,) = struct.unpack_from("<I", header, 64)
    (difat_sectors,) = struct.unpack_from("<I", header, 72)
    if sector_shift not in _SECTOR_SHIFTS or mini_sector_shift != _MINI_SECTOR_SHIFT:
        raise Damaged("its container has sectors of an impossible size")
    sectors = (file_size >> sector_shift) + 1
    fat_sectors_needed = sectors // ((1 << sector_shift) // 4) + 1
    # Twice what is needed, because some writers reserve more than they use.
    most_fat_sectors = _FAT_SECTORS_IN_HEADER + 2 * fat_sectors_needed
    if fat_sectors > most_fat_sectors or difat_sectors > most_fat_sectors or mini_fat_sectors > sectors:
        raise Damaged("its container declares more sectors than the file holds")
