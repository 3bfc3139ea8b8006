"""Files made to hang, crash or exhaust a reader end within the limits, and the next document is untouched."""

import random
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from casemill.extraction.contract import Extracted, ExtractionLimits, Reason, Unreadable
from casemill.extraction.sandbox import Sandbox

LIMITS = ExtractionLimits(seconds=4, memory_mb=1024)
CORPUS = Path(__file__).resolve().parents[2].parent / "shared" / "corpus"
HOSTILE = sorted(path.name for path in (CORPUS / "hostile").glob("*")) or ["(no corpus)"]


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(2, LIMITS) as sandbox:
        yield sandbox


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_ends_and_the_next_document_is_read(sandbox: Sandbox, corpus: Path, name: str):
    started = time.monotonic()
    outcome = sandbox.extract(corpus / "hostile" / name, "upload.pdf").outcome
    assert time.monotonic() - started < LIMITS.seconds + 60  # a minute for starting a child on a busy machine
    if isinstance(outcome, Unreadable):
        assert outcome.reason in (Reason.TOO_LARGE, Reason.TOOK_TOO_LONG, Reason.TOO_MUCH_MEMORY)
        assert str(corpus) not in outcome.detail
        assert len(outcome.detail) > 20
    after = sandbox.extract(corpus / "cases/ca2/ca2_1-1.pdf").outcome
    assert isinstance(after, Extracted)
    assert after.page_count == 2


def test_memory_bombs_and_endless_files_are_told_apart(corpus: Path, limits: ExtractionLimits):
    with Sandbox(1, limits) as patient:
        bomb = patient.extract(corpus / "hostile/flate2_1GB.pdf", "upload.pdf")
    assert bomb.content_type == "application/pdf"
    assert isinstance(bomb.outcome, Unreadable)
    assert bomb.outcome.reason is Reason.TOO_MUCH_MEMORY
    assert bomb.outcome.detail.startswith("upload.pdf needs more than 1,024 MB of memory to read; ")


def test_good_documents_beside_hostile_ones_come_out_as_without_them(sandbox: Sandbox, corpus: Path):
    good = sorted((corpus / "cases").glob("ca*/*.pdf"))
    alone = [sandbox.extract(path) for path in good]
    with ThreadPoolExecutor(4) as threads:
        hostile = threads.submit(sandbox.extract, corpus / "hostile/flate2_1GB.pdf")
        together = list(threads.map(sandbox.extract, good * 3))
        assert isinstance(hostile.result().outcome, Unreadable)
    assert together == alone * 3


@pytest.mark.parametrize("folder", ["cases/ca2", "cases/mixed", "formats/pdf", "formats/doc", "formats/docx"])
def test_damaged_copies_of_real_files_never_surprise_a_reader(
    sandbox: Sandbox, corpus: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture, folder: str
):
    """Bytes overwritten, cut out and cut off. What escapes a reader is logged, so nothing may be logged."""
    chance = random.Random(folder)
    originals = [path for path in sorted((corpus / folder).iterdir()) if path.stat().st_size]
    for number in range(12):
        content = bytearray(chance.choice(originals).read_bytes())
        for _ in range(chance.randrange(1, 40)):
            content[chance.randrange(len(content))] = chance.randrange(256)
        start = chance.randrange(len(content))
        del content[start : start + chance.choice((0, 1, 100, len(content)))]
        damaged = tmp_path / f"damaged-{number}"
        damaged.write_bytes(content)
        sandbox.extract(damaged)
    assert [record.getMessage() for record in caplog.records if record.levelname == "ERROR"] == []
