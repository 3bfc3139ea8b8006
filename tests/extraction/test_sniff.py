"""What a file is, is decided by its bytes, cheaply, even when they were made to deceive."""

import io
import struct
import zipfile
from pathlib import Path

import pytest

from casemill.extraction.sniff import MediaType, sniff

WORD = "application/vnd.openxmlformats-officedocument.wordprocessingml"
SHEET = "application/vnd.openxmlformats-officedocument.spreadsheetml"
SLIDES = "application/vnd.openxmlformats-officedocument.presentationml"
END, FREE, NONE = 0xFFFFFFFE, 0xFFFFFFFF, 0xFFFFFFFF


def sniffed(folder: Path, content: bytes, name: str = "letter.pdf") -> MediaType:
    (folder / name).write_bytes(content)
    return sniff(folder / name)


def package(*content_types: str, encoding: str = "utf-8", compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    overrides = "".join(
        f'<Override PartName="/x{i}" ContentType="{t}"/>' for i, t in enumerate(content_types)
    )
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        archive.writestr("[Content_Types].xml", f"<Types>{overrides}</Types>".encode(encoding))
        archive.writestr("word/other.xml", "<x/>")
    return buffer.getvalue()


def ole(rows: list[tuple[str, int, int, int]], following_directory_sector: int = END) -> bytes:
    """An OLE file of one FAT sector and one directory sector: rows of (name, left, right, child)."""
    header = bytearray(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1".ljust(512, b"\0"))
    struct.pack_into("<H", header, 30, 9)
    struct.pack_into("<I", header, 48, 1)  # the directory starts in sector 1
    struct.pack_into("<II", header, 68, END, 0)
    struct.pack_into("<109I", header, 76, 0, *[FREE] * 108)  # the FAT is sector 0
    table = struct.pack("<128I", 0xFFFFFFFD, following_directory_sector, *[FREE] * 126)
    directory = b""
    for name, left, right, child in rows:
        encoded = name.encode("utf-16-le") + b"\0\0"
        row = bytearray(encoded.ljust(128, b"\0"))
        struct.pack_into("<HBBIII", row, 64, len(encoded), 2, 1, left, right, child)
        directory += row
    return bytes(header) + table + directory.ljust(512, b"\0")


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", MediaType.EMPTY),
        (b"%PDF-1.7\n", MediaType.PDF),
        (b"mail header\n" * 50 + b"%PDF-1.4", MediaType.PDF),
        (b" " * 2000 + b"%PDF-1.4", MediaType.TEXT),
        (b"\xffWPC\x10\0", MediaType.WORDPERFECT),
        (b"{\\rtf1\\ansi hello}", MediaType.RTF),
        (b"\x89PNG\r\n\x1a\n....", MediaType.PNG),
        (b"\xff\xd8\xff\xe0....", MediaType.JPEG),
        (b"GIF89a....", MediaType.GIF),
        (b"II*\0....", MediaType.TIFF),
        (b"MM\0*....", MediaType.TIFF),
        (b"BM\x46\0\0\0\0\0\0\0\x36\0\0\0" + bytes(40), MediaType.BMP),
        (b"BM is how this sentence starts, and it is long enough", MediaType.TEXT),
        (b"RIFF\0\0\0\0WEBPVP8 ", MediaType.WEBP),
        (b"\n <!DOCTYPE html><p>", MediaType.HTML),
        (b"\xef\xbb\xbf<html>", MediaType.HTML),
        (b'<?xml version="1.0"?><html xmlns="x">', MediaType.HTML),
        (b'<?xml version="1.0"?><letter/>', MediaType.XML),
        ("<?xml version='1.0'?>".encode("utf-16"), MediaType.XML),
        ("Liebe Grüße".encode(), MediaType.TEXT),
        ("Liebe Grüße".encode("latin-1"), MediaType.TEXT),
        (b"\x7fELF\0\0\0", MediaType.UNKNOWN),
        (bytes(range(32)) * 10, MediaType.UNKNOWN),
    ],
)
def test_the_first_bytes_decide(tmp_path: Path, content: bytes, expected: MediaType):
    assert sniffed(tmp_path, content) is expected


@pytest.mark.parametrize(
    ("declared", "expected"),
    [
        (f"{WORD}.document.main+xml", MediaType.DOCX),
        (f"{WORD}.template.main+xml", MediaType.DOCX),
        ("application/vnd.ms-word.document.macroEnabled.main+xml", MediaType.DOCX),
        ("application/vnd.ms-word.template.macroEnabledTemplate.main+xml", MediaType.DOCX),
        (f"{SHEET}.sheet.main+xml", MediaType.XLSX),
        ("application/vnd.ms-excel.sheet.macroEnabled.main+xml", MediaType.XLSX),
        (f"{SLIDES}.presentation.main+xml", MediaType.PPTX),
        ("text/plain", MediaType.ZIP),
    ],
)
def test_an_office_file_is_what_its_main_part_is(tmp_path: Path, declared: str, expected: MediaType):
    assert sniffed(tmp_path, package(declared)) is expected
    assert sniffed(tmp_path, package(declared, encoding="utf-16")) is expected


