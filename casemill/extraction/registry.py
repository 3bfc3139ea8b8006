"""From a file of whatever kind to its text: the one place where a format is added.

A new format is a member of `MediaType` (sniff.py), a module with a function that keeps the `Extractor`
promise, and a line in `EXTRACTORS`.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, cast

from pydantic import TypeAdapter

from casemill.extraction.contract import (
    Extracted,
    ExtractionLimits,
    Extractor,
    Reason,
    Unreadable,
    clean_text,
)
from casemill.extraction.sniff import MediaType, sniff

EXTRACTORS: Mapping[MediaType, str] = {
    MediaType.PDF: "casemill.extraction.pdf:extract_pdf",
    MediaType.DOCX: "casemill.extraction.docx:extract_docx",
    MediaType.DOC: "casemill.extraction.doc:extract_doc",
}
"""Named, not imported: a process that reads PDFs all day need not hold what Word files take."""

_NAME_CHARACTERS = 120
_INVISIBLE = re.compile("[\\s\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]+")  # would fake another name


@dataclass(frozen=True, slots=True)
class Extraction:
    """What a file is, and its text or why there is none."""

    content_type: str
    outcome: Extracted | Unreadable


def extract(path: Path, limits: ExtractionLimits, name: str | None = None) -> Extraction:
    """The text of the file at `path`, decided by its bytes.

    `name` is what people call the file; sentences about it say that, never where it is stored.
    """
    shown = shown_name(name or path.name)
    try:
        size = path.stat().st_size
        media_type = sniff(path)
    except OSError:
        detail = f"{shown} cannot be read from where it is stored; upload it again"
        return Extraction(MediaType.UNKNOWN.content_type, Unreadable(Reason.FILE_MISSING, detail))
    outcome = _refusal(media_type, size, limits, shown) or _renamed(
        load_extractor(media_type)(path, limits), path, shown
    )
    return Extraction(media_type.content_type, outcome)


def load_extractor(media_type: MediaType) -> Extractor:
    """The reader of a format in `EXTRACTORS`."""
    module, _, function = EXTRACTORS[media_type].partition(":")
    return cast(Extractor, getattr(import_module(module), function))


def shown_name(name: str) -> str:
    """A file's name as a sentence can hold it: the last part of a path, on one line, not endless."""
    last = name.replace("\\", "/").rstrip("/").rpartition("/")[2]
    visible = _INVISIBLE.sub(" ", clean_text(last)).strip()
    if len(visible) > _NAME_CHARACTERS:
        stem, dot, ending = visible.rpartition(".")
        ending = dot + ending if dot and len(ending) <= 8 else ""
        visible = (stem if ending else visible)[: _NAME_CHARACTERS - len(ending) - 1] + "…" + ending
    return visible or "the file"


def _refusal(media_type: MediaType, size: int, limits: ExtractionLimits, shown: str) -> Unreadable | None:
    """Why a file is not even opened, None where it is."""
    if media_type is MediaType.EMPTY:
        return Unreadable(Reason.EMPTY_FILE, f"{shown} is empty (0 bytes); upload it again")
    if media_type is MediaType.ENCRYPTED_OFFICE:
        detail = f"{shown} is a password-protected Office document; upload a copy without a password"
        return Unreadable(Reason.PASSWORD_PROTECTED, detail)
    if media_type is MediaType.DAMAGED_OLE:  # a .doc ends with its directory, so one cut off has none
        detail = f"{shown} is damaged or was not uploaded completely; upload it again, or save it as .docx"
        return Unreadable(Reason.CORRUPT_FILE, detail)
    if media_type not in EXTRACTORS:
        remedy = "run OCR over it" if media_type.is_image else "save it as PDF or .docx"
        detail = f"{shown} is {media_type.label}, which is not read; {remedy} and upload the result"
        return Unreadable(Reason.UNSUPPORTED_FORMAT, detail)
    if size > limits.file_mb << 20:
        size_mb = size / (1 << 20)
        detail = f"{shown} is {size_mb:,.1f} MB large, over the limit of {limits.file_mb:,} MB; split it"
        return Unreadable(Reason.TOO_LARGE, detail)
    return None


def _renamed(outcome: Extracted | Unreadable, path: Path, shown: str) -> Extracted | Unreadable:
    """`outcome` with the stored file's name and place replaced by the name people know."""
    if isinstance(outcome, Extracted):
        return outcome
    stored = re.compile(rf"(?<!\w)({re.escape(str(path))}|{re.escape(path.name)})(?!\w)")
    return Unreadable(outcome.reason, stored.sub(lambda _: shown, outcome.detail))


def extract_as_json(path: str, name: str, limits: dict[str, Any]) -> dict[str, Any]:
    """`extract` for the sandbox, whose two sides talk JSON. `extraction_from_json` reads the answer."""
    extraction = extract(Path(path), ExtractionLimits.model_validate(limits), name)
    outcome = extraction.outcome
    if isinstance(outcome, Unreadable):
        told: dict[str, Any] = {"reason": outcome.reason, "detail": outcome.detail}
    else:
        told = {
            "pages": outcome.pages,
            "paged": outcome.paged,
            "language": outcome.language,
            "metadata": outcome.metadata,
        }
    return {"content_type": extraction.content_type, "outcome": told}


_EXTRACTION: TypeAdapter[Extraction] = TypeAdapter(Extraction)


def extraction_from_json(told: Any) -> Extraction:
    """Raises ValueError (pydantic's) where `told` is anything but an extraction: a parser told it."""
    return _EXTRACTION.validate_python(told)
