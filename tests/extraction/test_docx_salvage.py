"""Word files whose zip has a damaged table of contents: their text if it is certain, else a reason."""

import io
import zipfile
from pathlib import Path

import pytest

from casemill.extraction.contract import Extracted, ExtractionLimits, Reason, Unreadable
from casemill.extraction.docx import extract_docx
from casemill.extraction.registry import extract
from tests.extraction.docx_package import package, part, reason, write

LIMITS = ExtractionLimits()


def p(text: str) -> str:
    return f"<w:p><w:r><w:t>{text}</w:t></w:r></w:p>"


def without_contents(path: Path) -> bytes:
    """The zip with its table of contents overwritten; its end is still there."""
    content = bytearray(path.read_bytes())
    start, end = content.find(b"PK\x01\x02"), content.rfind(b"PK\x05\x06")
    content[start:end] = b"\xaa" * (end - start)
    return bytes(content)


@pytest.fixture
def outcome(tmp_path: Path):
    def read(
        files: dict[str, str | bytes], damage: tuple[bytes, bytes] = (b"", b"")
    ) -> Extracted | Unreadable:
        path = write(tmp_path / "given.docx", files)
        content = without_contents(path)
        assert damage[0] in content
        path.write_bytes(content.replace(*damage, 1))
        with pytest.raises(zipfile.BadZipFile):
            zipfile.ZipFile(path)
        return extract_docx(path, LIMITS)

    return read


def test_a_damaged_table_of_contents_costs_a_note_and_no_text(outcome):
    """A fuzzed file of the corpus was called corrupt although every story in it was whole."""
    notes = part("footnotes", f'<w:footnote w:id="1">{p("note")}</w:footnote>')
    result = outcome(package(p("first") + p("last"), {"rId1": ("footnotes", "footnotes.xml", notes)}))
    assert isinstance(result, Extracted)
    assert result.text == "first\nlast\nnote"
    assert result.metadata["damage"] == "not read completely: the zip's table of contents"


def test_a_part_that_is_damaged_too_is_named(outcome, tmp_path: Path):
    files = package(p("text"), {"rId1": ("footnotes", "footnotes.xml", part("footnotes", p("note")))})
    whole = write(tmp_path / "whole.docx", files).read_bytes()
    with zipfile.ZipFile(io.BytesIO(whole)) as zipped:
        at = zipped.getinfo("word/footnotes.xml").header_offset
    header = whole[at : at + 40]
    result = outcome(files, (header, header[:14] + b"\0\0\0\0" + header[18:]))  # another checksum
    assert isinstance(result, Extracted)
    assert (result.text, "word/footnotes.xml" in result.metadata["damage"]) == ("text", True)


def test_text_that_fails_its_checksum_is_not_told(tmp_path: Path):
    """In another fuzzed file <w:body> had become <w:Sody>, and letters change as easily as tags."""
    path = tmp_path / "given.docx"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as zipped:
        for name, content in package(p("payment due")).items():
            zipped.writestr(name, content)
    content = without_contents(path)
    path.write_bytes(content)
    assert isinstance(extract_docx(path, LIMITS), Extracted)
    path.write_bytes(content.replace(b"payment", b"Payment"))
    result = extract_docx(path, LIMITS)
    assert reason(result) is Reason.CORRUPT_FILE
    assert "text of the document is damaged" in result.detail


def test_two_packages_run_together_are_not_mixed(tmp_path: Path):
    """A fuzzed file held the beginnings of two documents, and only one of the two texts was whole."""
    path = write(tmp_path / "given.docx", package(p("one")))
    other = write(tmp_path / "other.docx", package(p("two")))
    path.write_bytes(without_contents(path) + without_contents(other))
    assert reason(extract_docx(path, LIMITS)) is Reason.CORRUPT_FILE


def test_a_document_inside_the_document_is_not_taken_for_it(outcome, tmp_path: Path):
    """An embedded document is a zip, too, and so are the headers in it."""
    inner = write(tmp_path / "inner.docx", package(p("inner"))).read_bytes()
    result = outcome({"word/embeddings/inner.docx": inner} | package(p("outer")))
    assert isinstance(result, Extracted)
    assert result.text == "outer"


def test_parts_described_behind_themselves_are_found(tmp_path: Path):
    """How LibreOffice and everything that streams a zip writes it."""

    class Unseekable(io.RawIOBase):
        def __init__(self) -> None:
            self.written = bytearray()

        def writable(self) -> bool:
            return True

        def write(self, content: bytes) -> int:  # pyright: ignore[reportIncompatibleMethodOverride]
            self.written += content
            return len(content)

    stream = Unseekable()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as zipped:
        for name, content in package(p("streamed")).items():
            zipped.writestr(name, content)
    path = tmp_path / "given.docx"
    path.write_bytes(stream.written)
    path.write_bytes(without_contents(path))
    result = extract_docx(path, LIMITS)
    assert isinstance(result, Extracted)
    assert result.text == "streamed"


def test_a_file_cut_off_behind_its_text_is_corrupt(tmp_path: Path):
    """Headers and notes may have stood in the lost half, and uploading again gives all of it."""
    path = write(tmp_path / "given.docx", package(p("text")) | {"word/theme.xml": "x" * 5000})
    content = path.read_bytes()
    path.write_bytes(content[: content.find(b"PK\x01\x02")])
    assert reason(extract_docx(path, LIMITS)) is Reason.CORRUPT_FILE


def test_a_bomb_without_a_table_of_contents_is_not_unpacked(tmp_path: Path):
    path = write(tmp_path / "given.docx", {"a.bin": b"\0" * (3 << 20)} | package(p("text")))
    path.write_bytes(without_contents(path))
    assert reason(extract_docx(path, ExtractionLimits(unpacked_mb=2))) is Reason.CORRUPT_FILE
    assert isinstance(extract_docx(path, LIMITS), Extracted)


def test_a_fuzzed_file_of_the_corpus_gives_its_text(corpus: Path):
    name = "clusterfuzz-testcase-minimized-POIFuzzer-6709287337197568.docx"
    result = extract(corpus / "formats" / "docx" / name, LIMITS).outcome
    assert isinstance(result, Extracted)
    assert "ListFormatOverride" in result.text
