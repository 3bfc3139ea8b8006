"""Puts a .doc file's parts together: from a path to its text."""

import locale
from pathlib import Path

from casemill.extraction.contract import Extracted, ExtractionLimits, Reason, Unreadable, clean_text
from casemill.extraction.doc.code_page import code_page
from casemill.extraction.doc.container import Container
from casemill.extraction.doc.damage import Damaged
from casemill.extraction.doc.fib import Fib, Story, Table, UnknownVersion, read_fib
from casemill.extraction.doc.formatting import Marks, character_marks, font_names, row_ends
from casemill.extraction.doc.pieces import Piece, read_pieces
from casemill.extraction.doc.stories import read_stories, whole_text
from casemill.extraction.doc.summary import SUMMARY_STREAM, read_summary
from casemill.extraction.doc.word_art import word_art
from casemill.extraction.libreoffice import convert_to_text

_DOCUMENT = "WordDocument"


def extract_doc(path: Path, limits: ExtractionLimits) -> Extracted | Unreadable:
    """A Word 6 to 2003 document's text: body, notes, comments, text boxes, headers, footers and WordArt.

    Results of fields are kept and their codes are not; text deleted under "track changes" is left out;
    hidden text is kept. A file too damaged for this reader is given to LibreOffice where that is installed.
    """
    try:
        with path.open("rb") as file, Container(file) as container:
            return _read(container, path.name, limits)
    except UnknownVersion as version:
        detail = f"{path.name} is of a version of Word that is not read ({version}); save it as .docx"
        return Unreadable(Reason.UNSUPPORTED_FORMAT, detail)
    except Damaged as damage:
        text = convert_to_text(path, limits)
        if text is not None:
            return Extracted(pages=(text,), paged=False)
        detail = f"{path.name} is damaged: {damage}; open it in Word and save it as .docx"
        return Unreadable(Reason.CORRUPT_FILE, detail)


def _read(container: Container, name: str, limits: ExtractionLimits) -> Extracted | Unreadable:
    if container.is_empty:
        raise Damaged("its directory is lost")
    if not container.has(_DOCUMENT):
        detail = f"{name} is not a Word document; save it as PDF or .docx"
        return Unreadable(Reason.UNSUPPORTED_FORMAT, detail)
    document = container.stream(_DOCUMENT)
    fib = read_fib(document)
    if fib.is_encrypted:
        detail = f"{name} is password-protected; upload a copy without a password"
        return Unreadable(Reason.PASSWORD_PROTECTED, detail)
    if fib.length > len(document):
        raise Damaged("it declares more text than the file holds")
    if fib.length > limits.characters:
        return _too_large(name, limits)
    tables = document if fib.table_stream == _DOCUMENT else container.stream(fib.table_stream)
    pieces = _pieces(document, tables, fib)
    text = whole_text(document, pieces, _marks(document, tables, fib), is_old=fib.is_old)
    if len(text) < fib.story_lengths[Story.BODY]:
        raise Damaged("its piece table ends before its text does")
    text = read_stories(text, fib, _table(tables, fib, Table.HEADERS))
    text = "\n".join(filter(None, (text, *word_art(_table(tables, fib, Table.DRAWINGS)))))
    if fib.is_old:
        codec = code_page(fib.language_id, _table(tables, fib, Table.FONTS), is_macintosh=fib.is_macintosh)
        text = text.encode("latin-1").decode(codec, "replace")
    text = clean_text(text)
    if len(text) > limits.characters:
        return _too_large(name, limits)
    if not text.strip():
        detail = f"{name} holds no text; if it holds pictures of pages, run OCR over it and upload the result"
        return Unreadable(Reason.NO_TEXT_FOUND, detail)
    return Extracted(
        pages=(text,),
        paged=False,
        language=locale.windows_locale.get(fib.language_id, "").replace("_", "-") or None,
        metadata=_summary(container),
    )


def _too_large(name: str, limits: ExtractionLimits) -> Unreadable:
    detail = f"{name} holds more than {limits.characters:,} characters of text, the most kept; split it"
    return Unreadable(Reason.TOO_LARGE, detail)


def _summary(container: Container) -> dict[str, str]:
    """Empty where it is missing or damaged: the text matters more."""
    if not container.has(SUMMARY_STREAM):
        return {}
    try:
        summary = read_summary(container.stream(SUMMARY_STREAM))
    except Damaged:
        return {}
    return {name: clean_text(value) for name, value in summary.items()}


def _table(tables: bytes, fib: Fib, table: Table) -> bytes:
    """A structure's bytes, as far as they are there."""
    offset, length = fib.tables.get(table, (0, 0))
    return tables[offset : offset + length]


def _pieces(document: bytes, tables: bytes, fib: Fib) -> list[Piece]:
    clx = _table(tables, fib, Table.PIECES)
    if fib.is_old and not clx:
        if fib.text_start + fib.length > len(document):
            raise Damaged("its text lies outside the file")
        return [Piece(0, fib.length, fib.text_start, 1, b"")]
    return read_pieces(clx, fib.length, len(document), is_old=fib.is_old)


def _marks(document: bytes, tables: bytes, fib: Fib) -> list[Marks]:
    runs = _table(tables, fib, Table.CHARACTER_RUNS)
    if fib.is_old:
        return [character_marks(document, runs, is_old=True)]
    fonts = font_names(_table(tables, fib, Table.FONTS))
    paragraphs = _table(tables, fib, Table.PARAGRAPHS)
    return [character_marks(document, runs, fonts, is_old=False), row_ends(document, paragraphs)]
