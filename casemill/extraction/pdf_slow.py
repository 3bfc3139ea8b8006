"""The second opinion on a PDF: pypdf, which forgives more than pdfium and takes far longer."""

import logging
from pathlib import Path
from typing import Any, cast

import pypdf

from casemill.extraction.contract import Extracted, ExtractionLimits, Reason, Unreadable, clean_text
from casemill.extraction.pdf_facts import language_tag, metadata_from

_log = logging.getLogger(__name__)
logging.getLogger("pypdf").setLevel(logging.CRITICAL)  # it warns about every oddity of a damaged file


def extract_pdf_slowly(path: Path, limits: ExtractionLimits) -> Extracted | Unreadable:
    """What pypdf finds. An `Unreadable` that says CORRUPT_FILE means that it knows no better."""
    try:
        return _read(path, limits)
    except MemoryError:
        raise
    except (
        Exception
    ) as error:  # pypdf raises whatever a broken file leads it into: KeyError, RecursionError, ...
        _log.debug("pypdf cannot read the file either: %s", type(error).__name__)
        return _corrupt(path)


def _read(path: Path, limits: ExtractionLimits) -> Extracted | Unreadable:
    from casemill.extraction.pdf import needs_password, no_text, too_many_pages, too_much_text

    with path.open("rb") as file:
        reader = pypdf.PdfReader(file)
        if reader.is_encrypted and not reader.decrypt(""):
            return needs_password(path)
        pages: list[str] = []
        characters = failed = 0
        for page in reader.pages:
            if len(pages) == limits.pages:
                return too_many_pages(path, len(reader.pages), limits)
            try:
                text = page.extract_text()
            except MemoryError:
                raise
            except Exception:  # one bad page leaves the others readable
                failed += 1
                text = ""
            characters += len(text)
            if characters > limits.characters:
                return too_much_text(path, limits)
            pages.append(clean_text(text).strip())
        if failed == len(pages):
            return _corrupt(path)
        if not any(pages):
            return no_text(path, len(pages))
        catalog = cast(dict[str, Any], reader.root_object)
        information = cast(dict[str, Any], reader.metadata or {})
        return Extracted(
            tuple(pages),
            paged=True,
            language=language_tag(str(catalog.get("/Lang", ""))),
            metadata=metadata_from({key.removeprefix("/"): str(value) for key, value in information.items()}),
        )


def _corrupt(path: Path) -> Unreadable:
    return Unreadable(
        Reason.CORRUPT_FILE, f"{path.name} is damaged and cannot be read; print it to a new PDF"
    )
