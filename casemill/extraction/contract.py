"""What every format's reader promises: a path in, one value out."""

import re
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from pydantic import BaseModel, ConfigDict, Field

PAGE_BREAK = "\f"
"""Stands between two pages where a document's text is kept as one string."""

_UNSTORABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufffe\uffff]")


class Reason(StrEnum):
    """Why a document has no text. The values are shown to people."""

    UNSUPPORTED_FORMAT = "unsupported format"
    EMPTY_FILE = "empty file"
    CORRUPT_FILE = "corrupt file"
    PASSWORD_PROTECTED = "password-protected"  # noqa: S105  a reason, not a password
    NO_TEXT_FOUND = "no text found"
    TOO_LARGE = "too large"
    TOOK_TOO_LONG = "took too long"
    TOO_MUCH_MEMORY = "used too much memory"
    FILE_MISSING = "file missing from storage"


class ExtractionLimits(BaseModel):
    """How much one document may cost before it is given up."""

    model_config = ConfigDict(frozen=True)

    seconds: float = Field(default=60, gt=0, description="Wall-clock seconds one document may take.")
    memory_mb: int = Field(default=2048, ge=256, description="Address space of the reading process, in MiB.")
    file_mb: int = Field(default=200, ge=1, description="Largest file that is read at all, in MiB.")
    unpacked_mb: int = Field(
        default=500, ge=1, description="Largest size a zipped document may unpack to, in MiB."
    )
    pages: int = Field(default=20_000, ge=1, description="Most pages read of one document.")
    characters: int = Field(
        default=20_000_000, ge=1, description="Most characters of text kept of one document."
    )


@dataclass(frozen=True, slots=True)
class Extracted:
    """The text of a document.

    pages: the text page by page, in order, blank pages included as "". A format that has no pages
        until it is printed (Word) gives one string and `paged=False`.
    language: a BCP 47 tag the file itself declares, or None.
    metadata: what the file says of itself (title, author, producer, ...), only keys that are present.
    """

    pages: tuple[str, ...]
    paged: bool
    language: str | None = None
    metadata: dict[str, str] = field(default_factory=dict[str, str])

    @property
    def text(self) -> str:
        return PAGE_BREAK.join(self.pages)

    @property
    def page_count(self) -> int | None:
        return len(self.pages) if self.paged else None


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Why there is no text, and in `detail` a sentence that says what to do about it."""

    reason: Reason
    detail: str


class Extractor(Protocol):
    """Reads one format. Keeps no memory between documents; never raises for what a file holds.

    Bad content is an `Unreadable`; an exception that escapes is a bug of ours, which the sandbox reports
    as a corrupt file together with its traceback.
    """

    def __call__(self, path: Path, limits: ExtractionLimits) -> Extracted | Unreadable: ...


def clean_text(text: str) -> str:
    """Text that every database and index can store: no NUL, other controls, lone surrogates or page breaks.

    Newlines become \\n; tabs stay.
    """
    return _UNSTORABLE.sub("", text.replace("\r\n", "\n").replace("\r", "\n").replace("\x0b", "\n"))
