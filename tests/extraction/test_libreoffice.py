"""LibreOffice as a second opinion: a stand-in that is a real program, and the real one where it is."""

import shutil
import sys
from pathlib import Path

import pytest

from casemill.extraction.contract import Extracted, ExtractionLimits, Reason, Unreadable
from casemill.extraction.doc import extract_doc
from casemill.extraction.libreoffice import convert_to_text
from tests.extraction.doc_writer import word_97

LIMITS = ExtractionLimits()


def outcome_of(content: bytes, tmp_path: Path, limits: ExtractionLimits = LIMITS) -> Extracted | Unreadable:
    path = tmp_path / "some.doc"
    path.write_bytes(content)
    return extract_doc(path, limits)


def reason_of(content: bytes, tmp_path: Path, limits: ExtractionLimits = LIMITS) -> Reason | None:
    outcome = outcome_of(content, tmp_path, limits)
    return outcome.reason if isinstance(outcome, Unreadable) else None


def install_soffice(folder: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    program = folder / "bin" / "soffice"
    program.parent.mkdir()
    program.write_text(f"#!{sys.executable}\nimport sys\nfrom pathlib import Path\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent))


CONVERTS = """
folder = Path(sys.argv[sys.argv.index("--outdir") + 1])
document = Path(sys.argv[-1])
assert document.suffix == ".doc" and document.read_bytes() == b"broken"
assert any(argument.startswith("-env:UserInstallation=file://") for argument in sys.argv)
assert "--infilter=MS Word 97" in sys.argv
(folder / (document.stem + ".txt")).write_bytes(b"\\xef\\xbb\\xbfrescued\\x0bwords\\r\\n")
"""


def test_a_damaged_document_is_given_to_libreoffice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    install_soffice(tmp_path, monkeypatch, CONVERTS)
    assert outcome_of(b"broken", tmp_path) == Extracted(pages=("rescued\nwords\n",), paged=False)


@pytest.mark.parametrize(
    "script",
    ["sys.exit(1)", "sys.exit(0)", 'Path(sys.argv[-1]).with_suffix(".txt").write_text(" \\n")'],
    ids=["fails", "writes nothing", "finds no text"],
)
def test_where_libreoffice_does_no_better_the_damage_is_told(
    script: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    install_soffice(tmp_path, monkeypatch, script)
    assert reason_of(b"broken", tmp_path) is Reason.CORRUPT_FILE


def test_more_text_than_the_limit_is_not_taken_from_libreoffice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    install_soffice(tmp_path, monkeypatch, CONVERTS)
    assert reason_of(b"broken", tmp_path, ExtractionLimits(characters=5)) is Reason.CORRUPT_FILE


def test_a_libreoffice_that_hangs_is_killed_with_its_children(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    script = """
import subprocess
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
(Path(__file__).parent / "child").write_text(str(child.pid))
child.wait()
"""
    install_soffice(tmp_path, monkeypatch, script)
    assert reason_of(b"broken", tmp_path, ExtractionLimits(seconds=3)) is Reason.CORRUPT_FILE
    child = Path("/proc") / (tmp_path / "bin" / "child").read_text() / "stat"
    assert not child.exists() or child.read_text().rpartition(")")[2].split()[0] == "Z"


def test_a_sound_document_is_never_given_to_libreoffice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    install_soffice(tmp_path, monkeypatch, '(Path(__file__).parent / "ran").touch()')
    assert reason_of(word_97("Sound.\r"), tmp_path) is None
    assert not (tmp_path / "bin" / "ran").exists()


def test_the_real_libreoffice_reads_a_real_document(corpus: Path):
    if shutil.which("soffice") is None:
        pytest.skip("needs LibreOffice (soffice) on the PATH")
    text = convert_to_text(corpus / "formats" / "doc" / "simple-table2.doc", LIMITS)
    assert text is not None
    assert "Row 1/Cell 1" in text
