"""What a reader of a PDF sees on top of its pages: filled-in form fields and comments."""

import ctypes
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any, cast

import pypdfium2.raw  # pyright: ignore[reportMissingTypeStubs]  it has none

pdfium = cast(Any, pypdfium2.raw)  # generated bindings without usable types

_UNSEEN = pdfium.FPDF_ANNOT_FLAG_HIDDEN | pdfium.FPDF_ANNOT_FLAG_NOVIEW
_PASSWORD_FIELD = 1 << 13  # bit 14 of a text field's flags, ISO 32000-1 table 228
_COMMENTS = frozenset(
    {
        pdfium.FPDF_ANNOT_TEXT,
        pdfium.FPDF_ANNOT_FREETEXT,
        pdfium.FPDF_ANNOT_LINE,
        pdfium.FPDF_ANNOT_SQUARE,
        pdfium.FPDF_ANNOT_CIRCLE,
        pdfium.FPDF_ANNOT_POLYGON,
        pdfium.FPDF_ANNOT_POLYLINE,
        pdfium.FPDF_ANNOT_HIGHLIGHT,
        pdfium.FPDF_ANNOT_UNDERLINE,
        pdfium.FPDF_ANNOT_SQUIGGLY,
        pdfium.FPDF_ANNOT_STRIKEOUT,
        pdfium.FPDF_ANNOT_STAMP,
        pdfium.FPDF_ANNOT_CARET,
        pdfium.FPDF_ANNOT_INK,
        pdfium.FPDF_ANNOT_FILEATTACHMENT,
    }
)
_WRITTEN_FIELDS = frozenset(
    {pdfium.FPDF_FORMFIELD_TEXTFIELD, pdfium.FPDF_FORMFIELD_COMBOBOX, pdfium.FPDF_FORMFIELD_LISTBOX}
)


@contextmanager
def opened_form(document: Any) -> Generator[Any]:
    """The form of a pdfium document, None where it has none. Scripts and XFA are not run."""
    if pdfium.FPDF_GetFormType(document) == pdfium.FORMTYPE_NONE:
        yield None
        return
    callbacks = pdfium.FPDF_FORMFILLINFO(version=2)  # all empty; pdfium keeps the pointer while it is open
    form = pdfium.FPDFDOC_InitFormFillEnvironment(document, callbacks)
    try:
        yield form or None
    finally:
        if form:
            pdfium.FPDFDOC_ExitFormFillEnvironment(form)


def notes_on_page(page: Any, form: Any) -> list[str]:
    """Values of form fields and texts of comments on a pdfium page, in the file's order, each once."""
    notes: dict[str, None] = {}
    for index in range(pdfium.FPDFPage_GetAnnotCount(page)):
        annotation = pdfium.FPDFPage_GetAnnot(page, index)
        if not annotation:
            continue
        try:
            note = _note(annotation, form)
        finally:
            pdfium.FPDFPage_CloseAnnot(annotation)
        if note and not note.isspace():
            notes[note.strip()] = None
    return list(notes)


def _note(annotation: Any, form: Any) -> str:
    subtype = pdfium.FPDFAnnot_GetSubtype(annotation)
    is_field = form is not None and subtype == pdfium.FPDF_ANNOT_WIDGET
    if not (is_field or subtype in _COMMENTS) or pdfium.FPDFAnnot_GetFlags(annotation) & _UNSEEN:
        return ""
    if is_field:
        return _value(annotation, form)
    return wide(lambda buffer, size: pdfium.FPDFAnnot_GetStringValue(annotation, b"Contents", buffer, size))


def _value(widget: Any, form: Any) -> str:
    kind = pdfium.FPDFAnnot_GetFormFieldType(form, widget)
    if kind not in _WRITTEN_FIELDS:
        return ""  # a ticked box has a mark, not a text
    is_text = kind == pdfium.FPDF_FORMFIELD_TEXTFIELD
    if is_text and pdfium.FPDFAnnot_GetFormFieldFlags(form, widget) & _PASSWORD_FIELD:
        return ""
    return wide(lambda buffer, size: pdfium.FPDFAnnot_GetFormFieldValue(form, widget, buffer, size))


def wide(ask: Callable[[Any, int], int]) -> str:
    """The text a pdfium function gives as UTF-16: asked once for its size in bytes, once for the text."""
    size = ask(None, 0)
    if size <= 2:  # nothing but the closing NUL
        return ""
    buffer = (ctypes.c_ushort * (size // 2))()
    ask(buffer, size)
    return bytes(buffer)[: size - 2].decode("utf-16-le", errors="ignore")
