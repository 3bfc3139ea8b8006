"""Passwords: kept as argon2 hashes with the library's parameters, which rise as machines get faster."""

import unicodedata
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from casemill.access.tokens import new_secret
from casemill.errors import BadInput
from casemill.models import User

SHORTEST = 12
LONGEST = 1024  # hashing more is work for us and safety for nobody

_hasher = PasswordHasher()


def hash_password(password: str) -> str:
    return _hasher.hash(_composed(password))


def verify_password(password_hash: str | None, password: str) -> bool:
    """Takes as long for nobody (None) as for somebody: the time does not tell who exists."""
    given = password_hash or _nobodys_hash()
    try:
        right = _hasher.verify(given, _composed(password))
    except (VerificationError, InvalidHashError):
        return False
    return right and password_hash is not None


def is_outdated(password_hash: str) -> bool:
    """Whether it was made with other parameters than those of today."""
    return _hasher.check_needs_rehash(password_hash)


def require_good_password(password: str, user: User) -> None:
    """Raises BadInput, which says what is missing and never the password."""
    if len(_composed(password)) < SHORTEST:
        raise BadInput(f"A password has at least {SHORTEST} characters; a sentence is easy to remember")
    if len(password) > LONGEST:
        raise BadInput(f"A password has at most {LONGEST} characters")
    known = {name.casefold() for name in (user.name, user.email) if name}
    if password.strip().casefold() in known:
        raise BadInput("A password is not the user's name or e-mail address; choose another")


@cache
def _nobodys_hash() -> str:
    return _hasher.hash(new_secret())


def _composed(password: str) -> bytes:
    """The same bytes for the same keys pressed, on any system; surrogates that JSON may hold included."""
    return unicodedata.normalize("NFKC", password).encode("utf-8", "surrogatepass")
