"""Word 6 to 2003: what a .doc says, and how a broken or hostile one ends."""

import struct
from pathlib import Path

import pytest

from casemill.extraction.contract import Extracted, ExtractionLimits, Reason, Unreadable
from casemill.extraction.doc import extract_doc
from tests.extraction.doc_writer import SECTOR, TEXT_AT, compound_file, word_6, word_97

LIMITS = ExtractionLimits()
DELETED, INSERTED, HIDDEN = b"\x00\x08\x01", b"\x01\x08\x01", b"\x3c\x08\x01"
ROW_END = b"\x16\x24\x01\x17\x24\x01"


@pytest.fixture(autouse=True)
def without_libreoffice(monkeypatch: pytest.MonkeyPatch):
    """What is damaged stays damaged, whatever this machine has installed."""
    monkeypatch.setenv("PATH", "")


def outcome_of(content: bytes, tmp_path: Path, limits: ExtractionLimits = LIMITS) -> Extracted | Unreadable:
    path = tmp_path / "some.doc"
    path.write_bytes(content)
    return extract_doc(path, limits)


def text_of(content: bytes, tmp_path: Path) -> str:
    outcome = outcome_of(content, tmp_path)
    assert isinstance(outcome, Extracted), outcome
    return outcome.text


def reason_of(content: bytes, tmp_path: Path, limits: ExtractionLimits = LIMITS) -> Reason | None:
    outcome = outcome_of(content, tmp_path, limits)
    return outcome.reason if isinstance(outcome, Unreadable) else None


# Characters


def test_a_document_has_one_text_and_no_pages(tmp_path: Path):
    assert outcome_of(word_97("Plain words.\r"), tmp_path) == Extracted(
        pages=("Plain words.",), paged=False, language="en-US"
    )


def test_pieces_of_both_kinds_follow_each_other_as_the_piece_table_says(tmp_path: Path):
    assert text_of(word_97(b"Compressed, ", "Юникод, ", b"compressed.\r"), tmp_path) == (
        "Compressed, Юникод, compressed."
    )


def test_compressed_bytes_above_7f_are_the_characters_of_the_specification(tmp_path: Path):
    text = text_of(word_97(bytes([0x93, 0x85, 0x94, 0x96, 0x9F, 0xE9, 0xA7, 0xA0, 0x80]) + b".\r"), tmp_path)
    assert text == "“…”–Ÿé§\u00a0€."


def test_a_surrogate_pair_does_not_shift_what_follows(tmp_path: Path):
    text = text_of(word_97("𝒜 Body.\rNote 𝒜.\r", others=(9, 0, 0, 0, 0, 0, 0)), tmp_path)
    assert text == "𝒜 Body.\nNote 𝒜."


def test_a_surrogate_pair_split_over_two_pieces_is_one_character(tmp_path: Path):
    assert text_of(word_97("a\ud835", "\udc9cb.\r"), tmp_path) == "a𝒜b."


def test_half_a_surrogate_pair_is_shown_as_unreadable(tmp_path: Path):
    assert text_of(word_97("a\ud835b\r"), tmp_path) == "a\ufffdb"


def test_breaks_are_newlines_and_special_hyphens_are_plain_or_gone(tmp_path: Path):
    text = text_of(
        word_97("line\x0bbreak\x0cpage\x0ecolumn\rnon\x1ebreaking op\x1ftional\u00a0space\r"), tmp_path
    )
    assert text == "line\nbreak\npage\ncolumn\nnon-breaking optional\u00a0space"


def test_pictures_and_references_leave_no_trace(tmp_path: Path):
    assert text_of(word_97("a\x01b\x02c\x05d\x08e\r"), tmp_path) == "abcde"


# Fields


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ('See \x13HYPERLINK "http://hidden.example"\x14the site\x15.', "See the site."),
        ("\x13XE secret\x15Kept", "Kept"),
        ("\x13IF \x13MERGEFIELD code\x14inner\x15 = 1\x14outer\x15 end", "outer end"),
        ("\x13TOC\x14one \x13PAGEREF x\x147\x15 two\x15 end", "one 7 two end"),
        ("\x13REF a\x14x\x14y\x15 end", "xy end"),
        ("\x13 begins and never ends", " begins and never ends"),
        ("stray \x14 separator and \x15 end", "stray  separator and  end"),
    ],
)
def test_of_a_field_only_the_result_is_kept(raw: str, shown: str, tmp_path: Path):
    assert text_of(word_97("Before. " + raw + "\r"), tmp_path) == "Before. " + shown


def test_thousands_of_nested_fields_are_read(tmp_path: Path):
    depth = 5_000
    raw = "\x13c\x14" * depth + "core" + "\x15" * depth
    assert text_of(word_97(raw + "\r"), tmp_path) == "core"


