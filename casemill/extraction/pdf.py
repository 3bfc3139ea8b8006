"""PDF: text page by page, by pdfium; by pypdf where pdfium finds nothing.

pdfium reads many times faster than pypdf and finds as much, so pypdf is asked only about files that pdfium
cannot open, or finds no text in although more than pictures is on their pages.
"""

import ctypes
import os
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from casemill.extraction.contract import Extracted, ExtractionLimits, Reason, Unreadable, clean_text
from casemill.extraction.hyphens import join_broken_words
from casemill.extraction.pdf_facts import language_tag, metadata_from
from casemill.extraction.pdf_notes import notes_on_page, opened_form, pdfium, wide
from casemill.extraction.pdf_upright import turned_upright

_METADATA_KEYS = ("Title", "Author", "Subject", "Keywords", "Creator", "Producer", "CreationDate", "ModDate")
_PICTURES = frozenset({pdfium.FPDF_PAGEOBJ_IMAGE, pdfium.FPDF_PAGEOBJ_PATH, pdfium.FPDF_PAGEOBJ_SHADING})


@dataclass(frozen=True, slots=True)
class _Reading:
    """What pdfium made of a file, and whether pypdf could still know better."""

    outcome: Extracted | Unreadable
    is_final: bool


def extract_pdf(path: Path, limits: ExtractionLimits) -> Extracted | Unreadable:
    """Text of each page with its form values and comments below it, language and metadata."""
    try:
        reading = _read_with_pdfium(path, limits)
        if reading.is_final:
            return reading.outcome
        from casemill.extraction.pdf_slow import extract_pdf_slowly  # pypdf: half a second to import

        second = extract_pdf_slowly(path, limits)
    except MemoryError:
        return Unreadable(
            Reason.TOO_MUCH_MEMORY,
            f"{path.name} needs too much memory to read; print it to a new PDF and upload that",
        )
    # The first reader's verdict stands unless the second one got further than "corrupt".
    if isinstance(second, Unreadable) and second.reason is Reason.CORRUPT_FILE:
        return reading.outcome
    return second


def _read_with_pdfium(path: Path, limits: ExtractionLimits) -> _Reading:
    document = pdfium.FPDF_LoadDocument(os.fsencode(path), None)
    if not document:
        return _not_opened(path, pdfium.FPDF_GetLastError())
    try:
        count = pdfium.FPDF_GetPageCount(document)
        if count > limits.pages:
            return _Reading(too_many_pages(path, count, limits), is_final=True)
        with opened_form(document) as form:
            return _read_pages(document, form, count, path, limits)
    finally:
        pdfium.FPDF_CloseDocument(document)


def _not_opened(path: Path, error: int) -> _Reading:
    if error == pdfium.FPDF_ERR_PASSWORD:
        return _Reading(needs_password(path), is_final=True)
    if error == pdfium.FPDF_ERR_SECURITY:
        detail = f"{path.name} is encrypted in a way that cannot be opened; upload a copy without protection"
        return _Reading(Unreadable(Reason.PASSWORD_PROTECTED, detail), is_final=True)
    detail = (
        f"{path.name} is damaged or incomplete and cannot be opened; upload it again or print it to a new PDF"
    )
    return _Reading(Unreadable(Reason.CORRUPT_FILE, detail), is_final=False)


