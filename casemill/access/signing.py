"""The key that signs session cookies, so that only cookies of ours are looked up at all."""

import hashlib
import hmac
import os
from contextlib import suppress
from pathlib import Path
from typing import Self

from itsdangerous import BadSignature, Signer
from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from casemill.access.tokens import new_secret
from casemill.errors import CasemillError

_FILE = "secret.key"
_SHORTEST = 32


class BadKey(CasemillError):
    """The key cannot be used."""


class GivenKey(BaseSettings):
    """Several hosts that serve one database need the same key."""

    model_config = SettingsConfigDict(env_prefix="CASEMILL_")

    secret_key: SecretStr | None = Field(
        default=None, description=f"Signs session cookies; default: the file {_FILE} in home, made once."
    )


class SigningKey:
    """Seals session secrets into cookies and derives CSRF tokens from them. Shows nothing of itself."""

    def __init__(self, key: str) -> None:
        if len(key) < _SHORTEST:
            raise BadKey(
                f"The secret key is too short: give CASEMILL_SECRET_KEY at least {_SHORTEST} random "
                f"characters, or unset it and delete {_FILE}, and one is made"
            )
        self._cookies = _signer(key, "casemill.session")
        self._csrf = _signer(key, "casemill.csrf")

    @classmethod
    def of(cls, home: Path) -> Self:
        """From CASEMILL_SECRET_KEY, or from the file in home, which is made if there is none."""
        given = GivenKey().secret_key
        return cls(given.get_secret_value() if given is not None else _kept(home / _FILE))

    def seal(self, secret: str) -> str:
        return self._cookies.sign(secret).decode()

    def open(self, cookie: str) -> str | None:
        """The secret; None if we did not seal it."""
        try:
            return self._cookies.unsign(cookie.encode("utf-8", "replace")).decode()
        except BadSignature:
            return None

    def csrf_token(self, secret: str) -> str:
        return self._csrf.get_signature(secret).decode()

    def is_csrf_token(self, secret: str, token: str) -> bool:
        return hmac.compare_digest(self.csrf_token(secret).encode(), token.encode("utf-8", "replace"))


def _signer(key: str, purpose: str) -> Signer:
    """What it signs for one purpose is worth nothing for another."""
    return Signer(key, salt=purpose, key_derivation="hmac", digest_method=hashlib.sha256)


def _kept(path: Path) -> str:
    """What the file holds. It appears whole and readable by its owner only, or not at all."""
    with suppress(FileNotFoundError):
        return path.read_text().strip()
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = path.with_name(f".{_FILE}.{os.getpid()}.{new_secret()[:8]}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(new_secret())
        file.flush()
        os.fsync(file.fileno())
    try:
        with suppress(FileExistsError):  # another process was first: its key is the key
            os.link(draft, path)
    finally:
        draft.unlink()
    return path.read_text().strip()
