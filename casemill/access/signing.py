"""The key that signs session cookies, so that only cookies of ours are looked up at all."""

import hashlib
import hmac

from itsdangerous import BadSignature, Signer


class SigningKey:
    """Seals session secrets into cookies and derives CSRF tokens from them. Shows nothing of itself."""

    def __init__(self, key: str) -> None:
        self._cookies = _signer(key, "casemill.session")
        self._csrf = _signer(key, "casemill.csrf")

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
