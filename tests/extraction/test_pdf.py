"""Text of a PDF, page by page, or the reason why there is none."""

import time
from pathlib import Path

import pypdf
import pytest
from fpdf import FPDF

from casemill.extraction.contract import Extracted, ExtractionLimits, Reason, Unreadable
from casemill.extraction.pdf import extract_pdf
from casemill.extraction.pdf_facts import language_tag, metadata_from
from casemill.extraction.pdf_slow import extract_pdf_slowly

LIMITS = ExtractionLimits()


def made(folder: Path, *pages: str, title: str = "", language: str = "") -> Path:
    """A PDF with a page for each text."""
    pdf = FPDF()
    pdf.set_font("Helvetica", size=12)
    if title:
        pdf.set_title(title)
    if language:
        pdf.set_lang(language)
    for text in pages:
        pdf.add_page()
        pdf.multi_cell(0, 6, text)
    path = folder / "made.pdf"
    pdf.output(str(path))
    return path


def objects(*bodies: bytes) -> bytes:
    """A PDF of numbered objects, the first its catalog; readers rebuild the missing table."""
    numbered = b"".join(b"%d 0 obj\n%s\nendobj\n" % (number, body) for number, body in enumerate(bodies, 1))
    return b"%PDF-1.7\n" + numbered + b"trailer\n<</Root 1 0 R/Size %d>>\n" % (len(bodies) + 1)


def with_annotations(folder: Path, *annotations: bytes, form: bytes = b"") -> Path:
    """A page that says "body", with annotations; they are numbered from 6 on."""
    references = b" ".join(b"%d 0 R" % (6 + index) for index in range(len(annotations)))
    content = b"BT /F 12 Tf 50 50 Td (body) Tj ET"
    path = folder / "annotated.pdf"
    path.write_bytes(
        objects(
            b"<</Type/Catalog/Pages 2 0 R%s>>" % form,
            b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
            b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 300 300]/Contents 4 0 R/Annots[%s]"
            b"/Resources<</Font<</F 5 0 R>>>>>>" % references,
            b"<</Length %d>>stream\n%s\nendstream" % (len(content), content),
            b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
            *annotations,
        )
    )
    return path


def read(path: Path, limits: ExtractionLimits = LIMITS) -> Extracted:
    outcome = extract_pdf(path, limits)
    assert isinstance(outcome, Extracted), outcome
    return outcome


def refused(path: Path, limits: ExtractionLimits = LIMITS) -> Unreadable:
    outcome = extract_pdf(path, limits)
    assert isinstance(outcome, Unreadable), outcome
    return outcome


def test_a_blank_page_is_an_empty_string_in_its_place(tmp_path: Path):
    assert read(made(tmp_path, "one", "", "three")).pages == ("one", "", "three")


def test_language_and_metadata_are_what_the_file_declares(tmp_path: Path):
    extracted = read(made(tmp_path, "text", title="A brief", language="en-us"))
    assert extracted.language == "en-US"
    assert extracted.metadata["title"] == "A brief"
    assert extracted.metadata["created"].startswith("20")
    assert "author" not in extracted.metadata


@pytest.mark.parametrize(
    ("declared", "tag"),
    [
        ("EN-US", "en-US"),
        ("de", "de"),
        ("zh-hant-tw", "zh-Hant-TW"),
        ("en_GB", "en-GB"),
        ("English", None),
        ("", None),
    ],
)
def test_a_language_is_kept_only_if_it_is_a_tag(declared: str, tag: str | None):
    assert language_tag(declared) == tag


@pytest.mark.parametrize(
    ("date", "iso"),
    [
        ("D:20240614202028-04'00'", "2024-06-14T20:20:28-04:00"),
        ("D:20240614202028Z00'00'", "2024-06-14T20:20:28+00:00"),
        ("D:2024", "2024-01-01T00:00:00+00:00"),
        ("D:20249999", "D:20249999"),
        ("last Tuesday", "last Tuesday"),
    ],
)
def test_a_date_is_told_in_iso_8601_if_it_is_one(date: str, iso: str):
    assert metadata_from({"CreationDate": date}) == {"created": iso}


def test_an_owner_password_alone_does_not_stop_a_reader(tmp_path: Path):
    path = encrypted(made(tmp_path, "for all to read"), user="", owner="secret")
    assert read(path).pages == ("for all to read",)


@pytest.mark.parametrize("algorithm", ["RC4-40", "RC4-128", "AES-128", "AES-256"])
def test_a_user_password_is_a_reason_of_its_own(tmp_path: Path, algorithm: str):
    path = encrypted(made(tmp_path, "secret"), user="known to few", owner="x", algorithm=algorithm)
    assert refused(path) == Unreadable(
        Reason.PASSWORD_PROTECTED, "made.pdf is password-protected; upload a copy without a password"
    )


def encrypted(path: Path, user: str, owner: str, algorithm: str = "AES-256") -> Path:
    writer = pypdf.PdfWriter(clone_from=path)
    writer.encrypt(user, owner, algorithm=algorithm)
    writer.write(path)
    return path


def test_comments_are_read_once_and_hidden_ones_not(tmp_path: Path):
    note = b"<</Type/Annot/Subtype/%s/Rect[0 0 9 9]/Contents(%s)/F %d>>"
    path = with_annotations(
        tmp_path,
        note % (b"FreeText", b"see exhibit B", 4),
        note % (b"Highlight", b"see exhibit B", 4),
        note % (b"Text", b"hidden", 2),
        note % (b"Popup", b"popup", 4),
        note % (b"Link", b"link", 4),
        note % (b"Stamp", b"RECEIVED", 4),
    )
    assert read(path).pages == ("body\nsee exhibit B\nRECEIVED",)


