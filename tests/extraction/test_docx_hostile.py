"""The .docx reader: nothing hostile gets through."""

import struct
from pathlib import Path

import pytest

from casemill.extraction.contract import Extracted, ExtractionLimits, Reason
from casemill.extraction.docx import extract_docx
from tests.extraction.docx_package import (
    NAMESPACES,
    NUMBERING,
    document_xml,
    listed,
    p,
    package,
    part,
    reason,
    relationships,
    write,
)

LIMITS = ExtractionLimits()


def test_more_unpacked_than_allowed_is_refused(outcome):
    files = package(p("text")) | {"word/media/a.bmp": b"\0" * (2 * 1024 * 1024)}
    assert reason(outcome(files, ExtractionLimits(unpacked_mb=1))) is Reason.TOO_LARGE


def lying(path: Path, member: str, declared: int) -> None:
    """Rewrites the size that the central directory declares for a member."""
    content = bytearray(path.read_bytes())
    at = content.find(b"PK\x01\x02")
    while at >= 0:
        (length,) = struct.unpack_from("<H", content, at + 28)
        if content[at + 46 : at + 46 + length] == member.encode():
            struct.pack_into("<I", content, at + 24, declared)
        at = content.find(b"PK\x01\x02", at + 4)
    path.write_bytes(bytes(content))


def test_a_part_larger_than_it_declares_is_refused_too(tmp_path: Path):
    path = write(tmp_path / "lying.docx", package(p("x" * (2 * 1024 * 1024))))
    lying(path, "word/document.xml", 10)
    assert reason(extract_docx(path, ExtractionLimits(unpacked_mb=1))) is Reason.TOO_LARGE


def test_a_part_that_declares_a_wrong_size_within_the_limits_is_read_whole(tmp_path: Path):
    path = write(tmp_path / "lying.docx", package(p("first") + p("last")))
    lying(path, "word/document.xml", 10)
    result = extract_docx(path, LIMITS)
    assert isinstance(result, Extracted)
    assert result.text == "first\nlast"


def test_a_size_that_cannot_be_true_is_not_believed(tmp_path: Path):
    """A flipped bit in the size of a picture made a small file "unpack to more than 500 MiB"."""
    path = write(tmp_path / "lying.docx", package(p("text")) | {"word/media/a.png": b"picture"})
    lying(path, "word/media/a.png", 3 << 30)
    result = extract_docx(path, LIMITS)
    assert isinstance(result, Extracted)
    assert result.text == "text"


def test_more_xml_than_the_memory_could_hold_parsed_is_refused(outcome):
    files = package(p("x" * (17 * 1024 * 1024)))
    assert reason(outcome(files, ExtractionLimits(memory_mb=256))) is Reason.TOO_LARGE


@pytest.mark.parametrize("body", [p("x" * 10_100_000), "<w:sdt>" * 300 + p("x") + "</w:sdt>" * 300])
def test_more_than_the_xml_parser_takes_is_not_called_damage(outcome, body: str):
    """People were told to repair a file that was whole."""
    assert reason(outcome(package(body))) is Reason.TOO_LARGE


def test_more_characters_than_allowed_are_refused(outcome):
    assert reason(outcome(package(p("x" * 50) * 3), ExtractionLimits(characters=100))) is Reason.TOO_LARGE


def test_numbers_of_lists_count_as_characters(outcome):
    files = package(listed("x", 0) * 20, {"rId1": ("numbering", "numbering.xml", NUMBERING)})
    assert reason(outcome(files, ExtractionLimits(characters=50))) is Reason.TOO_LARGE


LAUGHS = (
    '<!DOCTYPE w [<!ENTITY a "ha">'
    + "".join(f'<!ENTITY {c} "{f"&{b};" * 10}">' for b, c in zip("abcdefghi", "bcdefghij", strict=True))
    + "]>"
)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-7"])
@pytest.mark.parametrize("name", ["word/document.xml", "_rels/.rels", "word/styles.xml"])
def test_a_part_with_entities_is_refused_whatever_its_encoding(outcome, name: str, encoding: str):
    files = package(
        p("&j;" if name == "word/document.xml" else "text"),
        {"s": ("styles", "styles.xml", part("styles", ""))},
    )
    xml = f'<?xml version="1.0" encoding="{encoding.upper()}"?>{LAUGHS}{files[name]}'
    files[name] = xml.encode(encoding)
    assert reason(outcome(files)) is Reason.CORRUPT_FILE


def test_an_external_entity_is_not_fetched(outcome, tmp_path: Path):
    secret = tmp_path / "secret.txt"
    secret.write_text("the secret")
    files = package(p("&x;"))
    files["word/document.xml"] = (
        f'<!DOCTYPE w [<!ENTITY x SYSTEM "{secret.as_uri()}">]>{files["word/document.xml"]}'
    )
    result = outcome(files)
    assert reason(result) is Reason.CORRUPT_FILE
    assert "the secret" not in str(result)


@pytest.mark.parametrize("depth", [50, 5_000, 100_000])
def test_deep_nesting_ends_with_text_or_a_reason(outcome, depth: int):
    body = "<w:customXml>" * depth + p("deep") + "</w:customXml>" * depth
    result = outcome(package(body))
    if depth == 50:
        assert isinstance(result, Extracted)
        assert result.text == "deep"
    else:
        assert reason(result) is Reason.TOO_LARGE


def test_relationships_that_run_in_a_circle_end(outcome):
    files = package(p("text"), {"rId1": ("header", "document.xml", document_xml(p("text")))})
    result = outcome(files)
    assert isinstance(result, Extracted)
    assert result.text == "text"


def test_names_that_point_outside_the_package_are_only_names(outcome):
    files = package(p("text"))
    files["word/_rels/document.xml.rels"] = relationships({"rId1": ("header", "../../../../etc/passwd")})
    files["../../etc/passwd"] = "root"
    assert isinstance(outcome(files), Extracted)


def test_a_chart_drawn_many_times_is_told_once(text_of):
    chart = f"<c:chartSpace {NAMESPACES}><a:p><a:r><a:t>Rain</a:t></a:r></a:p></c:chartSpace>"
    drawn = '<w:p><w:r><w:drawing><c:chart r:id="rId1"/></w:drawing></w:r></w:p>'
    assert text_of(drawn * 50, {"rId1": ("chart", "c.xml", chart)}).count("Rain") == 1
