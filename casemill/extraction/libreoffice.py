"""A second opinion on damaged Word files: LibreOffice, where it is installed."""

import shutil
import subprocess
import tempfile
from contextlib import suppress
from pathlib import Path

import psutil

from casemill.extraction.contract import ExtractionLimits, clean_text

_INPUT_FILTER = "MS Word 97"
"""Named, because LibreOffice would otherwise read a file it does not recognize as plain text, and succeed.
Files of Word 6 and 95 are refused by this filter."""


def convert_to_text(path: Path, limits: ExtractionLimits) -> str | None:
    """A .doc's text as LibreOffice reads it; None where that is missing, fails, is slow or finds no text.

    It runs in this process's group, so that whoever ends the group ends it too, with a profile of its own,
    so that it neither meets nor harms anyone's. The path is known to it under a plain name: file names are
    hostile.
    """
    program = shutil.which("soffice")
    if program is None:
        return None
    with tempfile.TemporaryDirectory(prefix="casemill-soffice-") as folder:
        document = Path(folder) / "document.doc"
        document.symlink_to(path.resolve())
        command = [
            program,
            f"-env:UserInstallation={(Path(folder) / 'profile').as_uri()}",
            "--headless",
            "--norestore",
            f"--infilter={_INPUT_FILTER}",
            "--convert-to",
            "txt:Text (encoded):UTF8",
            "--outdir",
            folder,
            str(document),
        ]
        if not _run(command, limits.seconds):
            return None
        try:
            content = document.with_suffix(".txt").read_bytes()
        except FileNotFoundError:  # it reports success for files it could not load
            return None
    text = clean_text(content.decode("utf-8-sig", "replace"))
    return text if text.strip() and len(text) <= limits.characters else None


def _run(command: list[str], seconds: float) -> bool:
    """Whether the command ended in time, and well. If not, it is killed with the processes it started."""
    quiet = subprocess.DEVNULL
    try:
        process = subprocess.Popen(command, stdin=quiet, stdout=quiet, stderr=quiet)
    except OSError:  # no process or memory left to start it with
        return False
    try:
        return process.wait(seconds) == 0
    except subprocess.TimeoutExpired:
        for child in psutil.Process(process.pid).children(recursive=True):
            with suppress(psutil.NoSuchProcess):
                child.kill()
        return False
    finally:
        process.kill()
        process.wait()
