"""What a file is, decided by its bytes: a name or a browser's word for it proves nothing.

Cheap and bounded, because it runs on every upload before anything else has looked at the bytes: a few
kilobytes from the front, of an archive its table of contents, of an OLE file its directory. Nothing is
unpacked but the first part of one small XML file.
"""

import codecs
import re
import struct
import zipfile
import zlib
from enum import Enum
from pathlib import Path
from typing import BinaryIO

from casemill.extraction import ole_directory

_HEAD_BYTES = 4096
_CONTENTS_BYTES = 1 << 20
"""Largest table of contents of an archive that is read: room for 10,000 parts, far more than Word writes."""
_CONTENT_TYPES_BYTES = 1 << 20
_PARTS_BYTES = 1 << 20
_WORD_PART = re.compile(rb"PK\x03\x04.{26}word[/\\]", re.DOTALL | re.IGNORECASE)  # in a folder of Word's


class MediaType(Enum):
    """A kind of file: what is stored on the document, and what people are told it is."""

    content_type: str
    label: str

    def __new__(cls, content_type: str, label: str) -> "MediaType":
        member = object.__new__(cls)
        member._value_ = (content_type, label)
        member.content_type = content_type
        member.label = label
        return member

    PDF = "application/pdf", "a PDF"
    DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document", "a Word document"
    DOC = "application/msword", "a Word 97-2003 document"
    ENCRYPTED_OFFICE = "application/encrypted", "a password-protected Office document"

    WORDPERFECT = "application/vnd.wordperfect", "a WordPerfect document"
    RTF = "application/rtf", "an RTF document"
    ODT = "application/vnd.oasis.opendocument.text", "an OpenDocument text"
    OPENDOCUMENT = "application/vnd.oasis.opendocument", "an OpenDocument file"
    EPUB = "application/epub+zip", "an EPUB book"
    XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "an Excel workbook"
    PPTX = (
        "application/vnd.openxmlformats-officedocument.presentationml.presentation",
        "a PowerPoint presentation",
    )
    XLS = "application/vnd.ms-excel", "an Excel 97-2003 workbook"
    PPT = "application/vnd.ms-powerpoint", "a PowerPoint 97-2003 presentation"
    OUTLOOK = "application/vnd.ms-outlook", "an Outlook message"
    OLE = "application/x-ole-storage", "an OLE file of an unknown program"
    DAMAGED_OLE = "application/x-ole-storage", "a damaged OLE file"
    OLD_WORD = "application/x-msword-old", "a Word document older than Word 6"
    ZIP = "application/zip", "a zip archive"
    HTML = "text/html", "an HTML page"
    XML = "application/xml", "an XML file"
    TEXT = "text/plain", "a plain text file"
    PNG = "image/png", "a PNG image"
    JPEG = "image/jpeg", "a JPEG image"
    GIF = "image/gif", "a GIF image"
    TIFF = "image/tiff", "a TIFF image"
    BMP = "image/bmp", "a BMP image"
    WEBP = "image/webp", "a WebP image"
    HEIC = "image/heic", "a HEIC image"
    EMPTY = "application/x-empty", "an empty file"
    UNKNOWN = "application/octet-stream", "a file of an unknown format"

    @property
    def is_image(self) -> bool:
        return self.content_type.startswith("image/")


_MAGIC: tuple[tuple[bytes, MediaType], ...] = (
    (b"\xffWPC", MediaType.WORDPERFECT),
    (b"{\\rt", MediaType.RTF),  # Word opens anything that starts so, whatever follows
    (b"\xdb\xa5", MediaType.OLD_WORD),
    (b"\x9b\xa5", MediaType.OLD_WORD),
    (b"\x89PNG\r\n\x1a\n", MediaType.PNG),
    (b"\xff\xd8\xff", MediaType.JPEG),
    (b"GIF87a", MediaType.GIF),
    (b"GIF89a", MediaType.GIF),
    (b"II*\0", MediaType.TIFF),
    (b"MM\0*", MediaType.TIFF),
    (b"II+\0", MediaType.TIFF),
    (b"MM\0+", MediaType.TIFF),
)

_OFFICE_MAIN_PARTS: tuple[tuple[re.Pattern[bytes], MediaType], ...] = (
    (
        re.compile(
            rb"wordprocessingml\.(document|template)\.main\+xml"
            rb"|ms-word\.(document|template)\.macroenabled(template)?\.main\+xml"
        ),
        MediaType.DOCX,
    ),
    (re.compile(rb"(spreadsheetml|ms-excel)[\w.]*\.main\+(xml|binary)|sheet\.binary"), MediaType.XLSX),
    (re.compile(rb"(presentationml|ms-powerpoint)[\w.]*\.main\+xml"), MediaType.PPTX),
)

