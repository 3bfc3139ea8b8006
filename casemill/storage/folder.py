"""Documents in a local folder (or a mounted one)."""

import contextlib
import errno
import hashlib
import os
import time
import uuid
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from casemill.storage.contract import (
    CHUNK,
    ContentMismatch,
    DocumentMissing,
    StorageRefused,
    StorageUnavailable,
    document_key,
    hash_in_key,
)

INCOMING = ".incoming"
"""Half-written files live here, on the same volume, so that finishing one is a rename."""

ABANDONED_AFTER = 24 * 3600
"""Seconds after which a half-written file is what a crash left behind."""

_NOT_OURS_TO_FIX_BY_WAITING = {
    errno.EACCES,
    errno.EPERM,
    errno.EROFS,
    errno.ENOTDIR,
    errno.EISDIR,
    errno.ELOOP,
}


class FolderStore:
    """A DocumentStore over a folder, which is created if absent.

    Writes go past Prefect's `LocalFileSystem.write_path`, which writes into the final file (a crash leaves
    half of it) and holds the whole content in memory. What is written, that block's read_path reads.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder.expanduser().resolve()
        with _disk_errors(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)

    def put(self, source: Path, sha256: str, *, owner: str | None = None) -> str:
        key = document_key(sha256, owner)
        final = self.folder / key
        content = source.open("rb")  # a missing source is the caller's mistake, not the store's failure
        with content, _disk_errors(self.folder):
            self._require_folder()
            with contextlib.suppress(FileNotFoundError):
                if final.stat().st_size == os.fstat(content.fileno()).st_size and _same(final, sha256):
                    return key
            incoming = self.folder / INCOMING
            incoming.mkdir(exist_ok=True)
            _clear_abandoned(incoming)
            part = incoming / uuid.uuid4().hex
            try:
                if _copy(content.fileno(), part) != sha256:
                    raise ContentMismatch(source)
                final.parent.mkdir(parents=True, exist_ok=True)
                part.replace(final)
            finally:
                part.unlink(missing_ok=True)
            _flush_folder(final.parent)
        return key

    @contextmanager
    def fetch(self, key: str) -> Generator[Path]:
        if not self.exists(key):
            raise DocumentMissing(key)
        yield self.folder / key

    def exists(self, key: str) -> bool:
        hash_in_key(key)
        with _disk_errors(self.folder):
            if (self.folder / key).is_file():
                return True
            self._require_folder()
            return False

    def delete(self, key: str) -> None:
        hash_in_key(key)
        with _disk_errors(self.folder):
            self._require_folder()
            (self.folder / key).unlink(missing_ok=True)

    def _require_folder(self) -> None:
        # A volume that is not mounted must not look like a store without documents.
        if not self.folder.is_dir():
            raise StorageUnavailable(f"the document folder {self.folder} is gone; is its volume mounted?")


def _copy(source: int, target: Path) -> str:
    """Copy an open file to a new read-only one, flushed to disk; return the SHA-256 of what was copied."""
    digest = hashlib.sha256()
    # Read-only, because fetch() hands out the stored file itself.
    with os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o444), "wb") as copy:
        while block := os.read(source, CHUNK):
            digest.update(block)
            copy.write(block)
        copy.flush()
        os.fsync(copy.fileno())
    return digest.hexdigest()


def _same(path: Path, sha256: str) -> bool:
    # Read again rather than trusted: put() is also how a damaged file is repaired.
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() == sha256


def _flush_folder(folder: Path) -> None:
    """Make the rename itself survive a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _clear_abandoned(incoming: Path) -> None:
    oldest = time.time() - ABANDONED_AFTER
    for part in incoming.iterdir():
        with contextlib.suppress(FileNotFoundError):
            if part.stat().st_mtime < oldest:
                part.unlink()


@contextmanager
def _disk_errors(folder: Path) -> Generator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in _NOT_OURS_TO_FIX_BY_WAITING:
            raise StorageRefused(
                f"the document folder {folder} cannot be used ({error.strerror}); "
                "check that it is a folder this process may write to"
            ) from error
        raise StorageUnavailable(f"the document folder {folder} does not work right now: {error}") from error
