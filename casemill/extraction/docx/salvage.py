"""The parts of a zip whose table of contents is damaged, found by the header that stands before each.

Text is taken only where it is certain what it is. A part counts if it unpacks to its end with the right
checksum. A name that stands twice tells of two packages run together, or of an older version left in the
file; then nothing counts. Nor does anything of a file that was cut off: uploading it again gives all of
it, and what is left of it would look whole.
"""

import io
import mmap
import struct
import zipfile
import zlib
from dataclasses import dataclass
from typing import IO

_HEADER = struct.Struct("<4s5H3I2H")  # APPNOTE.TXT 4.3.7
_SIGNATURE = b"PK\x03\x04"
_DESCRIPTOR = b"PK\x07\x08"
_END = b"PK\x05\x06"
_END_BYTES = 22
_LONGEST_COMMENT = 1 << 16
_ENCRYPTED, _DESCRIBED_BEHIND = 0x1, 0x8  # bits of a header's flags
_CHUNK = 256 * 1024


@dataclass(frozen=True, slots=True)
class Salvage:
    """zipped: a sound zip of the XML parts that are whole. lost: the XML parts that are not."""

    zipped: zipfile.ZipFile
    lost: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Part:
    """content: what it unpacks to, None where damaged. end: where its last byte was."""

    name: str
    content: bytes | None
    end: int

    @property
    def is_xml(self) -> bool:
        return self.name.lower().endswith((".xml", ".rels"))


class _NothingCertain(Exception):
    """There is nothing to be had, or not without more work than a document may cost."""


def salvage(stream: IO[bytes], *, parts: int, unpacked_bytes: int) -> Salvage | None:
    """What `stream`, no sound zip, still holds. None where that is nothing certain, or over the limits."""
    with mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as content:
        end = content.rfind(_END, max(0, len(content) - _END_BYTES - _LONGEST_COMMENT))
        if end < 0 or end + _END_BYTES > len(content):
            return None
        written = io.BytesIO()
        lost: list[str] = []
        seen: set[str] = set()
        try:
            with zipfile.ZipFile(written, "w", zipfile.ZIP_STORED) as tidy:
                at = content.find(_SIGNATURE, 0, end)
                while at >= 0:
                    part = _part(content, at, end, unpacked_bytes)
                    canonical = part.name.replace("\\", "/").lstrip("/").lower()
                    if canonical in seen or len(seen) == parts:
                        return None
                    seen.add(canonical)
                    unpacked_bytes -= len(part.content or b"")
                    if part.is_xml and part.content is not None:
                        tidy.writestr(zipfile.ZipInfo(part.name), part.content)
                    elif part.is_xml:
                        lost.append(part.name)
                    at = content.find(_SIGNATURE, part.end, end)
        except _NothingCertain:
            return None
    return Salvage(zipfile.ZipFile(written), tuple(lost))


def _part(file: mmap.mmap, at: int, end: int, room: int) -> _Part:
    """The part whose header is at `at`. The next is looked for behind it, as it may be a zip itself."""
    if at + _HEADER.size > end:
        raise _NothingCertain
    _, _, flags, method, _, _, checksum, packed, _, name_bytes, extra_bytes = _HEADER.unpack_from(file, at)
    start = at + _HEADER.size + name_bytes + extra_bytes
    name = file[at + _HEADER.size : at + _HEADER.size + name_bytes].decode("utf-8", "replace")
    damaged = _Part(name, None, at + len(_SIGNATURE))
    if start > end or flags & _ENCRYPTED:
        return damaged
    if method == zipfile.ZIP_DEFLATED:
        unpacked, start = _inflated(file, start, end, room)
    elif method == zipfile.ZIP_STORED and not flags & _DESCRIBED_BEHIND and start + packed <= end:
        if packed > room:
            raise _NothingCertain
        unpacked, start = file[start : start + packed], start + packed
    else:
        return damaged
    if unpacked is None:
        return damaged
    if flags & _DESCRIBED_BEHIND:
        start += 4 if file[start : start + 4] == _DESCRIPTOR else 0
        checksum = int.from_bytes(file[start : start + 4], "little")
    return _Part(name, unpacked if zlib.crc32(unpacked) == checksum else None, start)


def _inflated(file: mmap.mmap, start: int, end: int, room: int) -> tuple[bytes | None, int]:
    """What the deflated bytes at `start` unpack to (None: they are damaged), and where they end."""
    unpacker = zlib.decompressobj(-zlib.MAX_WBITS)
    unpacked = bytearray()
    place = start
    try:
        while not unpacker.eof:
            packed = unpacker.unconsumed_tail
            if not packed:
                packed = file[place : min(place + _CHUNK, end)]
                place += len(packed)
            if not packed:
                return None, start
            unpacked += unpacker.decompress(packed, _CHUNK)
            if len(unpacked) > room:
                raise _NothingCertain
    except zlib.error:
        return None, start
    return bytes(unpacked), place - len(unpacker.unused_data)
