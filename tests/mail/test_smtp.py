"""What a mail server may answer, and what may become of the connection to it."""

from pathlib import Path

import pytest

from blocks.mail_server import MailServer
from casemill.mail.contract import Deferred, Delivered, MailerRefusesUs, Refused, Unconfirmed
from casemill.mail.smtp import Security, SmtpMailer, SmtpServer
from tests.mail.conftest import mailer_of, message
from tests.mail.post_office import (
    PASSWORD,
    USER,
    PostOffice,
    post_office,
    speaks,
    write_certificates,
)
from tests.ports import free_port


class Handover:
    """Counts how often a message was handed over."""

    times = 0

    def __call__(self) -> None:
        self.times += 1


@pytest.fixture
def handover() -> Handover:
    return Handover()


def plain(port: int) -> SmtpMailer:
    return SmtpMailer(SmtpServer("127.0.0.1", port, Security.NONE, timeout_seconds=5))


def test_what_is_said_is_said_encrypted_and_signed_in(
    office: PostOffice, certificates: tuple[Path, Path], handover: Handover
):
    assert mailer_of(office, certificates[0]).deliver(message(), handover) == Delivered("250 taken as 4711")
    (session,) = office.sessions
    assert session.authenticated
    assert session.ssl is not None or office.security == Security.TLS
    assert (office.received[0].mail_from, office.recipients) == ("mill@firm.example", ["ada@example.org"])


@pytest.mark.parametrize("command", ["MAIL", "RCPT", "DATA"])
def test_4xx_is_put_off_and_5xx_is_final_with_the_servers_words(
    office: PostOffice, certificates: tuple[Path, Path], handover: Handover, command: str
):
    mailer = mailer_of(office, certificates[0])
    office.answers[command] = "451 4.7.1 try again in 5 minutes"
    assert mailer.deliver(message(), handover) == Deferred("451 4.7.1 try again in 5 minutes")
    office.answers[command] = "550 5.1.1 no such mailbox"
    assert mailer.deliver(message(), handover) == Refused("550 5.1.1 no such mailbox")
    assert office.received == []
    assert handover.times == (2 if command == "DATA" else 0)
    del office.answers[command]
    assert isinstance(mailer.deliver(message(), handover), Delivered)


def test_a_refused_recipient_costs_nobody_else_the_message(
    office: PostOffice, certificates: tuple[Path, Path], handover: Handover
):
    office.answers["RCPT", "gone@example.org"] = "550 5.1.1 gone"
    mailer = mailer_of(office, certificates[0])
    outcomes = [mailer.deliver(message(f"{who}@example.org"), handover) for who in ("ada", "gone", "bob")]
    assert [type(outcome) for outcome in outcomes] == [Delivered, Refused, Delivered]
    assert office.recipients == ["ada@example.org", "bob@example.org"]


@pytest.mark.parametrize(
    ("where", "becomes"), [("RCPT", Deferred), ("CONTENT", Deferred), ("DATA", Unconfirmed)]
)
def test_a_connection_that_ends_before_the_last_byte_is_put_off_and_after_it_nobody_knows(
    office: PostOffice, certificates: tuple[Path, Path], handover: Handover, where: str, becomes: type
):
    """A server may have taken what it has whole: sent again, it would arrive twice."""
    office.hangs_up = where
    long = message()
    long.content.get_body(("plain",)).set_content("x" * 5_000_000)  # type: ignore[union-attr]
    outcome = mailer_of(office, certificates[0]).deliver(long if where == "CONTENT" else message(), handover)
    assert type(outcome) is becomes
    assert "the connection ended in the middle" in outcome.words
    assert len(office.received) == (1 if where == "DATA" else 0)


def test_a_server_that_is_not_there_is_asked_again_later(handover: Handover):
    outcome = plain(free_port()).deliver(message(), handover)
    assert isinstance(outcome, Deferred)
    assert "cannot be reached" in outcome.words
    nowhere = SmtpMailer(SmtpServer("mail.invalid", 587, timeout_seconds=5))
    assert isinstance(nowhere.deliver(message(), handover), Deferred)
    assert handover.times == 0


@pytest.mark.parametrize(
    ("greeting", "said"),
    [
        (b"421 too busy\r\n", "421 too busy"),
        (b"", "cannot be reached"),
        (b"what?\r\n", "no answer of a mail server"),
    ],
    ids=["busy", "silent", "not SMTP"],
)
def test_a_server_that_does_not_greet_us_is_asked_again_later(handover: Handover, greeting: bytes, said: str):
    with speaks(greeting) as port:
        outcome = plain(port).deliver(message(), handover)
    assert isinstance(outcome, Deferred)
    assert said in outcome.words


