"""How fast text comes out of a folder of files, beside the bare libraries doing only the reading.

    python benchmarks/extraction.py [FOLDER] [--processes N] [--repeat N] [--rounds N] [--json]

A survey reads every file once, through the sandbox, and counts the failures by reason. Files that had to be
killed, and those in folders named "hostile", end there: the bare libraries would never come back from them.
The rest is timed, in rounds: Casemill over all files, then Casemill, raw pdfium and raw pypdf over the same
PDFs, then Casemill and python-docx over the same .docx files, each on the same number of processes, warmed
up. A ratio is the median over the rounds of two rates measured one after the other, since machines are noisy.
The CPU ratio compares documents per second of processor time, which other programs disturb less.

The raw runs do the least that yields text: pypdfium2's `get_text_range` and pypdf's `extract_text` over all
pages, `doc.paragraphs` of python-docx; a plain multiprocessing pool, no limits, only a count sent back.
"""

import argparse
import json
import logging
import multiprocessing
import os
import resource
import signal
import statistics
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing.pool import Pool
from pathlib import Path

import psutil
from rich.console import Console
from rich.table import Table

from casemill.extraction.contract import Extracted, ExtractionLimits, Reason
from casemill.extraction.registry import Extraction
from casemill.extraction.sandbox import Sandbox
from casemill.extraction.sniff import MediaType, sniff

CORPUS = Path(__file__).resolve().parents[2] / "shared" / "corpus"
KILLED = {Reason.TOOK_TOO_LONG, Reason.TOO_MUCH_MEMORY}
PYPDF_SECONDS = 10
"""After this many seconds raw pypdf gives a file up, so that the run ends."""
SAMPLE_SECONDS = 0.2


@dataclass
class Rates:
    """Documents per second of each reader, round by round."""

    rounds: dict[str, list[float]] = field(default_factory=dict)

    def add(self, reader: str, documents: int, seconds: float) -> None:
        self.rounds.setdefault(reader, []).append(documents / seconds)

    def median(self, reader: str) -> float | None:
        return statistics.median(self.rounds[reader]) if reader in self.rounds else None

    def ratio(self, reader: str, other: str) -> float | None:
        pairs = zip(self.rounds.get(reader, []), self.rounds.get(other, []), strict=True)
        ratios = [one / two for one, two in pairs]
        return statistics.median(ratios) if ratios else None


def raw_pdfium(path: str) -> int:
    import pypdfium2

    try:
        document = pypdfium2.PdfDocument(path)
        return sum(len(page.get_textpage().get_text_range()) for page in document)
    except pypdfium2.PdfiumError:
        return 0


def raw_pypdf(path: str) -> int:
    import pypdf

    logging.getLogger("pypdf").setLevel(logging.CRITICAL)
    signal.signal(signal.SIGALRM, _give_up)
    signal.alarm(PYPDF_SECONDS)
    try:
        return sum(len(page.extract_text()) for page in pypdf.PdfReader(path).pages)
    except Exception:  # a password, a broken file, or the alarm
        return 0
    finally:
        signal.alarm(0)


def _give_up(*_: object) -> None:
    raise TimeoutError


def raw_python_docx(path: str) -> int:
    import docx

    try:
        return sum(len(paragraph.text) for paragraph in docx.Document(path).paragraphs)
    except Exception:  # broken or encrypted; python-docx raises whatever its parts raise
        return 0


def cpu_seconds() -> float:
    """Processor time of this process and of all its children so far, ended ones included."""
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = time.process_time() + ended.ru_utime + ended.ru_stime
    for process in psutil.Process().children(recursive=True):
        try:
            used += sum(process.cpu_times()[:2])
        except psutil.Error:  # it has just ended
            continue
    return used


