"""The documents of `casemill up --demo`, made on the spot: cases and experts that never existed.

The law they cite is real, so that citations and search have something to find. One case holds files that
cannot be read, so that failures can be seen as they are.
"""

from pathlib import Path

from casemill.local import demo_civil_rights, demo_coatings, demo_dam, demo_estate, demo_freight
from casemill.local.demo_experts import EXPERTS
from casemill.local.demo_paper import DemoNeedsFpdf, paper_bytes

__all__ = ["DemoNeedsFpdf", "write_demo_cases", "write_demo_experts"]


def write_demo_cases(folder: Path) -> list[Path]:
    """Writes a sub-folder a case and gives them in order. The bytes are the same every time.

    Raises DemoNeedsFpdf before anything is written where the extra `demo` is not installed.
    """
    cases = (
        demo_civil_rights.CASE,
        demo_coatings.CASE,
        demo_freight.CASE,
        demo_dam.CASE,
        demo_estate.case(),
    )
    folders: list[Path] = []
    for case in cases:
        files = {paper.file: paper_bytes(paper) for paper in case.papers} | case.raw
        folders.append(folder / case.name)
        _write(folders[-1], files)
    return folders


def write_demo_experts(folder: Path) -> list[tuple[str, list[Path]]]:
    """Writes a sub-folder an expert; name and files of each: a curriculum vitae and a report."""
    written: list[tuple[str, list[Path]]] = []
    for expert in EXPERTS:
        files = {paper.file: paper_bytes(paper) for paper in expert.papers}
        written.append((expert.name, _write(folder / expert.name, files)))
    return written


def _write(folder: Path, files: dict[str, bytes]) -> list[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return [folder / name for name in files]