def test_what_was_filled_in_is_read_and_passwords_are_not(tmp_path: Path):
    field = b"<</Type/Annot/Subtype/Widget/Rect[0 0 9 9]/FT/%s/T(%s)/V(%s)/Ff %d/F 4>>"
    path = with_annotations(
        tmp_path,
        field % (b"Tx", b"name", b"Jane Roe", 0),
        field % (b"Tx", b"pin", b"hunter2", 1 << 13),
        field % (b"Ch", b"state", b"Ohio", 1 << 17),
        form=b"/AcroForm<</Fields[6 0 R 7 0 R 8 0 R]>>",
    )
    assert read(path).pages == ("body\nJane Roe\nOhio",)


def test_more_pages_than_the_limit_are_too_large(tmp_path: Path):
    outcome = refused(made(tmp_path, "1", "2", "3"), ExtractionLimits(pages=2))
    assert outcome.reason is Reason.TOO_LARGE
    assert "3 pages" in outcome.detail


def test_more_text_than_the_limit_is_too_large(tmp_path: Path):
    path = made(tmp_path, "word " * 100, "word " * 100)
    assert refused(path, ExtractionLimits(characters=600)).reason is Reason.TOO_LARGE
    assert isinstance(extract_pdf(path, ExtractionLimits(characters=1200)), Extracted)


def test_a_document_without_text_is_sent_to_ocr(tmp_path: Path):
    assert refused(made(tmp_path, "", "")) == Unreadable(
        Reason.NO_TEXT_FOUND,
        "made.pdf: no text found on its 2 pages; it looks scanned. Run OCR over it and upload the result",
    )


@pytest.mark.parametrize("keep", [5, 100, 400])
def test_a_file_cut_off_in_transfer_is_corrupt(tmp_path: Path, keep: int):
    path = made(tmp_path, "text")
    path.write_bytes(path.read_bytes()[:keep])
    outcome = refused(path)
    assert outcome.reason is Reason.CORRUPT_FILE
    assert outcome.detail.startswith("made.pdf")


def test_a_file_without_its_table_of_objects_is_still_read(tmp_path: Path):
    path = with_annotations(tmp_path)
    assert b"xref" not in path.read_bytes()
    assert read(path).pages == ("body",)


def test_an_unreadable_page_among_others_is_blank(corpus: Path):
    assert read(corpus / "hostile/pagetree_cycle.pdf").pages == ("hello", "")


def test_a_page_tree_that_lies_ends_at_the_limit(corpus: Path):
    started = time.process_time()
    assert refused(corpus / "hostile/pagetree_10e6.pdf").reason is Reason.TOO_LARGE
    assert time.process_time() - started < 2


def test_real_forms_and_comments_are_read(corpus: Path):
    form = read(corpus / "formats/pdf/libreoffice-form.pdf").text
    assert form.count("Alice") == form.count("Bob") == 1
    comments = read(corpus / "formats/pdf/annotated_pdf.pdf").text
    assert all(comments.count(note) == 1 for note in ("This is a text annotation.", "Highlight comment"))


def test_hyphens_of_real_filings_are_decided(corpus: Path):
    circuit = read(corpus / "cases/ca1/ca1_00117684624.pdf").text
    assert all(word in circuit for word in ("Early on, in-person", "traditional in-person", "second-story"))
    assert "sollicitudin" in read(corpus / "formats/pdf/multicolumn.pdf").text


def test_every_court_filing_has_text_on_its_pages(corpus: Path):
    filings = [path for path in (corpus / "cases").rglob("*.pdf") if path.parent.name != "mixed"]
    assert len(filings) >= 8
    for path in filings:
        extracted = read(path)
        assert extracted.page_count
        assert all(extracted.pages), path.name
        assert "\r" not in extracted.text


@pytest.mark.parametrize("name", ["cases/mixed/scanned.pdf", "formats/pdf/imagemagick-lzw.pdf"])
def test_a_scan_has_no_text(corpus: Path, name: str):
    assert refused(corpus / name).reason is Reason.NO_TEXT_FOUND


def test_the_second_reader_keeps_the_same_promises(tmp_path: Path):
    path = made(tmp_path, "one", "", title="A brief", language="en-US")
    extracted = extract_pdf_slowly(path, LIMITS)
    assert isinstance(extracted, Extracted)
    assert extracted.pages == ("one", "")
    assert (extracted.language, extracted.metadata["title"]) == ("en-US", "A brief")
    too_long = extract_pdf_slowly(path, ExtractionLimits(pages=1))
    assert isinstance(too_long, Unreadable)
    assert too_long.reason is Reason.TOO_LARGE


def test_the_second_reader_never_raises_for_what_a_file_holds(tmp_path: Path):
    for number, content in enumerate(
        (b"", b"%PDF-1.7", b"%PDF-1.7\ntrailer<</Root 1 0 R>>", b"%PDF-" + bytes(999))
    ):
        path = tmp_path / f"{number}.pdf"
        path.write_bytes(content)
        outcome = extract_pdf_slowly(path, LIMITS)
        assert isinstance(outcome, Unreadable)
        assert outcome.reason is Reason.CORRUPT_FILE


@pytest.mark.parametrize("turned", [0, 90, 180, 270])
def test_lines_of_a_page_displayed_sideways_stay_in_order(tmp_path: Path, turned: int):
    """Scans of landscape pages are often turned the wrong way; pdfium gave their last line first."""
    lines = [f"line {number} of the page" for number in range(5)]
    path = made(tmp_path, "\n".join(lines))
    writer = pypdf.PdfWriter(clone_from=path)
    writer.pages[0].rotate(turned)
    writer.write(path)
    assert read(path).text.splitlines() == lines
