"""What every mailer promises, kept by a folder and by an SMTP server alike."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

import pytest

from casemill.mail.contract import Delivered, Mailer, MailerRefusesUs
from casemill.mail.folder import FolderMailer
from casemill.mail.smtp import Security
from casemill.mail.templates import Rendered
from tests.mail.conftest import mailer_of, message
from tests.mail.post_office import post_office


@dataclass
class Kit:
    """A mailer, what arrived by it, and one like it that cannot be used."""

    mailer: Mailer
    arrived: Callable[[], list[EmailMessage]]
    unusable: Mailer


@pytest.fixture(params=["folder", "smtp with starttls", "smtp with tls"])
def kit(request: pytest.FixtureRequest, tmp_path: Path, certificates: tuple[Path, Path]):
    if request.param == "folder":
        folder = tmp_path / "home" / "mail"
        (tmp_path / "a file").touch()

        def arrived() -> list[EmailMessage]:
            files = sorted(folder.glob("*.eml"))
            return [message_from_bytes(file.read_bytes(), policy=policy.SMTP) for file in files]  # type: ignore[misc]

        yield Kit(FolderMailer(folder), arrived, FolderMailer(tmp_path / "a file"))
        return
    security = Security.TLS if request.param == "smtp with tls" else Security.STARTTLS
    authority, own = certificates
    with post_office(security, own) as office:
        yield Kit(
            mailer_of(office, authority), lambda: office.messages, mailer_of(office, authority, "wrong")
        )


def nothing() -> None:
    pass


def body(arrived: EmailMessage, kind: str) -> str:
    part = arrived.get_body((kind,))
    assert part is not None
    return part.get_content().replace("\r\n", "\n")


def test_a_message_arrives_as_text_and_as_html_with_what_identifies_it(kit: Kit):
    sent = message()
    assert isinstance(kit.mailer.deliver(sent, nothing), Delivered)
    (arrived,) = kit.arrived()
    assert arrived.get_content_type() == "multipart/alternative"
    assert [part.get_content_type() for part in arrived.iter_parts()] == ["text/plain", "text/html"]
    assert "ends in 7 days, on 12 March 2026" in body(arrived, "plain")
    assert "<strong>Team</strong>" in body(arrived, "html")
    assert arrived["To"] == "ada@example.org"
    assert arrived["From"] == "Casemill <mill@firm.example>"
    assert arrived["Message-ID"] == f"<{sent.id}@firm.example>"
    assert arrived["Auto-Submitted"] == "auto-generated"
    assert arrived["Date"] == "Tue, 03 Mar 2026 14:00:00 +0000"


def test_nothing_is_to_be_seen_of_it_before_it_is_handed_over(kit: Kit):
    seen: list[int] = []
    kit.mailer.deliver(message(), lambda: seen.append(len(kit.arrived())))
    assert seen == [0]
    assert len(kit.arrived()) == 1


def test_what_is_held_back_at_the_last_moment_does_not_leave(kit: Kit):
    def hold_back() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        kit.mailer.deliver(message(), hold_back)
    assert kit.arrived() == []
    assert isinstance(kit.mailer.deliver(message(), nothing), Delivered)


def test_every_character_arrives_as_it_was(kit: Kit):
    text = ".\n..two\n" + "long " * 400 + "\nGrüße, 你好 \U0001f600 = =20\nFrom here\n.\n"
    kit.mailer.deliver(message(rendered=Rendered("Grüße 你好", text, "<p>é</p>\n")), nothing)
    (arrived,) = kit.arrived()
    assert body(arrived, "plain") == text
    assert arrived["Subject"] == "Grüße 你好"


def test_all_that_travels_is_ascii_in_short_lines(kit: Kit):
    lines = message(rendered=Rendered("Grüße " * 30, "ü" * 3000, "<p>é</p>")).as_bytes().split(b"\r\n")
    assert max(len(line) for line in lines) <= 78
    assert all(line.isascii() and b"\n" not in line and b"\r" not in line for line in lines)


def test_threads_share_one_mailer(kit: Kit):
    messages = [message(f"p{number}@example.org") for number in range(6)]
    with ThreadPoolExecutor(6) as threads:
        outcomes = list(threads.map(lambda one: kit.mailer.deliver(one, nothing), messages))
    assert all(isinstance(outcome, Delivered) for outcome in outcomes)
    assert {str(arrived["To"]) for arrived in kit.arrived()} == {one.recipient for one in messages}


def test_a_mailer_that_cannot_be_used_says_what_to_check_and_hands_nothing_over(kit: Kit):
    handed_over: list[int] = []
    with pytest.raises(MailerRefusesUs, match=r"[Cc]heck"):
        kit.unusable.deliver(message(), lambda: handed_over.append(1))
    assert handed_over == []


def test_nobody_reads_the_address_in_what_is_logged_of_a_message():
    assert "ada" not in repr(message())