def _read_pages(document: Any, form: Any, count: int, path: Path, limits: ExtractionLimits) -> _Reading:
    pages: list[str] = []
    characters = failed = 0
    only_pictures = True
    for index in range(count):
        with _opened_page(document, index) as (page, text_page):
            if page is None:
                failed += 1
                text = ""
            else:
                text = "\n".join([_text(text_page), *notes_on_page(page, form)])
                only_pictures = only_pictures and not text.strip() and _is_picture(page)
        characters += len(text)
        if characters > limits.characters:
            return _Reading(too_much_text(path, limits), is_final=True)
        pages.append(text)
    if failed == count:
        detail = (
            f"none of the {count} pages of {path.name} can be read; print it to a new PDF and upload that"
        )
        return _Reading(Unreadable(Reason.CORRUPT_FILE, detail), is_final=False)
    texts = tuple(clean_text(page).strip() for page in join_broken_words(pages))
    if not any(texts):
        return _Reading(no_text(path, count), is_final=only_pictures and not failed)
    language = language_tag(wide(lambda buffer, size: pdfium.FPDFCatalog_GetLanguage(document, buffer, size)))
    metadata = metadata_from({key: _meta(document, key) for key in _METADATA_KEYS})
    return _Reading(Extracted(texts, paged=True, language=language, metadata=metadata), is_final=True)


@contextmanager
def _opened_page(document: Any, index: int) -> Generator[tuple[Any, Any]]:
    """A page and its text, or (None, None) where pdfium cannot make sense of the page."""
    page = pdfium.FPDF_LoadPage(document, index)
    text_page = pdfium.FPDFText_LoadPage(page) if page else None
    if text_page and turned_upright(page, text_page):
        pdfium.FPDFText_ClosePage(text_page)
        text_page = pdfium.FPDFText_LoadPage(page)
    try:
        yield (page, text_page) if text_page else (None, None)
    finally:
        if text_page:
            pdfium.FPDFText_ClosePage(text_page)
        if page:
            pdfium.FPDF_ClosePage(page)


def _text(text_page: Any) -> str:
    """All text of a page. pdfium leaves some characters out and adds others, so its two counts differ."""
    place_in_text: Callable[[Any, int], int] = pdfium.FPDFText_GetTextIndexFromCharIndex
    first, last = 0, pdfium.FPDFText_CountChars(text_page) - 1
    while first <= last and place_in_text(text_page, first) < 0:
        first += 1
    while first <= last and place_in_text(text_page, last) < 0:
        last -= 1
    if first > last:
        return ""
    units = place_in_text(text_page, last) - place_in_text(text_page, first) + 1
    buffer = (ctypes.c_ushort * (units + 1))()  # one more for the closing NUL
    written: int = pdfium.FPDFText_GetText(text_page, first, last - first + 1, buffer)
    return bytes(buffer)[: max(0, written - 1) * 2].decode("utf-16-le", errors="ignore")


def _is_picture(page: Any) -> bool:
    """Whether only images and lines are on the page, as on a scanned one: then no reader finds text."""
    objects = range(pdfium.FPDFPage_CountObjects(page))
    kinds = (pdfium.FPDFPageObj_GetType(pdfium.FPDFPage_GetObject(page, index)) for index in objects)
    return len(objects) > 0 and all(kind in _PICTURES for kind in kinds)


def _meta(document: Any, key: str) -> str:
    return wide(lambda buffer, size: pdfium.FPDF_GetMetaText(document, key.encode(), buffer, size))


def needs_password(path: Path) -> Unreadable:
    return Unreadable(
        Reason.PASSWORD_PROTECTED, f"{path.name} is password-protected; upload a copy without a password"
    )


def too_many_pages(path: Path, count: int, limits: ExtractionLimits) -> Unreadable:
    return Unreadable(
        Reason.TOO_LARGE,
        f"{path.name} says it has {count:,} pages and {limits.pages:,} are the most that are read; split it",
    )


def too_much_text(path: Path, limits: ExtractionLimits) -> Unreadable:
    return Unreadable(
        Reason.TOO_LARGE,
        f"{path.name} holds more than {limits.characters:,} characters of text, the most kept; split it",
    )


def no_text(path: Path, count: int) -> Unreadable:
    where = "its only page" if count == 1 else f"its {count:,} pages"
    return Unreadable(
        Reason.NO_TEXT_FOUND,
        f"{path.name}: no text found on {where}; it looks scanned. Run OCR over it and upload the result",
    )
