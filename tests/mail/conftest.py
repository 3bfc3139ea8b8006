"""Mail servers with and without TLS, and messages for them."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pytest

from casemill.mail.addresses import sender_address
from casemill.mail.composing import compose
from casemill.mail.contract import Message
from casemill.mail.smtp import Security, SmtpMailer, SmtpServer
from casemill.mail.templates import SAMPLES, Rendered, render
from casemill.models import MailKind
from tests.mail.post_office import PASSWORD, USER, PostOffice, post_office, write_certificates

NOW = datetime(2026, 3, 3, 14, 0, tzinfo=UTC)
SENDER = sender_address("Casemill <mill@firm.example>")


def message(recipient: str = "ada@example.org", rendered: Rendered | None = None) -> Message:
    kind = MailKind.TRIAL_REMINDER
    return compose(uuid4(), SENDER, recipient, rendered or render(kind, SAMPLES[kind]), NOW)


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return write_certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(params=[Security.STARTTLS, Security.TLS])
def office(request: pytest.FixtureRequest, certificates: tuple[Path, Path]) -> Iterator[PostOffice]:
    with post_office(request.param, certificates[1]) as office:
        yield office


def mailer_of(office: PostOffice, authority: Path | None, password: str = PASSWORD) -> SmtpMailer:
    server = SmtpServer("localhost", office.port, office.security, USER, password, 10, authority)
    return SmtpMailer(server)