# Formatting


def test_text_deleted_under_track_changes_is_not_in_the_text(tmp_path: Path):
    content = word_97("Keep. Drop. Added.\r", runs={(6, 12): DELETED, (12, 18): INSERTED})
    assert text_of(content, tmp_path) == "Keep. Added."


def test_a_deletion_applied_to_a_whole_piece_by_a_fast_save_counts(tmp_path: Path):
    rmark_del = 0x41 << 1 | 1 << 8
    assert text_of(word_97("Keep. ", "Drop. ", "Too.\r", modifiers={1: rmark_del}), tmp_path) == "Keep. Too."


def test_a_deletion_that_was_taken_back_is_no_deletion(tmp_path: Path):
    assert text_of(word_97("Stays.\r", runs={(0, 6): DELETED + b"\x00\x08\x00"}), tmp_path) == "Stays."


def test_a_field_half_deleted_still_ends_where_it_ends(tmp_path: Path):
    content = word_97("a\x13code\x14result\x15b\r", runs={(1, 6): DELETED})
    assert text_of(content, tmp_path) == "aresultb"


def test_hidden_text_is_kept(tmp_path: Path):
    assert text_of(word_97("Seen. Hidden.\r", runs={(6, 13): HIDDEN}), tmp_path) == "Seen. Hidden."


def test_a_symbol_is_the_character_chosen_and_not_the_bracket_that_stands_for_it(tmp_path: Path):
    section = b"\x09\x6a\x00\x00\xa7\x00"
    assert text_of(word_97("See ( 7 (a).\r", runs={(4, 5): section}), tmp_path) == "See § 7 (a)."


def test_a_row_is_a_line_and_its_cells_are_parted_by_tabs_even_empty_ones(tmp_path: Path):
    raw = "a\x07b\x07\x07c\x07\x07\x07after\r"
    content = word_97(raw, paragraphs={(4, 5): ROW_END, (8, 9): ROW_END, (0, 2): b"\x16\x24\x01"})
    assert raw[4] == raw[8] == "\x07"
    assert text_of(content, tmp_path) == "a\tb\nc\t\nafter"


# Stories


def test_every_story_is_read(tmp_path: Path):
    parts = "Body.\r", "Note.\r", "", "", "Comment.\r", "Endnote.\r", "Box.\r", "Header box.\r"
    content = word_97("".join(parts), others=tuple(map(len, parts[1:])))
    assert text_of(content, tmp_path).split("\n") == [
        "Body.", "Note.", "Endnote.", "Comment.", "Box.", "Header box.",
    ]  # fmt: skip


def test_a_header_is_told_once_and_separators_never(tmp_path: Path):
    separators = "\x03\r", "\x04\r", "cont.\r", "", "", ""
    first = "", "Header\r\r", "", "Footer\r\r", "", ""
    second = "", "Header\r\r", "", "Other footer\r\r", "\r", ""
    stories = [*separators, *first, *second]
    edges = [sum(map(len, stories[:n])) for n in range(len(stories) + 1)]
    raw = "".join(stories) + "\r"
    content = word_97("Body.\r" + raw, others=(0, len(raw), 0, 0, 0, 0, 0), header_edges=(*edges, len(raw)))
    assert text_of(content, tmp_path).split("\n") == ["Body.", "Header", "Footer", "Other footer"]


def test_headers_whose_table_is_disordered_are_kept_whole(tmp_path: Path):
    content = word_97("Body.\rHeader\r", others=(0, 7, 0, 0, 0, 0, 0), header_edges=(9, 0, 0xFFFFFFFF, 3))
    assert text_of(content, tmp_path) == "Body.\nHeader"


# Word 6 and 95


def test_a_word_6_document_is_read(tmp_path: Path):
    text = text_of(word_6(b"Caf\xe9 \x93old\x94\rA\x07B\x07\x07end\r"), tmp_path)
    assert text == "Café “old”\nA\tB\nend"


@pytest.mark.parametrize(
    ("language", "word", "codec"),
    [
        (0x0419, "Привет", "cp1251"),
        (0x0411, "日本語表示", "cp932"),
        (0x0415, "Zażółć", "cp1250"),
        (0x0408, "Ωραία", "cp1253"),
    ],
)
def test_the_language_of_a_word_6_document_tells_its_code_page(
    language: int, word: str, codec: str, tmp_path: Path
):
    assert text_of(word_6(word.encode(codec) + b"\r", language=language), tmp_path) == word


def test_the_fonts_of_a_word_6_document_written_in_an_english_word_tell_its_code_page(tmp_path: Path):
    content = word_6("Привет".encode("cp1251") + b"\r", font_character_sets=(0, 2, 204))
    assert text_of(content, tmp_path) == "Привет"


