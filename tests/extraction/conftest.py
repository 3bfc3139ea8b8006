"""What comes of a .docx file."""

from pathlib import Path

import pytest

from casemill.extraction.contract import Extracted, ExtractionLimits, Unreadable
from casemill.extraction.docx import extract_docx
from tests.extraction.docx_package import package, write

LIMITS = ExtractionLimits()


@pytest.fixture
def text_of(tmp_path: Path):
    """The text of a document with this body."""

    def read(body: str, related: dict[str, tuple[str, str, str]] | None = None) -> str:
        result = extract_docx(write(tmp_path / "built.docx", package(body, related)), LIMITS)
        assert isinstance(result, Extracted), result
        return result.text

    return read


@pytest.fixture
def outcome(tmp_path: Path):
    """What comes of a file with these parts (or these bytes)."""

    def read(
        files: dict[str, str | bytes] | bytes, limits: ExtractionLimits = LIMITS
    ) -> Extracted | Unreadable:
        path = tmp_path / "given.docx"
        if isinstance(files, bytes):
            path.write_bytes(files)
        else:
            write(path, files)
        return extract_docx(path, limits)

    return read