_OLE_STREAMS: tuple[tuple[str, MediaType], ...] = (
    ("encryptedpackage", MediaType.ENCRYPTED_OFFICE),
    ("worddocument", MediaType.DOC),
    ("workbook", MediaType.XLS),
    ("book", MediaType.XLS),
    ("powerpoint document", MediaType.PPT),
    ("perfectoffice_main", MediaType.WORDPERFECT),
    ("__properties_version1.0", MediaType.OUTLOOK),
)


def sniff(path: Path) -> MediaType:
    """What the file at `path` is. Raises OSError where there is no such file, and nothing else."""
    with path.open("rb") as file:
        head = file.read(_HEAD_BYTES)
        if not head:
            return MediaType.EMPTY
        if head.startswith(ole_directory.MAGIC):
            return _sniff_ole(file)
        if head.startswith((b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")):
            return _sniff_zip(file, head)
    for magic, media_type in _MAGIC:
        if head.startswith(magic):
            return media_type
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return MediaType.WEBP
    if head[4:12] in (b"ftypheic", b"ftypheix", b"ftypmif1", b"ftypmsf1"):
        return MediaType.HEIC
    if b"%PDF-" in head[:1024]:  # readers accept junk before the header, as long as it is no more than this
        return MediaType.PDF
    if head.startswith(b"BM") and len(head) > 26 and head[6:10] == bytes(4):  # two letters alone may be text
        return MediaType.BMP
    return _sniff_text(head)


def _sniff_ole(file: BinaryIO) -> MediaType:
    root = ole_directory.read_root(file)
    unknown = MediaType.OLE if root.is_whole else MediaType.DAMAGED_OLE
    return next((media_type for name, media_type in _OLE_STREAMS if name in root.names), unknown)


def _sniff_zip(file: BinaryIO, head: bytes) -> MediaType:
    if head[30:38] == b"mimetype":
        if head[38:].startswith(b"application/vnd.oasis.opendocument.text"):
            return MediaType.ODT
        if head[38:].startswith(b"application/vnd.oasis.opendocument"):
            return MediaType.OPENDOCUMENT
        if head[38:].startswith(b"application/epub+zip"):
            return MediaType.EPUB
    if not _has_modest_contents(file):
        # A Word file cut off in transfer has no table of contents; its reader knows better what to say.
        return _sniff_parts(file)
    try:
        with zipfile.ZipFile(file) as archive:
            names = {name.lower(): name for name in archive.namelist()}
            declared = _content_types(archive, names)
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, NotImplementedError, RuntimeError):
        # RuntimeError is zipfile's word for a part that is encrypted.
        return _sniff_parts(file)
    for pattern, media_type in _OFFICE_MAIN_PARTS:
        if pattern.search(declared):
            return media_type
    return MediaType.DOCX if "word/document.xml" in names else MediaType.ZIP


def _sniff_parts(file: BinaryIO) -> MediaType:
    """What the headers of an archive's parts say, where it has no table of contents that can be read."""
    file.seek(0)
    return MediaType.DOCX if _WORD_PART.search(file.read(_PARTS_BYTES)) else MediaType.ZIP


def _content_types(archive: zipfile.ZipFile, names: dict[str, str]) -> bytes:
    """What the package declares its parts to be, lower-case, and UTF-16 squeezed to ASCII."""
    name = names.get("[content_types].xml")
    if name is None:
        return b""
    if archive.getinfo(name).compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        return b""  # Office writes no others, and they unpack without a bound
    with archive.open(name) as part:
        return part.read(_CONTENT_TYPES_BYTES).replace(b"\0", b"").lower()


def _has_modest_contents(file: BinaryIO) -> bool:
    """Whether the archive's table of contents is there and small enough to be parsed whole."""
    end = file.seek(0, 2)
    start = max(0, end - (1 << 16) - 22)
    file.seek(start)
    tail = file.read()
    place = tail.rfind(b"PK\x05\x06")
    if place < 0 or len(tail) - place < 22:
        return False
    (contents_bytes,) = struct.unpack_from("<I", tail, place + 12)
    if place >= 20 and tail[place - 20 :].startswith(b"PK\x06\x07"):  # zip64: the true size is elsewhere
        (record,) = struct.unpack_from("<Q", tail, place - 12)
        if record > end - 56:
            return False
        file.seek(record)
        (contents_bytes,) = struct.unpack_from("<Q", file.read(56), 40)
    file.seek(0)
    return bool(contents_bytes <= _CONTENTS_BYTES)


def _sniff_text(head: bytes) -> MediaType:
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        text = head.decode("utf-16", errors="replace")
    else:
        text = head.removeprefix(codecs.BOM_UTF8).decode("latin-1")
        controls = sum(1 for character in text if character < " " and character not in "\t\n\r\f\x1b")
        if "\0" in text or controls * 20 > len(text):
            return MediaType.UNKNOWN
    start = text.lstrip().lower()
    if start.startswith(("<!doctype html", "<html", "<head", "<body")):
        return MediaType.HTML
    if start.startswith("<?xml"):
        return MediaType.HTML if "<html" in start else MediaType.XML
    return MediaType.TEXT
