"""E-mail addresses: checked before they are used, masked before they are shown."""

import re
from email.headerregistry import Address
from email.utils import parseaddr

from casemill.errors import BadInput
from casemill.mail.contract import in_one_line

_LONGEST = 254
_LONGEST_LOCAL = 64
_ATOM = r"[a-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LOCAL = re.compile(rf"{_ATOM}(?:\.{_ATOM})*")
_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_DOMAIN = re.compile(rf"{_LABEL}(?:\.{_LABEL})+|localhost")
_IN_TEXT = re.compile(r"[^\s<>@\"(),:;]+@[^\s<>@\"(),:;]+")


class InvalidAddress(BadInput):
    """Mail cannot be sent there."""


def checked_address(text: str) -> str:
    """The address as it is kept and compared: ASCII, in lower case. Raises InvalidAddress.

    Servers may tell letters of the local part by case; none in use does, and one mailbox under many
    spellings would pass every limit. Quoted local parts and ones beyond ASCII are refused.
    """
    local, at, domain = text.strip().rpartition("@")
    local, domain = local.lower(), _ascii(domain)
    is_address = at and _LOCAL.fullmatch(local) and _DOMAIN.fullmatch(domain)
    if not is_address or len(local) > _LONGEST_LOCAL or len(local) + 1 + len(domain) > _LONGEST:
        raise InvalidAddress("This is not an e-mail address that can be written to, such as name@example.org")
    return f"{local}@{domain}"


def sender_address(text: str) -> Address:
    """Of `Name <name@example.org>`, or of a bare address. Raises InvalidAddress."""
    name, address = parseaddr(text)
    checked = checked_address(address)
    local, _, domain = checked.rpartition("@")
    return Address(in_one_line(name), local, domain)


def masked_address(address: str) -> str:
    """`j***@example.org`: enough to recognise it, too little to write to it."""
    local, _, domain = address.rpartition("@")
    return f"{local[:1]}***@{domain}"


def without_addresses(words: str, recipient: str) -> str:
    """A server's words for everybody to see: it likes to repeat whom it refuses."""
    masked = _IN_TEXT.sub(lambda found: masked_address(found[0]), words)
    local = recipient.rpartition("@")[0]
    if len(local) < 2:
        return masked
    return re.sub(rf"(?<![\w@.]){re.escape(local)}(?![\w*])", f"{local[:1]}***", masked, flags=re.IGNORECASE)


def _ascii(domain: str) -> str:
    try:
        return domain.encode("idna").decode().lower() if not domain.isascii() else domain.lower()
    except UnicodeError:
        return ""
