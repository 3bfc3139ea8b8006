"""The .docx reader: relatives of the format, damaged files, and files that are given up with a reason."""

import re
import struct
from pathlib import Path

import pytest

from casemill.extraction.contract import Extracted, ExtractionLimits, Reason, Unreadable
from casemill.extraction.docx import extract_docx
from tests.extraction.docx_package import (
    WORD,
    document_xml,
    p,
    package,
    part,
    reason,
    relationships,
    types,
    write,
)

LIMITS = ExtractionLimits()


# Relatives, and files slightly damaged


@pytest.mark.parametrize(
    "kind",
    [
        "application/vnd.ms-word.document.macroEnabled.main+xml",
        "application/vnd.ms-word.template.macroEnabledTemplate.main+xml",
        f"{WORD}.template.main+xml",
        "application/xml",
    ],
)
def test_templates_macro_documents_and_wrong_content_types_are_read(outcome, kind: str):
    result = outcome(package(p("text")) | {"[Content_Types].xml": types(kind=kind)})
    assert isinstance(result, Extracted)
    assert result.text == "text"


def test_a_strict_document_is_read_with_its_header(outcome):
    def strict(xml: str | bytes) -> bytes:
        assert isinstance(xml, str)
        pattern = r"http://schemas\.openxmlformats\.org/(wordprocessingml|officeDocument|drawingml)/2006/"
        return re.sub(pattern, r"http://purl.oclc.org/ooxml/\1/", xml).encode()

    header = part("hdr", p("head"))
    body = p("body") + '<w:sectPr><w:headerReference w:type="default" r:id="rId1"/></w:sectPr>'
    files = package(body, {"rId1": ("header", "header1.xml", header)})
    result = outcome({name: strict(xml) for name, xml in files.items()})
    assert isinstance(result, Extracted)
    assert result.text == "head\nbody"


def test_a_main_part_under_another_name_is_found_by_its_relationship(outcome):
    files = {
        "[Content_Types].xml": types("content/main.xml"),
        "_rels/.rels": relationships({"x": ("officeDocument", "/content/main.xml")}),
        "content/main.xml": document_xml(p("elsewhere")),
    }
    result = outcome(files)
    assert isinstance(result, Extracted)
    assert result.text == "elsewhere"


def test_a_main_part_is_found_by_its_type_where_relationships_are_lost(outcome):
    result = outcome({"[Content_Types].xml": types("doc2.xml"), "doc2.xml": document_xml(p("found"))})
    assert isinstance(result, Extracted)
    assert result.text == "found"


def test_relationships_to_missing_parts_cost_nothing(outcome):
    files = package(p("text") + '<w:sectPr><w:headerReference r:id="rId1"/></w:sectPr>')
    gone = {"rId1": ("header", "gone.xml"), "rId2": ("styles", "NULL"), "rId3": ("image", "../../x.png")}
    result = outcome(files | {"word/_rels/document.xml.rels": relationships(gone)})
    assert isinstance(result, Extracted)
    assert (result.text, result.metadata) == ("text", {})


def test_notes_and_headers_are_found_by_name_where_the_relationships_are_lost(outcome):
    files = package(p("body"), {"rId1": ("header", "header1.xml", part("hdr", p("head")))})
    files["word/footnotes.xml"] = part("footnotes", f'<w:footnote w:id="2">{p("note")}</w:footnote>')
    del files["word/_rels/document.xml.rels"]
    result = outcome(files)
    assert isinstance(result, Extracted)
    assert result.text == "head\nbody\nnote"


def test_a_missing_list_of_types_costs_nothing(outcome):
    files = package(p("text"))
    del files["[Content_Types].xml"]
    assert isinstance(outcome(files), Extracted)


def test_an_undeclared_prefix_costs_nothing(outcome):
    """Some generators forget to declare wp14; python-docx gives such a document up."""
    result = outcome(package("<w:p><w:r><wp14:x/><w:t>text</w:t></w:r></w:p>"))
    assert isinstance(result, Extracted)
    assert (result.text, result.metadata) == ("text", {})


def test_an_attribute_given_twice_costs_nothing(outcome):
    result = outcome(package('<w:p w:x="1" w:x="2"><w:r><w:t>text</w:t></w:r></w:p>'))
    assert isinstance(result, Extracted)
    assert (result.text, result.metadata) == ("text", {})


def test_a_blank_line_before_the_declaration_costs_nothing(outcome):
    """Templates of document generators begin so, and the document was called damaged."""
    xml = '\n<?xml version="1.0" encoding="UTF-8"?>' + document_xml(p("text"))
    result = outcome(package("") | {"word/document.xml": xml})
    assert isinstance(result, Extracted)
    assert (result.text, result.metadata) == ("text", {})


