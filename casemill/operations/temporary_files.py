"""What crashes left on this host's disk: half-written uploads, folders of dead processes."""

import os
import re
import stat
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from shutil import rmtree

import psutil

from casemill.operations.retention import Kind, LeftFile, Removed, Retention, expired_files
from casemill.settings import Settings
from casemill.storage.folder import INCOMING

_OURS = re.compile(r"casemill-(sandbox|soffice|fetched)-[a-z0-9_]{8}")
"""Names in the system's folder for temporary files that only we make."""


def remove_files(settings: Settings, policy: Retention, now: datetime, *, dry_run: bool) -> Removed:
    """One that cannot be deleted stops no other. Only those of this host and of this user are seen."""
    expired = expired_files(left_files(settings), policy, now)
    if dry_run:
        return Removed(Kind.FILES, len(expired))
    left = [path for path in expired if not _remove(path)]
    why = f"{left[0].name} cannot be deleted; see who owns it" if left else None
    return Removed(Kind.FILES, len(expired) - len(left), len(left), why)


def left_files(settings: Settings) -> Iterator[LeftFile]:
    """Everything temporary of ours, used or not. A link is never followed."""
    candidates = [
        *_within(settings.home / "uploads"),
        *_within(settings.documents_folder / INCOMING),
        *(path for path in _within(Path(tempfile.gettempdir())) if _is_our_folder(path)),
    ]
    used = _working_folders() if candidates else set[Path]()
    for path in candidates:
        with suppress(OSError):  # gone meanwhile, which is what we want, or not ours to look into
            yield LeftFile(path, _changed_at(path), any(folder.is_relative_to(path) for folder in used))


def _within(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError:
        return []


def _is_our_folder(path: Path) -> bool:
    """Anybody may make folders there."""
    if not _OURS.fullmatch(path.name):
        return False
    try:
        found = path.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid()


def _changed_at(path: Path) -> datetime:
    """The last change of anything in it: a folder does not change with the files in it."""
    newest = path.lstat().st_mtime
    if path.is_dir() and not path.is_symlink():
        for folder, folders, files in os.walk(path):
            for name in (*folders, *files):
                with suppress(FileNotFoundError):
                    newest = max(newest, Path(folder, name).lstat().st_mtime)
    return datetime.fromtimestamp(newest, UTC)


def _working_folders() -> set[Path]:
    """Where processes work: those of a sandbox idle for days in a folder that nobody changes."""
    found: set[Path] = set()
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            found.add(Path(process.cwd()))
    return found


def _remove(path: Path) -> bool:
    with suppress(OSError):
        if path.is_dir() and not path.is_symlink():
            rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
    return not os.path.lexists(path)
