"""What every document store promises, under which keys it keeps files, and how it fails."""

import hashlib
import re
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

from casemill.errors import CasemillError

CHUNK = 1024 * 1024
"""Bytes read at a time; a document never has to fit into memory."""

_SHA256 = re.compile("[0-9a-f]{64}")
_OWNER = re.compile("[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?")
_KEY = re.compile(rf"documents/(?:of/{_OWNER.pattern}/)?([0-9a-f]{{2}})/([0-9a-f]{{2}})/(\1\2[0-9a-f]{{60}})")


class StorageError(CasemillError):
    """Base of what can go wrong in a document store."""


class InvalidKey(StorageError, ValueError):
    """A key, hash or owner that this store would never have given out."""


class DocumentMissing(StorageError):
    """The store is there and answers; it has no file under this key."""

    def __init__(self, key: str) -> None:
        super().__init__(f"the file of this document is not in the store ({key}); upload the document again")
        self.key = key


class ContentMismatch(StorageError):
    """The file to store is not the one its hash was taken of."""

    def __init__(self, source: Path) -> None:
        super().__init__(f"{source.name!r} changed after its hash was taken; take the hash again and retry")


class StorageUnavailable(StorageError):
    """The store cannot be reached or is overloaded right now. Worth a retry, nothing is lost."""


class StorageRefused(StorageError):
    """The store answers, but not to us: wrong credentials, bucket, permissions. A retry will not help."""


class DocumentStore(Protocol):
    """Keeps files by their content.

    Plain blocking calls for any thread, inside a Prefect task or not, with or without a running event
    loop (an `async` caller blocks its loop: use a thread). Opened stores may be shared by threads;
    a forked process opens its own. Every method may raise StorageUnavailable, which is worth a retry,
    and StorageRefused, which is not.
    """

    def put(self, source: Path, sha256: str, *, owner: str | None = None) -> str:
        """Store a copy of `source` and return its key.

        The key comes from the hash (and owner) alone, never from a file name. A crash leaves the whole file
        under the key or none. Storing the same content twice is one file. Raises ContentMismatch if the
        content has another hash, FileNotFoundError if there is no `source`.

        Without an owner equal files share one key: delete it only when no other document names it.
        With an owner ("expert-<uuid>") they share it only within that owner.
        """
        ...

    def fetch(self, key: str) -> AbstractContextManager[Path]:
        """The file as a local path to read, valid inside the `with` only. Raises DocumentMissing."""
        ...

    def exists(self, key: str) -> bool:
        """Whether the file is there. Never False because the store itself is away: that raises."""
        ...

    def delete(self, key: str) -> None:
        """Remove the file; one that is not there is fine."""
        ...


def document_key(sha256: str, owner: str | None = None) -> str:
    """`documents/ab/cd/<sha256>`, or `documents/of/<owner>/ab/cd/<sha256>`; two levels keep folders small."""
    if not _SHA256.fullmatch(sha256):
        raise InvalidKey(f"{sha256[:80]!r} is not a SHA-256 in lower-case hex")
    if owner is not None and not _OWNER.fullmatch(owner):
        raise InvalidKey(
            f"owner {owner[:80]!r} must be 1 to 64 of a-z, 0-9 and inner dashes, as in expert-<id>"
        )
    folder = "documents" if owner is None else f"documents/of/{owner}"
    return f"{folder}/{sha256[:2]}/{sha256[2:4]}/{sha256}"


def hash_in_key(key: str) -> str:
    """The content's SHA-256 that a key ends in. Refuses every string that `document_key` does not make."""
    match = _KEY.fullmatch(key)
    if match is None:
        raise InvalidKey(f"{key[:120]!r} is not a key of this store; pass the one that put() returned")
    return match[3]


def file_sha256(path: Path) -> str:
    """The SHA-256 of a file in lower-case hex, as `put` wants it."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