def test_text_deleted_in_a_word_6_document_is_not_in_the_text(tmp_path: Path):
    in_bold_and_deleted = b"\x55\x01\x5d\x02\x00\x41\x01"
    content = word_6(b"Keep. Drop. Too.\r", runs={(0, 6): b"\x55\x01", (6, 12): in_bold_and_deleted})
    assert text_of(content, tmp_path) == "Keep. Too."


def test_a_word_6_document_with_a_password_says_so(tmp_path: Path):
    assert reason_of(word_6(b"\x81\x82\x83", flags=0x8100), tmp_path) is Reason.PASSWORD_PROTECTED


# What cannot be read


def test_an_encrypted_document_asks_for_a_copy_without_a_password(tmp_path: Path):
    outcome = outcome_of(word_97("x\r", flags=0x0300), tmp_path)
    assert outcome == Unreadable(
        Reason.PASSWORD_PROTECTED, "some.doc is password-protected; upload a copy without a password"
    )


@pytest.mark.parametrize(
    "content",
    [
        compound_file({"WordDocument": struct.pack("<2H", 0xA5DB, 45)}),
        compound_file({"Workbook": b"cells"}),
    ],
    ids=["word 2", "a spreadsheet"],
)
def test_other_versions_and_other_documents_are_not_supported(content: bytes, tmp_path: Path):
    assert reason_of(content, tmp_path) is Reason.UNSUPPORTED_FORMAT


def test_a_document_of_pictures_has_no_text(tmp_path: Path):
    assert reason_of(word_97("\x01\r\x01\r"), tmp_path) is Reason.NO_TEXT_FOUND


def test_a_document_with_more_text_than_the_limit_is_too_large(tmp_path: Path):
    limits = ExtractionLimits(characters=10)
    assert reason_of(word_97("123456789\r"), tmp_path, limits) is None
    assert reason_of(word_97("1234567890\r"), tmp_path, limits) is Reason.TOO_LARGE


def test_a_path_that_holds_no_compound_file_is_damaged(tmp_path: Path):
    for content in (b"", b"{\\rtf1 text}", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"):
        assert reason_of(content, tmp_path) is Reason.CORRUPT_FILE


@pytest.mark.parametrize(
    "content",
    [
        word_97("Text.\r", body=-1),
        word_97("Text.\r", body=0x7FFFFFFF),
        word_97("Text.\r", body=1000),
        word_97("Text.\r", table_name="2Table"),
        word_97("Text.\r", flags=0),
    ],
    ids=["negative length", "gigantic length", "longer than its pieces", "no table", "the other table"],
)
def test_a_document_that_contradicts_itself_is_corrupt(content: bytes, tmp_path: Path):
    assert reason_of(content, tmp_path) is Reason.CORRUPT_FILE


def test_pieces_that_all_show_the_same_bytes_do_not_multiply_them(tmp_path: Path):
    """A piece table may name the same stretch a thousand times: that would be text far beyond the file."""
    pieces = 150
    plc = struct.pack(f"<{pieces + 1}I", *(n * 1000 for n in range(pieces + 1)))
    plc += struct.pack("<HIH", 0, TEXT_AT * 2 | 0x40000000, 0) * pieces
    bomb = b"\x02" + struct.pack("<I", len(plc)) + plc
    honest = word_97(b"x" * 1000 + b"\r", body=pieces * 1000)
    at = honest.index(b"\x02" + struct.pack("<I", 16))
    pair = honest.index(struct.pack("<2I", at % SECTOR, 21))
    content = bytearray(honest)
    content[pair + 4 : pair + 8] = struct.pack("<I", len(bomb))
    content[at : at + len(bomb)] = bomb
    assert reason_of(bytes(content), tmp_path) is Reason.CORRUPT_FILE


def test_a_chain_that_bites_its_tail_and_claims_four_gigabytes_is_refused_at_once(tmp_path: Path):
    content = bytearray(word_97("Text.\r"))
    entry = content.index("WordDocument".encode("utf-16-le"))
    content[entry + 120 : entry + 124] = struct.pack("<I", 0xFFFFFFF0)
    content[SECTOR + 4 * 3 : SECTOR + 4 * 3 + 4] = struct.pack("<I", 2)
    assert reason_of(bytes(content), tmp_path) is Reason.CORRUPT_FILE


@pytest.mark.parametrize("place", [30, 32, 44, 64, 72], ids=["sector", "mini", "fat", "mini fat", "difat"])
def test_impossible_counts_in_the_container_are_refused_at_once(place: int, tmp_path: Path):
    content = bytearray(word_97("Text.\r"))
    content[place : place + 2] = b"\xff\xff"
    assert reason_of(bytes(content), tmp_path) is Reason.CORRUPT_FILE
