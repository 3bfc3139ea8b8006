"""The zip file around a Word document, read within the limits whatever its directory claims."""

import copy
import struct
import zipfile
import zlib
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, cast

import olefile

from casemill.extraction.contract import ExtractionLimits, Reason
from casemill.extraction.docx.refusal import Refusal
from casemill.extraction.docx.salvage import salvage

MIB = 1024 * 1024
MOST_PARTS = 20_000
"""More files than any document has; each costs a little before it is even read."""

MEMORY_PER_XML = 16
"""Bytes of memory per byte of XML: measured 10 for the tree, and a few copies on the way to it."""

_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_CHUNK = 256 * 1024
_MOST_DEFLATED = 1032  # how many bytes one byte can unpack to (zlib's technical notes)
_NOT_A_ZIP = (zipfile.BadZipFile, NotImplementedError, ValueError, OSError, EOFError, struct.error)
_UNREADABLE_PART = (*_NOT_A_ZIP, zlib.error)
_DAMAGED = "the file is damaged or was not uploaded completely; open it in Word, save it and upload it again"
_PASSWORD = "the document is password-protected; upload a copy without a password"  # noqa: S105  a sentence


class Archive:
    """The parts of a package by name. Names ignore case, as ISO/IEC 29500-2 wants it."""

    def __init__(self, zipped: zipfile.ZipFile, limits: ExtractionLimits, lost: Sequence[str] = ()) -> None:
        """lost: what of the package is known not to have been readable, to be told with its text."""
        self.lost = lost
        self._zip = zipped
        self._limits = limits
        self._unpacked = 0
        entries = zipped.infolist()
        if len(entries) > MOST_PARTS:
            raise Refusal(
                Reason.TOO_LARGE, f"the document is a zip of {len(entries):,} files; upload it in parts"
            )
        if sum(map(_believable_size, entries)) > limits.unpacked_mb * MIB:
            raise Refusal(
                Reason.TOO_LARGE,
                f"the document unpacks to more than {limits.unpacked_mb} MiB; "
                "remove pictures and attachments, or upload it in parts",
            )
        self._entries = {_canonical(entry.filename): entry for entry in entries if not entry.is_dir()}
        self.names = [entry.filename.replace("\\", "/").lstrip("/") for entry in self._entries.values()]

    def __contains__(self, name: str) -> bool:
        return _canonical(name) in self._entries

    def read(self, name: str) -> bytes | None:
        """A part's bytes; None where it is missing or damaged.

        A declared size may lie, so the bytes are counted as they come. They are XML to be parsed, and all
        of them together may not need more memory than the document is allowed.
        """
        entry = self._entries.get(_canonical(name))
        if entry is None:
            return None
        if entry.flag_bits & 0x1:
            raise Refusal(Reason.PASSWORD_PROTECTED, _PASSWORD)
        if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            return None  # forbidden in a package, and zipfile cannot unpack the others in small pieces
        room = self._room()
        if _believable_size(entry) > room:
            raise self._too_large()
        honest = copy.copy(entry)
        honest.file_size = 1 << 62  # so that zipfile reads to the real end, which may lie past what we allow
        chunks: list[bytes] = []
        size = 0
        try:
            with self._zip.open(honest) as stream:
                while chunk := stream.read(_CHUNK):
                    size += len(chunk)
                    if size > room:
                        raise self._too_large()
                    chunks.append(chunk)
        except _UNREADABLE_PART:
            return None
        self._unpacked += size
        return b"".join(chunks)

    def _room(self) -> int:
        return _most_xml_bytes(self._limits) - self._unpacked

    def _too_large(self) -> Refusal:
        return Refusal(
            Reason.TOO_LARGE,
            f"the document's text unpacks to more than {_most_xml_bytes(self._limits) // MIB} MiB; "
            "upload it in parts",
        )


@contextmanager
def opened(path: Path, limits: ExtractionLimits) -> Generator[Archive]:
    """The archive at `path`. Raises Refusal for anything that is not a readable zip."""
    with path.open("rb") as stream:
        head = stream.read(8)
        if not head:
            raise Refusal(Reason.EMPTY_FILE, f"{path.name} is empty; upload it again")
        if head == _OLE:
            raise _not_ooxml(path)
        stream.seek(0)
        zipped, lost = _zip_of(stream, limits)
        with zipped:
            yield Archive(zipped, limits, lost)


def _zip_of(stream: IO[bytes], limits: ExtractionLimits) -> tuple[zipfile.ZipFile, tuple[str, ...]]:
    """The zip, and what is lost of it."""
    try:
        return zipfile.ZipFile(stream), ()
    except _NOT_A_ZIP:
        saved = salvage(stream, parts=MOST_PARTS, unpacked_bytes=_most_xml_bytes(limits))
    if saved is None:
        raise Refusal(Reason.CORRUPT_FILE, _DAMAGED)
    return saved.zipped, ("the zip's table of contents", *saved.lost)


def _not_ooxml(path: Path) -> Refusal:
    """What an OLE file is doing here: Word wraps an encrypted document into one ([MS-OFFCRYPTO] 2.3.2)."""
    try:
        with cast(Any, olefile).OleFileIO(path) as ole:
            if ole.exists("EncryptedPackage"):
                return Refusal(Reason.PASSWORD_PROTECTED, _PASSWORD)
    except (OSError, ValueError, IndexError, struct.error):
        return Refusal(Reason.CORRUPT_FILE, _DAMAGED)
    return Refusal(
        Reason.CORRUPT_FILE,
        f"{path.name} is not a .docx file but one in an older format; upload it under its real name, as .doc",
    )


def _believable_size(entry: zipfile.ZipInfo) -> int:
    """What a part says it unpacks to, or where that is a damaged number the most it can."""
    return min(entry.file_size, entry.compress_size * _MOST_DEFLATED)


def _most_xml_bytes(limits: ExtractionLimits) -> int:
    return int(min(limits.unpacked_mb, limits.memory_mb / MEMORY_PER_XML) * MIB)


def _canonical(name: str) -> str:
    return name.replace("\\", "/").lstrip("/").lower()
