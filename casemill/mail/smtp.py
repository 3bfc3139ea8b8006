"""Mail handed to a server by SMTP (RFC 5321), over TLS with its certificate checked."""

import re
import smtplib
import ssl
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from casemill.mail.addresses import without_addresses
from casemill.mail.contract import (
    Deferred,
    Delivered,
    MailerRefusesUs,
    Message,
    Outcome,
    Refused,
    Unconfirmed,
    in_one_line,
)

_LEADING_DOT = re.compile(rb"^\.", re.MULTILINE)
_NOT_LET_IN = {530, 534, 535, 538}  # RFC 4954 and 3207: about us, not about the message
_GOODBYE_SECONDS = 2  # a server that does not say goodbye does not keep what it said from being recorded
_CUT_OFF = (ssl.SSLEOFError, ssl.SSLZeroReturnError, ssl.SSLSyscallError)


class Security(StrEnum):
    STARTTLS = "starttls"  # begins in the clear and turns to TLS before anything is said; port 587
    TLS = "tls"  # from the first byte; port 465
    NONE = "none"  # for a server on this machine


@dataclass(frozen=True)
class SmtpServer:
    """Where to, and as whom. ca_file holds certificates to trust besides the system's."""

    host: str
    port: int
    security: Security = Security.STARTTLS
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    timeout_seconds: float = 30
    ca_file: Path | None = None


class SmtpMailer:
    """A Mailer over an SMTP server; a connection for each message."""

    def __init__(self, server: SmtpServer) -> None:
        self.server = server

    def deliver(self, message: Message, hand_over: Callable[[], None]) -> Outcome:
        try:
            with self._connected() as smtp:
                if stopped := _envelope(smtp, message):
                    return stopped
                hand_over()
                return _content(smtp, message)
        except _NobodyAnswers as error:
            return Deferred(error.words)

    @contextmanager
    def _connected(self) -> Generator[smtplib.SMTP]:
        """A connection that is let in. Raises _NobodyAnswers before the block, and MailerRefusesUs."""
        smtp = self._connect()
        try:
            yield smtp
        finally:
            with suppress(OSError):  # its answer was what counted
                if smtp.sock is not None:
                    smtp.sock.settimeout(_GOODBYE_SECONDS)
                smtp.quit()
            smtp.close()

    def _connect(self) -> smtplib.SMTP:
        server, smtp = self.server, None
        try:
            trust = ssl.create_default_context()
            if server.ca_file is not None:
                trust.load_verify_locations(server.ca_file)
            if server.security == Security.TLS:
                smtp = smtplib.SMTP_SSL(
                    server.host, server.port, timeout=server.timeout_seconds, context=trust
                )
            else:
                smtp = smtplib.SMTP(server.host, server.port, timeout=server.timeout_seconds)
            self._let_in(smtp, trust)
        except OSError as error:  # all of smtplib's are OSErrors too
            if smtp is not None:
                smtp.close()
            raise self._why_not(error) from error
        return smtp

    def _let_in(self, smtp: smtplib.SMTP, trust: ssl.SSLContext) -> None:
        smtp.ehlo_or_helo_if_needed()
        if self.server.security == Security.STARTTLS:
            code, words = smtp.starttls(context=trust)
            if code != 220:
                raise smtplib.SMTPResponseException(code, words)
            smtp.ehlo_or_helo_if_needed()
        if self.server.user is not None:
            smtp.login(self.server.user, self.server.password or "")

    def _why_not(self, error: OSError) -> Exception:
        where = f"{self.server.host}:{self.server.port}"
        if isinstance(error, smtplib.SMTPResponseException):
            said = _words(error.smtp_code, error.smtp_error)
            if error.smtp_code < 500:  # -1 is what smtplib makes of half an answer
                return _NobodyAnswers(said)
            return MailerRefusesUs(
                f"The mail server {where} does not let us in: {said}. Check user and password in its block"
            )
        if isinstance(error, smtplib.SMTPNotSupportedError):
            return MailerRefusesUs(
                f"The mail server {where} does not do what its block asks for: {in_one_line(str(error))}. "
                "Check its port, security and user"
            )
        if isinstance(error, ssl.SSLError) and not isinstance(error, _CUT_OFF):
            return MailerRefusesUs(
                f"The mail server {where} cannot be trusted: {in_one_line(str(error))}. Check its host and "
                "port, and name its certificate authority in the block's ca_file if it is your own"
            )
        if isinstance(error, FileNotFoundError | PermissionError | IsADirectoryError):
            return MailerRefusesUs(f"The ca_file of the mail server {where} cannot be read: {error.strerror}")
        return _NobodyAnswers(f"{where} cannot be reached: {in_one_line(str(error)) or type(error).__name__}")


class _NobodyAnswers(Exception):
    def __init__(self, words: str) -> None:
        super().__init__(words)
        self.words = words


def _envelope(smtp: smtplib.SMTP, message: Message) -> Outcome | None:
    """None if the server will take a message from this sender for this recipient."""
    try:
        for code, said in _introduced(smtp, message):
            if not 200 <= code < 300:
                return _judged(message, code, said)
    except OSError as error:
        raise _NobodyAnswers(_cut_off(error)) from error
    return None


def _introduced(smtp: smtplib.SMTP, message: Message) -> Generator[tuple[int, bytes]]:
    yield smtp.mail(message.sender)
    yield smtp.rcpt(message.recipient)


def _content(smtp: smtplib.SMTP, message: Message) -> Outcome:
    """Sent by hand rather than by smtplib's `data`, which does not tell before the end from after it.

    A server takes a message when it has its final dot. While that has not left in full nothing is taken;
    once it has, only the answer tells.
    """
    try:
        code, said = smtp.docmd("DATA")
        if code != 354:
            return _judged(message, code, said)
        smtp.send(_LEADING_DOT.sub(b"..", message.as_bytes()) + b".\r\n")
    except OSError as error:
        return Deferred(_cut_off(error))
    try:
        code, said = smtp.getreply()
    except OSError as error:
        return Unconfirmed(_cut_off(error))
    if 200 <= code < 300:
        return Delivered(_words(code, said))
    return _judged(message, code, said) if code >= 400 else Unconfirmed(_words(code, said))


def _judged(message: Message, code: int, said: bytes) -> Deferred | Refused:
    words = _words(code, said)
    if code in _NOT_LET_IN:
        said_to_all = without_addresses(words, message.recipient)
        raise MailerRefusesUs(f"The mail server wants us to sign in first, or otherwise: {said_to_all}")
    return Refused(words) if code >= 500 else Deferred(words)


def _cut_off(error: OSError) -> str:
    return f"the connection ended in the middle: {in_one_line(str(error)) or type(error).__name__}"


def _words(code: int, said: bytes | str) -> str:
    text = said.decode("utf-8", "replace") if isinstance(said, bytes) else said
    return in_one_line(f"{code} {text}" if code > 0 else f"no answer of a mail server: {text}")