def timed(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def read_all(sandbox: Sandbox, threads: ThreadPoolExecutor, paths: Sequence[Path]) -> list[Extraction]:
    return list(threads.map(sandbox.extract, paths))


@contextmanager
def peak_memory_mb() -> Iterator[list[float]]:
    """Yields a list whose only number is the most that this process and its children held at once."""
    peak = [0.0]
    is_over = threading.Event()

    def sample() -> None:
        parent = psutil.Process()
        is_last = False
        while not is_last:
            is_last = is_over.wait(SAMPLE_SECONDS)  # one more after the end: a run may be shorter than this
            held = 0
            for process in (parent, *parent.children(recursive=True)):
                try:
                    held += process.memory_info().rss
                except psutil.Error:  # it has just ended
                    continue
            peak[0] = max(peak[0], held / (1 << 20))

    sampler = threading.Thread(target=sample)
    sampler.start()
    try:
        yield peak
    finally:
        is_over.set()
        sampler.join()


def measure(
    folder: Path, processes: int, repeat: int, rounds: int, limits: ExtractionLimits
) -> dict[str, object]:
    """All figures. `repeat` is how often a round goes over its files, so that it takes seconds."""
    paths = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    if not paths:
        sys.exit(f"{folder} holds no files")
    rates = Rates()
    spawn = multiprocessing.get_context("spawn")
    with (
        Sandbox(processes, limits) as sandbox,
        ThreadPoolExecutor(processes) as threads,
        peak_memory_mb() as survey_peak,
    ):
        survey = read_all(sandbox, threads, paths)
    calm = [path for path, extraction in zip(paths, survey, strict=True) if _is_calm(path, extraction)]
    if not calm:
        sys.exit(f"{folder} holds nothing but files that had to be killed")
    pdfs = [path for path in calm if sniff(path) is MediaType.PDF]
    docxs = [path for path in calm if sniff(path) is MediaType.DOCX]
    pages = sum(
        extraction.outcome.page_count or 0
        for path, extraction in zip(paths, survey, strict=True)
        if path in set(pdfs) and isinstance(extraction.outcome, Extracted)
    )
    page_rates: list[float] = []
    cpu_rates = Rates()
    with (
        Sandbox(processes, limits) as sandbox,
        ThreadPoolExecutor(processes) as threads,
        spawn.Pool(processes) as pool,
    ):
        _warm_up(sandbox, threads, pool, calm, pdfs, docxs, processes)
        with peak_memory_mb() as calm_peak:
            read_all(sandbox, threads, calm * repeat)
        for _ in range(rounds):
            rates.add(
                "casemill", len(calm) * repeat, timed(lambda: read_all(sandbox, threads, calm * repeat))
            )
            if pdfs:
                cpu = cpu_seconds()
                seconds = timed(lambda: read_all(sandbox, threads, pdfs * repeat))
                cpu_rates.add("casemill pdf", len(pdfs) * repeat, cpu_seconds() - cpu)
                rates.add("casemill pdf", len(pdfs) * repeat, seconds)
                page_rates.append(pages * repeat / seconds)
                cpu = cpu_seconds()
                seconds = timed(lambda: _raw(pool, raw_pdfium, pdfs * repeat))
                cpu_rates.add("raw pdfium", len(pdfs) * repeat, cpu_seconds() - cpu)
                rates.add("raw pdfium", len(pdfs) * repeat, seconds)
                rates.add("raw pypdf", len(pdfs), timed(lambda: _raw(pool, raw_pypdf, pdfs)))
            if docxs:
                seconds = timed(lambda: read_all(sandbox, threads, docxs * repeat))
                rates.add("casemill docx", len(docxs) * repeat, seconds)
                seconds = timed(lambda: _raw(pool, raw_python_docx, docxs * repeat))
                rates.add("python-docx", len(docxs) * repeat, seconds)
    failures = Counter(str(e.outcome.reason) for e in survey if not isinstance(e.outcome, Extracted))
    return {
        "documents_per_s": rates.median("casemill"),
        "pages_per_s": statistics.median(page_rates) if page_rates else None,
        "ratio_to_raw_pdfium": rates.ratio("casemill pdf", "raw pdfium"),
        "cpu_ratio_to_raw_pdfium": cpu_rates.ratio("casemill pdf", "raw pdfium"),
        "ratio_to_raw_pypdf": rates.ratio("casemill pdf", "raw pypdf"),
        "ratio_to_python_docx": rates.ratio("casemill docx", "python-docx"),
        "peak_memory_mb": calm_peak[0],
        "peak_memory_mb_with_hostile_files": survey_peak[0],
        "failures": dict(failures.most_common()),
        "processes": processes,
        "documents": len(paths),
        "documents_timed": len(calm),
        "pdfs_timed": len(pdfs),
        "docxs_timed": len(docxs),
        "rates": {reader: [round(rate, 1) for rate in rounds] for reader, rounds in rates.rounds.items()},
    }


def _is_calm(path: Path, extraction: Extraction) -> bool:
    outcome = extraction.outcome
    return "hostile" not in path.parts and (isinstance(outcome, Extracted) or outcome.reason not in KILLED)


def _raw(pool: Pool, read: Callable[[str], int], paths: Sequence[Path]) -> None:
    for _ in pool.imap_unordered(read, [str(path) for path in paths]):
        pass


def _warm_up(
    sandbox: Sandbox,
    threads: ThreadPoolExecutor,
    pool: Pool,
    calm: list[Path],
    pdfs: list[Path],
    docxs: list[Path],
    processes: int,
) -> None:
    """Every process has started, imported what it needs and read each kind of file."""
    read_all(sandbox, threads, calm * processes)
    _raw(pool, raw_pdfium, pdfs * processes)
    _raw(pool, raw_pypdf, pdfs[: 4 * processes])
    _raw(pool, raw_python_docx, docxs * processes)


def show(figures: dict[str, object]) -> None:
    table = Table(title=f"Extraction on {figures['processes']} processes", show_header=False)
    for name, figure in figures.items():
        if name not in ("failures", "rates"):
            table.add_row(
                name.replace("_", " "), f"{figure:,.2f}" if isinstance(figure, float) else str(figure)
            )
    failures, rates = figures["failures"], figures["rates"]
    assert isinstance(failures, dict)
    assert isinstance(rates, dict)
    for reason, count in failures.items():
        table.add_row(f"failed: {reason}", str(count))
    for reader, rounds in rates.items():
        table.add_row(f"documents/s, {reader}", " ".join(f"{rate:,.1f}" for rate in rounds))
    Console().print(table)


def main() -> None:
    parser = argparse.ArgumentParser(description="How fast text comes out of a folder of files.")
    parser.add_argument(
        "folder", nargs="?", type=Path, default=CORPUS, help="default: the corpus beside the checkout"
    )
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    parser.add_argument(
        "--repeat", type=int, default=0, help="times a round goes over its files; 0: about 400 files"
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=10, help="time limit per document")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of a table")
    options = parser.parse_args()
    if not options.folder.is_dir():
        parser.error(f"{options.folder} is no folder")
    files = sum(1 for path in options.folder.rglob("*") if path.is_file())
    repeat = options.repeat or max(1, 400 // max(1, files))
    limits = ExtractionLimits(seconds=options.seconds)
    figures = measure(options.folder, options.processes, repeat, options.rounds, limits)
    print(json.dumps(figures)) if options.json else show(figures)


if __name__ == "__main__":
    main()
