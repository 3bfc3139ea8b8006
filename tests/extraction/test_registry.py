"""A file of any kind ends as text or as a sentence about the name that people know."""

import json
from pathlib import Path

import pytest

from casemill.extraction.contract import Extracted, ExtractionLimits, Reason, Unreadable
from casemill.extraction.registry import (
    EXTRACTORS,
    extract,
    extract_as_json,
    extraction_from_json,
    load_extractor,
    shown_name,
)
from casemill.extraction.sniff import MediaType
from tests.extraction.doc_writer import word_97

LIMITS = ExtractionLimits()


def refusal(path: Path, name: str, limits: ExtractionLimits = LIMITS) -> Unreadable:
    outcome = extract(path, limits, name).outcome
    assert isinstance(outcome, Unreadable)
    return outcome


@pytest.mark.parametrize("media_type", EXTRACTORS)
def test_every_format_has_a_reader_that_loads(media_type: MediaType):
    assert callable(load_extractor(media_type))


def test_an_empty_file_is_told_from_a_broken_one(tmp_path: Path):
    (tmp_path / "stored").touch()
    assert refusal(tmp_path / "stored", "brief.pdf") == Unreadable(
        Reason.EMPTY_FILE, "brief.pdf is empty (0 bytes); upload it again"
    )


def test_a_file_over_the_limit_is_not_opened(tmp_path: Path):
    path = tmp_path / "stored"
    path.write_bytes(b"%PDF-1.4 nothing that could be read" + bytes(1 << 20))
    refused = refusal(path, "brief.pdf", ExtractionLimits(file_mb=1))
    assert refused.reason is Reason.TOO_LARGE
    assert "1.0 MB large, over the limit of 1 MB" in refused.detail


def test_an_unsupported_file_is_called_what_it_is(tmp_path: Path):
    path = tmp_path / "stored"
    path.write_bytes(b"\xffWPC\x10\0\0\0")
    assert refusal(path, "letter.wpd") == Unreadable(
        Reason.UNSUPPORTED_FORMAT,
        "letter.wpd is a WordPerfect document, which is not read;"
        " save it as PDF or .docx and upload the result",
    )
    assert extract(path, LIMITS).content_type == "application/vnd.wordperfect"


def test_an_image_is_sent_to_ocr(tmp_path: Path):
    path = tmp_path / "stored"
    path.write_bytes(b"\x89PNG\r\n\x1a\n")
    assert "run OCR over it" in refusal(path, "page.png").detail


def test_a_file_that_is_gone_is_a_reason_of_its_own(tmp_path: Path):
    refused = refusal(tmp_path / "gone", "brief.pdf")
    assert refused.reason is Reason.FILE_MISSING
    assert str(tmp_path) not in refused.detail


def test_sentences_never_tell_where_a_file_is_stored(tmp_path: Path):
    path = tmp_path / "0b5e2f9c-stored"
    path.write_bytes(b"%PDF-1.4 no PDF at all")
    refused = refusal(path, "brief.pdf")
    assert refused.reason is Reason.CORRUPT_FILE
    assert refused.detail.startswith("brief.pdf is damaged")
    assert "0b5e2f9c" not in refused.detail


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("brief.pdf", "brief.pdf"),
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\me\\brief.pdf", "brief.pdf"),
        ("two\nlines\x00.pdf", "two lines.pdf"),
        ("gnp.\u202efdp.exe", "gnp. fdp.exe"),
        ("", "the file"),
        ("///", "the file"),
        ("a" * 500 + ".pdf", "a" * 115 + "….pdf"),
    ],
)
def test_a_name_is_shown_so_that_a_sentence_can_hold_it(name: str, shown: str):
    assert shown_name(name) == shown


def test_a_name_with_special_characters_is_put_in_as_it_is(tmp_path: Path):
    path = tmp_path / "stored-file"
    path.write_bytes(b"%PDF-1.4 no PDF at all")
    assert "g<0>.pdf is damaged" in refusal(path, r"\1 {x} \g<0>.pdf").detail


def test_an_extraction_survives_the_way_through_json(corpus: Path):
    for file in ("ca2/ca2_1-1.pdf", "mixed/scanned.pdf", "mixed/word-docx.docx"):
        path = corpus / "cases" / file
        told = json.loads(json.dumps(extract_as_json(str(path), path.name, LIMITS.model_dump(mode="json"))))
        assert extraction_from_json(told) == extract(path, LIMITS)


@pytest.mark.parametrize(
    "told",
    [
        None,
        [],
        {"content_type": "x"},
        {"content_type": "x", "outcome": {"pages": "abc", "paged": True}},
        {"content_type": "x", "outcome": {"pages": [1], "paged": True}},
        {"content_type": "x", "outcome": {"reason": "no such reason", "detail": ""}},
    ],
)
def test_an_answer_that_is_no_extraction_is_refused(told: object):
    with pytest.raises(ValueError, match="validation error"):
        extraction_from_json(told)


def test_formats_of_one_case_are_all_read(corpus: Path):
    folder = corpus / "cases" / "mixed"
    read = {path.name: extract(path, LIMITS) for path in folder.iterdir()}
    assert isinstance(read["word-doc.doc"].outcome, Extracted)
    assert isinstance(read["word-docx.docx"].outcome, Extracted)
    assert {name: e.outcome.reason for name, e in read.items() if isinstance(e.outcome, Unreadable)} == {
        "empty.pdf": Reason.EMPTY_FILE,
        "scanned.pdf": Reason.NO_TEXT_FOUND,
        "word-perfect.wpd": Reason.UNSUPPORTED_FORMAT,
    }


def test_a_word_file_cut_off_in_transfer_is_corrupt_and_not_of_an_unknown_program(tmp_path: Path):
    """A .doc keeps its directory at its end; without it, such files were "of an unknown program"."""
    path = tmp_path / "letter.doc"
    path.write_bytes(word_97("a letter")[:600])
    outcome = extract(path, ExtractionLimits()).outcome
    assert isinstance(outcome, Unreadable)
    assert outcome.reason is Reason.CORRUPT_FILE
    assert "upload it again" in outcome.detail
