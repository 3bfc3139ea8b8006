"""What a mailer is given, what it may answer, and how it fails."""

import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, field
from email import policy
from email.message import EmailMessage
from typing import Protocol
from uuid import UUID

from casemill.errors import CasemillError

_MOST_CHARACTERS = 500
_UNSEEN = {"Cc", "Cf", "Cs", "Zl", "Zp"}


@dataclass(frozen=True, slots=True)
class Message:
    """One message to one recipient. Its id names it for good: each try of it is the same message.

    One recipient each, so that what a server refuses concerns nobody else.
    """

    id: UUID
    sender: str  # the envelope's addresses, checked
    recipient: str = field(repr=False)
    content: EmailMessage = field(repr=False)

    def as_bytes(self) -> bytes:
        """As it travels: lines end in CRLF, and only ASCII, so that every server can take it."""
        return self.content.as_bytes(policy=policy.SMTP)


@dataclass(frozen=True, slots=True)
class Delivered:
    """The mailer answers for it from now on."""

    words: str


@dataclass(frozen=True, slots=True)
class Deferred:
    """Not taken, and worth another try later: 4xx, or nobody answered."""

    words: str


@dataclass(frozen=True, slots=True)
class Refused:
    """Not taken, and it never will be: 5xx."""

    words: str


@dataclass(frozen=True, slots=True)
class Unconfirmed:
    """All of it left, and no answer came: it may have been taken or not."""

    words: str


Outcome = Delivered | Deferred | Refused | Unconfirmed
"""`words` are the server's own, in one line; what no server said is a sentence of ours."""


class MailError(CasemillError):
    """Base of what can go wrong with mail."""


class MailerRefusesUs(MailError):
    """The server answers, but not to us (password, certificate, folder): no message gets through to it."""


class MailDeferred(MailError):
    """The message waits for its next try."""


class MailRefused(MailError):
    """The message is not tried again."""


class MailUnconfirmed(MailError):
    """Nobody knows whether the message was delivered; it is not sent again by itself."""


class Mailer(Protocol):
    """Takes messages. Plain blocking calls for any thread; opened mailers may be shared by threads."""

    def deliver(self, message: Message, hand_over: Callable[[], None]) -> Outcome:
        """What became of it. Raises MailerRefusesUs.

        hand_over is called once, at the last moment at which surely nothing has left; what it raises is
        passed on, and then nothing leaves. It is not called where the message does not get that far.
        """
        ...


def in_one_line(text: str, at_most: int = _MOST_CHARACTERS) -> str:
    """Without what no eye sees (line ends, control and direction characters); the rest is cut."""
    seen = "".join(" " if unicodedata.category(character) in _UNSEEN else character for character in text)
    line = " ".join(seen.split())
    return line if len(line) <= at_most else f"{line[: at_most - 1]}…"