def test_a_workbook_inside_a_letter_does_not_make_it_a_workbook(tmp_path: Path):
    letter = package(f"{SHEET}.sheet", f"{WORD}.document.main+xml", f"{SHEET}.sheet.main+xml")
    assert sniffed(tmp_path, letter) is MediaType.DOCX


def test_a_word_file_cut_off_in_transfer_is_still_a_word_file(tmp_path: Path):
    assert sniffed(tmp_path, package(f"{WORD}.document.main+xml")[:-60]) is MediaType.DOCX


def test_a_word_file_cut_off_behind_a_large_part_is_still_a_word_file(tmp_path: Path):
    """LibreOffice writes its list of types last and a thumbnail first; the stump was called a zip archive."""
    path = tmp_path / "whole.docx"
    with zipfile.ZipFile(path, "w") as archive:
        for name, size in (("docProps/thumbnail.jpeg", 5000), ("word/styles.xml", 100), ("z.xml", 100)):
            archive.writestr(name, bytes(size))
    assert sniffed(tmp_path, path.read_bytes()[:-150]) is MediaType.DOCX


def test_an_open_document_names_itself_at_its_start(tmp_path: Path):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.text")
    assert sniffed(tmp_path, buffer.getvalue()) is MediaType.ODT


@pytest.mark.parametrize("compression", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_parts_that_unpack_without_a_bound_are_not_unpacked(tmp_path: Path, compression: int):
    deceit = package(f"{WORD}.document.main+xml", compression=compression)
    assert sniffed(tmp_path, deceit) is MediaType.ZIP


def test_a_huge_table_of_contents_is_not_parsed(tmp_path: Path):
    """Half a million names: parsing them would cost seconds and hundreds of megabytes on every upload."""
    row = b"PK\x01\x02" + bytes(24) + struct.pack("<H", 1) + bytes(16) + b"a"
    contents = row * 500_000
    end = b"PK\x05\x06" + struct.pack("<HHHHIIH", 0, 0, 65535, 65535, len(contents), 4, 0)
    assert sniffed(tmp_path, b"PK\x03\x04" + contents + end) is MediaType.ZIP


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("WordDocument", MediaType.DOC),
        ("WORDDOCUMENT", MediaType.DOC),
        ("EncryptedPackage", MediaType.ENCRYPTED_OFFICE),
        ("Workbook", MediaType.XLS),
        ("PowerPoint Document", MediaType.PPT),
        ("__properties_version1.0", MediaType.OUTLOOK),
        ("Contents", MediaType.OLE),
    ],
)
def test_an_ole_file_is_what_its_main_stream_is(tmp_path: Path, name: str, expected: MediaType):
    assert sniffed(tmp_path, ole([("Root Entry", NONE, NONE, 1), (name, NONE, NONE, NONE)])) is expected


def test_a_letter_inside_a_workbook_does_not_make_it_a_letter(tmp_path: Path):
    rows = [
        ("Root Entry", NONE, NONE, 1),
        ("Workbook", NONE, 2, NONE),
        ("MBD0001", NONE, NONE, 3),
        ("WordDocument", NONE, NONE, NONE),
    ]
    assert sniffed(tmp_path, ole(rows)) is MediaType.XLS


def test_circles_in_an_ole_file_end(tmp_path: Path):
    rows = [("Root Entry", NONE, NONE, 1), ("A", 2, 1, 0), ("WordDocument", 1, 2, 1)]
    assert sniffed(tmp_path, ole(rows, following_directory_sector=1)) is MediaType.DOC


@pytest.mark.parametrize("size", [8, 76, 511, 512, 600, 1100])
def test_a_truncated_ole_file_is_a_damaged_one(tmp_path: Path, size: int):
    whole = ole([("Root Entry", NONE, NONE, 1), ("WordDocument", NONE, NONE, NONE)])
    assert sniffed(tmp_path, whole[:size]) is MediaType.DAMAGED_OLE


def test_an_ole_file_that_lost_a_part_of_its_directory_is_a_damaged_one(tmp_path: Path):
    rows = [("Root Entry", NONE, NONE, 1), ("Contents", NONE, 200, NONE)]
    assert sniffed(tmp_path, ole(rows)) is MediaType.DAMAGED_OLE


def test_real_files_are_what_they_are_named(corpus: Path):
    expected = {".pdf": MediaType.PDF, ".docx": MediaType.DOCX, ".doc": MediaType.DOC}
    files = [path for path in corpus.rglob("*") if path.suffix in expected and path.stat().st_size]
    assert len(files) > 100
    assert [path.name for path in files if sniff(path) is not expected[path.suffix]] == []