def test_a_damaged_part_beside_the_text_is_named(outcome):
    files = package(p("text"), {"rId1": ("footnotes", "footnotes.xml", "<w:footnotes")})
    result = outcome(files)
    assert isinstance(result, Extracted)
    assert result.text == "text"
    assert "word/footnotes.xml" in result.metadata["damage"]


def test_a_document_cut_off_in_the_middle_of_its_text_is_corrupt(outcome):
    """Half a document that looks whole would be worse than none."""
    files = package(p("text") * 10)
    files["word/document.xml"] = str(files["word/document.xml"])[:-120]
    assert reason(outcome(files)) is Reason.CORRUPT_FILE


def test_parts_in_utf16_are_read(outcome):
    xml = '<?xml version="1.0" encoding="UTF-16"?>' + document_xml(p("naïve"))
    result = outcome(package("") | {"word/document.xml": xml.encode("utf-16")})
    assert isinstance(result, Extracted)
    assert result.text == "naïve"


# Files that are given up


def test_a_document_without_text_says_so(outcome):
    assert reason(outcome(package("<w:p/>"))) is Reason.NO_TEXT_FOUND


def test_an_empty_file_says_so(outcome):
    assert reason(outcome(b"")) is Reason.EMPTY_FILE


@pytest.mark.parametrize(
    "content", [b"not a zip at all", b"PK\x03\x04" + b"\0" * 40, b"PK\x05\x06" + b"\xff" * 18]
)
def test_what_is_no_zip_is_corrupt(outcome, content: bytes):
    assert reason(outcome(content)) is Reason.CORRUPT_FILE


def test_a_truncated_upload_is_corrupt(outcome, tmp_path: Path):
    whole = write(tmp_path / "whole.docx", package(p("text") * 100)).read_bytes()
    assert reason(outcome(whole[: len(whole) // 2])) is Reason.CORRUPT_FILE


def test_a_zip_without_a_document_is_corrupt(outcome):
    assert reason(outcome({"readme.txt": "hello"})) is Reason.CORRUPT_FILE


def test_a_spreadsheet_is_not_a_word_document(outcome):
    files = package("") | {"word/document.xml": '<workbook xmlns="urn:x"/>'}
    assert reason(outcome(files)) is Reason.UNSUPPORTED_FORMAT


def test_no_single_flipped_byte_raises(tmp_path: Path):
    """A deterministic fuzz over the zip's own structures and the packed parts."""
    whole = write(tmp_path / "whole.docx", package(p("text") * 5)).read_bytes()
    path = tmp_path / "flipped.docx"
    for at in range(0, len(whole), 7):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 0xFF]) + whole[at + 1 :])
        assert isinstance(extract_docx(path, LIMITS), Extracted | Unreadable)


def test_an_encrypted_zip_entry_is_password_protected(tmp_path: Path):
    path = write(tmp_path / "locked.docx", package(p("text")))
    content = bytearray(path.read_bytes())
    for signature, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = content.find(signature)
        while at >= 0:
            content[at + flags] |= 1
            at = content.find(signature, at + 4)
    path.write_bytes(bytes(content))
    assert reason(extract_docx(path, LIMITS)) is Reason.PASSWORD_PROTECTED


def test_an_encrypted_document_is_password_protected(outcome):
    assert reason(outcome(ole_with("EncryptedPackage"))) is Reason.PASSWORD_PROTECTED


def test_an_older_word_file_under_this_name_says_what_it_is(outcome):
    result = outcome(ole_with("WordDocument"))
    assert reason(result) is Reason.CORRUPT_FILE
    assert ".doc" in result.detail


def ole_with(stream: str) -> bytes:
    """The smallest compound file ([MS-CFB]) with one empty stream: header, sector table, directory."""
    free, end, table = 0xFFFFFFFF, 0xFFFFFFFE, 0xFFFFFFFD
    header = bytes.fromhex("d0cf11e0a1b11ae1") + b"\0" * 16
    header += struct.pack("<HHHHHHLLLLLLLLLL", 0x3E, 3, 0xFFFE, 9, 6, 0, 0, 0, 1, 1, 0, 4096, end, 0, end, 0)
    header += struct.pack("<109L", 0, *[free] * 108)

    def named(name: str, kind: int, child: int) -> bytes:
        spelled = (name + "\0").encode("utf-16-le")
        ids = struct.pack("<BBLLL", kind, 1, free, free, child)
        rest = b"\0" * 36 + struct.pack("<LQ", end, 0)
        return spelled.ljust(64, b"\0") + struct.pack("<H", len(spelled)) + ids + rest

    directory = named("Root Entry", 5, 1) + named(stream, 2, free) + b"\0" * 256
    return header + struct.pack("<128L", table, end, *[free] * 126) + directory
