"""A real SMTP server with a mailbox, that can be told to refuse, to put off and to hang up."""

import socket
import ssl
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from ipaddress import ip_address
from pathlib import Path
from threading import Thread
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from casemill.mail.smtp import Security
from tests.ports import free_port

USER, PASSWORD = "casemill", "open sesame, please"


@dataclass
class PostOffice:
    """`answers` says what is answered at MAIL, RCPT or DATA instead of 250, by command and, if it matters,
    recipient: ("RCPT", "a@b.example"). `hangs_up` names where the connection is cut: RCPT, CONTENT (in the
    middle of it) or DATA (after all of it, before the answer).
    """

    port: int
    security: Security
    received: list[Envelope] = field(default_factory=list)
    sessions: list[Session] = field(default_factory=list)
    answers: dict[str | tuple[str, str], str] = field(default_factory=dict)
    hangs_up: str | None = None

    @property
    def messages(self) -> list[EmailMessage]:
        return [message_from_bytes(mail.content or b"", policy=policy.SMTP) for mail in self.received]  # type: ignore[misc]

    @property
    def recipients(self) -> list[str]:
        return [recipient for mail in self.received for recipient in mail.rcpt_tos]

    def _answer(self, command: str, recipient: str = "") -> str | None:
        return self.answers.get((command, recipient)) or self.answers.get(command)

    async def handle_MAIL(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        envelope.mail_from = address
        return self._answer("MAIL") or "250 OK"

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if self.hangs_up == "RCPT":
            server.transport.abort()
        if said := self._answer("RCPT", address):
            return said
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        if said := self._answer("DATA", envelope.rcpt_tos[0]):
            return said
        self.received.append(envelope)
        self.sessions.append(session)
        if self.hangs_up == "DATA":
            server.transport.abort()
        return "250 taken as 4711"


class _Server(SMTP):
    """Hangs up in the middle of the content, if the office does."""

    async def smtp_DATA(self, arg: str) -> None:
        if self.event_handler.hangs_up == "CONTENT":
            await self.push("354 go on")
            await self._reader.read(10)
            self.transport.abort()
        else:
            await super().smtp_DATA(arg)


class _Controller(Controller):
    def factory(self) -> SMTP:
        return _Server(self.handler, **self.SMTP_kwargs)


@contextmanager
def post_office(security: Security, certificate: Path | None = None, port: int = 0) -> Generator[PostOffice]:
    """With TLS, everybody has to sign in; `certificate` is a PEM file with key and chain."""
    office = PostOffice(port or free_port(), security)
    options: dict[str, Any] = {}
    if certificate is not None:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(certificate)
        starttls = security == Security.STARTTLS
        options = {"tls_context": tls, "require_starttls": True} if starttls else {"ssl_context": tls}
        # aiosmtpd takes only TLS that it began itself for TLS
        options |= {"auth_required": True, "auth_require_tls": starttls, "authenticator": _authenticate}
    controller = _Controller(office, hostname="127.0.0.1", port=office.port, **options)
    controller.start()
    try:
        yield office
    finally:
        controller.stop()


def _authenticate(
    server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: LoginPassword
) -> AuthResult:
    return AuthResult(
        success=(data.login, data.password) == (USER.encode(), PASSWORD.encode()), handled=False
    )


@contextmanager
def speaks(words: bytes) -> Generator[int]:
    """The port of a server that says this to everybody, and hangs up."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def greet() -> None:
            while True:
                try:
                    connection, _ = listening.accept()
                except OSError:
                    return
                with connection:
                    connection.sendall(words)

        Thread(target=greet, daemon=True).start()
        yield listening.getsockname()[1]
        listening.shutdown(socket.SHUT_RDWR)


def write_certificates(folder: Path, name: str = "localhost") -> tuple[Path, Path]:
    """An authority's certificate, and one of it for this host, with its key."""
    authority_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    authority_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "an authority of a test")])
    identity = x509.SubjectKeyIdentifier.from_public_key(authority_key.public_key())
    usage = {
        name: name in ("key_cert_sign", "crl_sign")
        for name in (
            "digital_signature",
            "content_commitment",
            "key_encipherment",
            "data_encipherment",
            "key_agreement",
            "key_cert_sign",
            "crl_sign",
            "encipher_only",
            "decipher_only",
        )
    }
    authority = (
        _certificate(authority_name, authority_name, authority_key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.KeyUsage(**usage), critical=True)
        .add_extension(identity, critical=False)
        .sign(authority_key, hashes.SHA256())
    )
    names = [x509.DNSName(name), x509.IPAddress(ip_address("127.0.0.1"))] if name == "localhost" else []
    own = (
        _certificate(x509.Name([]), authority_name, key.public_key())
        .add_extension(x509.SubjectAlternativeName(names or [x509.DNSName(name)]), critical=True)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identity), critical=False
        )
        .sign(authority_key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "authority.pem").write_bytes(authority.public_bytes(pem))
    (folder / "own.pem").write_bytes(private + own.public_bytes(pem))
    return folder / "authority.pem", folder / "own.pem"


def _certificate(subject: x509.Name, issuer: x509.Name, key: Any) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + timedelta(hours=1))
    )