def test_a_server_that_wants_none_of_us_is_our_problem_and_not_the_messages(handover: Handover):
    with (
        speaks(b"554 5.7.1 you are on a list\r\n") as port,
        pytest.raises(MailerRefusesUs, match="on a list"),
    ):
        plain(port).deliver(message(), handover)


def test_a_wrong_password_fails_no_message_for_good(office: PostOffice, certificates: tuple[Path, Path]):
    """All of the outbox would have been marked as refused, because of one typing error in a block."""
    mailer = mailer_of(office, certificates[0], "wrong horse")
    with pytest.raises(MailerRefusesUs, match=r"535.*user and password") as caught:
        mailer.deliver(message(), Handover())
    assert "wrong horse" not in f"{caught.value} {mailer.server!r}"


def test_a_server_that_wants_a_password_we_do_not_have_is_our_problem_too(
    certificates: tuple[Path, Path], handover: Handover
):
    with post_office(Security.STARTTLS, certificates[1]) as office:
        server = SmtpServer("localhost", office.port, ca_file=certificates[0], timeout_seconds=10)
        with pytest.raises(MailerRefusesUs, match="sign in first"):
            SmtpMailer(server).deliver(message(), handover)


def test_what_a_server_says_of_us_does_not_name_whom_we_write_to(handover: Handover):
    """Everybody who sees jobs reads why one failed; some servers repeat the address with their no."""
    with post_office(Security.NONE) as office:
        office.answers["RCPT"] = "530 <ada.grey@example.org>: sign in to write to ada.grey"
        with pytest.raises(MailerRefusesUs, match="sign in") as caught:
            plain(office.port).deliver(message("ada.grey@example.org"), handover)
    assert "ada.grey" not in str(caught.value)


def test_a_certificate_that_nobody_vouches_for_is_not_trusted(office: PostOffice, handover: Handover):
    with pytest.raises(MailerRefusesUs, match=r"cannot be trusted.*ca_file"):
        mailer_of(office, None).deliver(message(), handover)
    assert office.received == []


def test_a_certificate_of_another_host_is_not_trusted(tmp_path: Path, handover: Handover):
    authority, own = write_certificates(tmp_path, "mail.elsewhere.example")
    with post_office(Security.STARTTLS, own) as office, pytest.raises(MailerRefusesUs, match="mismatch"):
        mailer_of(office, authority).deliver(message(), handover)


def test_without_the_encryption_that_was_asked_for_nothing_is_said(handover: Handover):
    """Who strips STARTTLS from the server's greeting would read the password."""
    with post_office(Security.NONE) as office:
        for security in (Security.STARTTLS, Security.TLS):
            server = SmtpServer("localhost", office.port, security, USER, PASSWORD, 5)
            with pytest.raises(MailerRefusesUs):
                SmtpMailer(server).deliver(message(), handover)
        assert office.received == []


def test_a_missing_certificate_file_is_named_as_the_cause(tmp_path: Path, handover: Handover):
    with pytest.raises(MailerRefusesUs, match="ca_file"):
        SmtpMailer(SmtpServer("localhost", 1, ca_file=tmp_path / "none.pem")).deliver(message(), handover)


def test_a_servers_words_are_one_line_of_bounded_length(
    office: PostOffice, certificates: tuple[Path, Path], handover: Handover
):
    office.answers["RCPT"] = (
        "550-first\r\n550-\x1b[31msecond\u202e\r\n550-" + "x" * 300 + "\r\n550 " + "x" * 300
    )
    words = mailer_of(office, certificates[0]).deliver(message(), handover).words
    assert words.startswith("550 first [31msecond")
    assert len(words) == 500
    assert words.isprintable()


def test_a_block_opens_a_mailer_and_shows_no_password():
    block = MailServer(host="mail.example.org", user="me", password="hush hush", port=465, security="tls")
    server = block.open().server
    assert (server.host, server.port, server.security, server.password) == (
        "mail.example.org",
        465,
        Security.TLS,
        "hush hush",
    )
    assert "hush hush" not in f"{block!r} {block} {block.model_dump_json()} {server!r} {server}"


def test_a_block_that_would_send_in_the_clear_is_refused():
    with pytest.raises(ValueError, match="encrypted only"):
        MailServer(host="mail.example.org", security="none")
    with pytest.raises(ValueError, match="belong together"):
        MailServer(host="mail.example.org", user="me")
    assert MailServer(host="localhost", port=25, security="none").open().server.user is None
