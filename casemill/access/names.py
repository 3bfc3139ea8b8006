"""What users may be called: names are shown, logged and typed, by people and by strangers."""

import unicodedata

from casemill.errors import BadInput

LONGEST_NAME = 80
LONGEST_EMAIL = 254
_PUNCTUATION = " ._@+-'"


def printable(text: str) -> str:
    """The text, unless it holds what no database keeps or no eye sees. Raises BadInput."""
    for character in text:
        if unicodedata.category(character) in ("Cc", "Cf", "Cs", "Zl", "Zp"):
            raise BadInput(f"The character {character!a} cannot be part of it; type it again without")
    return text


def clean_name(name: str) -> str:
    """As it is kept and looked up: composed, without spaces around it. Raises BadInput."""
    cleaned = printable(unicodedata.normalize("NFC", name).strip())
    if not 0 < len(cleaned) <= LONGEST_NAME:
        raise BadInput(f"A user's name has 1 to {LONGEST_NAME} characters")
    return cleaned


def new_name(name: str) -> str:
    """A name for a new user: letters, digits and a little punctuation. Raises BadInput."""
    cleaned = clean_name(name)
    for character in cleaned:
        if unicodedata.category(character)[0] not in "LMN" and character not in _PUNCTUATION:
            allowed = " ".join(_PUNCTUATION.strip())
            raise BadInput(f"A user's name is made of letters, digits, spaces and {allowed}")
    return cleaned


def clean_email(email: str) -> str:
    """Raises BadInput for what cannot be an address. Whether mail arrives there, only mail can tell."""
    cleaned = printable(email.strip())
    local, _, domain = cleaned.partition("@")
    if not local or not domain or "@" in domain or " " in cleaned or len(cleaned) > LONGEST_EMAIL:
        raise BadInput("This is not an e-mail address; one looks like name@firm.example")
    return cleaned
