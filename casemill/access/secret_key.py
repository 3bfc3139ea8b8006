"""The key that signs what we give out: given by a setting, or made once and kept in home."""

import os
import secrets
from contextlib import suppress
from pathlib import Path

from casemill.errors import CasemillError
from casemill.settings import Settings

_FILE = "secret.key"
_SHORTEST = 32


class BadKey(CasemillError):
    """The key cannot be used."""


def secret_key(settings: Settings) -> str:
    """At least 32 random characters. Whoever signs with it uses a salt of their own. Raises BadKey."""
    given = settings.secret_key
    key = given.get_secret_value() if given is not None else _kept(settings.home / _FILE)
    if len(key) < _SHORTEST:
        raise BadKey(
            f"The secret key is too short: give CASEMILL_SECRET_KEY at least {_SHORTEST} random characters, "
            f"or unset it and delete {_FILE} in home, and one is made"
        )
    return key


def _kept(path: Path) -> str:
    """What the file holds. It appears whole and readable by its owner only, or not at all."""
    with suppress(FileNotFoundError):
        return path.read_text().strip()
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = path.with_name(f".{_FILE}.{secrets.token_hex(8)}")
    try:
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(secrets.token_urlsafe(32))
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileExistsError):  # another process was first: its key is the key
            os.link(draft, path)
    finally:
        draft.unlink(missing_ok=True)
    return path.read_text().strip()
