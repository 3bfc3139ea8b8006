"""Sending one message by a real mail server: what became of it is recorded, and it goes out once."""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from casemill.db import Database
from casemill.errors import NotFound
from casemill.mail.contract import (
    MailDeferred,
    MailerRefusesUs,
    MailRefused,
    MailUnconfirmed,
    Message,
    Outcome,
)
from casemill.mail.smtp import Security, SmtpMailer, SmtpServer
from casemill.mail.templates import SAMPLES
from casemill.models import Attempt, MailKind, MailState, OutgoingMail
from casemill.models.columns import utc_now
from casemill.operations import outbox
from casemill.operations.send_mail import send_mail
from casemill.settings import Settings
from tests.concurrency import at_once
from tests.mail.post_office import PostOffice, post_office

KIND = MailKind.TRIAL_REMINDER


@pytest.fixture
def office() -> Iterator[PostOffice]:
    with post_office(Security.NONE) as office:
        yield office


@pytest.fixture
def mailer(office: PostOffice) -> SmtpMailer:
    return SmtpMailer(SmtpServer("127.0.0.1", office.port, Security.NONE, timeout_seconds=10))


@pytest.fixture
def settings(tmp_path) -> Settings:
    return Settings(home=tmp_path / "home", mail_from="Casemill <mill@firm.example>")


@pytest.fixture
def mail_id(database: Database) -> UUID:
    with database.write() as session:
        return outbox.enqueue(session, KIND, "jane.doe@example.org", "trial:1", SAMPLES[KIND]).id


def mail_of(database: Database, mail_id: UUID) -> OutgoingMail:
    with database.read() as session:
        return session.get_one(OutgoingMail, mail_id)


def attempt() -> Attempt:
    return Attempt(uuid4())


def test_a_message_is_sent_once_however_often_it_is_asked_for(
    database: Database, settings: Settings, office: PostOffice, mailer: SmtpMailer, mail_id: UUID
):
    run = attempt()
    states = [send_mail(database, settings, mailer, mail_id, by) for by in (run, run, attempt())]
    assert states == [MailState.SENT] * 3
    (arrived,) = office.messages
    assert arrived["Message-ID"] == f"<{mail_id}@firm.example>"
    sent = mail_of(database, mail_id)
    assert (sent.state, sent.words, sent.attempts) == (MailState.SENT, "250 taken as 4711", 1)
    assert sent.sent_at is not None


def test_many_that_send_the_same_message_at_once_send_one(
    database: Database, settings: Settings, office: PostOffice, mailer: SmtpMailer, mail_id: UUID
):
    at_once(5, lambda _: send_mail(database, settings, mailer, mail_id, attempt()))
    assert len(office.received) == 1
    assert mail_of(database, mail_id).state == MailState.SENT


def test_what_is_put_off_waits_and_is_sent_by_a_later_try(
    database: Database, settings: Settings, office: PostOffice, mailer: SmtpMailer, mail_id: UUID
):
    office.answers["RCPT"] = "451 4.7.1 <jane.doe@example.org> greylisted"
    run, before = attempt(), utc_now()
    with pytest.raises(
        MailDeferred, match=r"to j\*\*\*@example.org was put off.*451 4.7.1.*greylisted"
    ) as caught:
        send_mail(database, settings, mailer, mail_id, run)
    assert "jane" not in str(caught.value)
    waiting = mail_of(database, mail_id)
    assert waiting.state == MailState.PENDING
    assert waiting.words == "451 4.7.1 <jane.doe@example.org> greylisted"
    assert before + timedelta(seconds=59) < waiting.next_try_at < utc_now() + timedelta(seconds=61)
    office.answers.clear()
    assert send_mail(database, settings, mailer, mail_id, run) == MailState.SENT
    assert len(office.received) == 1


def test_what_is_refused_is_not_tried_again_and_keeps_the_servers_words(
    database: Database, settings: Settings, office: PostOffice, mailer: SmtpMailer, mail_id: UUID
):
    office.answers["RCPT"] = "550 5.1.1 <jane.doe@example.org>: user unknown"
    with pytest.raises(MailRefused, match=r"550 5.1.1 <j\*\*\*@example.org>: user unknown"):
        send_mail(database, settings, mailer, mail_id, attempt())
    office.answers.clear()
    assert send_mail(database, settings, mailer, mail_id, attempt()) == MailState.FAILED
    assert office.received == []
    assert mail_of(database, mail_id).words == "550 5.1.1 <jane.doe@example.org>: user unknown"


def test_what_nobody_confirmed_is_not_sent_again_by_itself(
    database: Database, settings: Settings, office: PostOffice, mailer: SmtpMailer, mail_id: UUID
):
    office.hangs_up = "DATA"
    run = attempt()
    with pytest.raises(MailUnconfirmed, match=f"casemill mail again {mail_id}"):
        send_mail(database, settings, mailer, mail_id, run)
    office.hangs_up = None
    assert send_mail(database, settings, mailer, mail_id, run) == MailState.UNKNOWN
    assert send_mail(database, settings, mailer, mail_id, attempt()) == MailState.UNKNOWN
    assert len(office.received) == 1


def test_a_person_sends_it_again_under_the_same_message_id(
    database: Database, settings: Settings, office: PostOffice, mailer: SmtpMailer, mail_id: UUID
):
    office.hangs_up = "DATA"
    with pytest.raises(MailUnconfirmed):
        send_mail(database, settings, mailer, mail_id, attempt())
    office.hangs_up = None
    with database.write() as session:
        outbox.send_again(session, mail_id, utc_now())
    assert send_mail(database, settings, mailer, mail_id, attempt()) == MailState.SENT
    assert len({str(message["Message-ID"]) for message in office.messages}) == 1


def test_a_server_that_lets_us_not_in_costs_no_message(
    database: Database, settings: Settings, office: PostOffice, mail_id: UUID
):
    wrong = SmtpMailer(SmtpServer("127.0.0.1", office.port, Security.STARTTLS, timeout_seconds=5))
    with pytest.raises(MailerRefusesUs):
        send_mail(database, settings, wrong, mail_id, attempt())
    waiting = mail_of(database, mail_id)
    assert waiting.state == MailState.PENDING
    assert waiting.next_try_at > utc_now()
    assert "MailerRefusesUs" in str(waiting.words)


def test_a_message_that_cannot_be_written_waits_and_says_why(
    database: Database, settings: Settings, office: PostOffice, mailer: SmtpMailer
):
    with database.write() as session:
        context = {**SAMPLES[KIND], "url": "javascript:alert(1)"}
        bad = outbox.enqueue(session, KIND, "ada@example.org", "trial:2", context).id
    with pytest.raises(Exception, match="link"):
        send_mail(database, settings, mailer, bad, attempt())
    assert mail_of(database, bad).state == MailState.PENDING
    assert office.received == []


def test_what_is_too_late_is_not_sent(
    database: Database, settings: Settings, office: PostOffice, mailer: SmtpMailer, mail_id: UUID
):
    def next_week():
        return utc_now() + timedelta(days=7)

    assert send_mail(database, settings, mailer, mail_id, attempt(), next_week) == MailState.FAILED
    assert office.received == []


def test_a_message_that_is_not_there_is_not_found(database: Database, settings: Settings, mailer: SmtpMailer):
    with pytest.raises(NotFound):
        send_mail(database, settings, mailer, uuid4(), attempt())


@dataclass
class Doomed:
    """A mailer whose process is killed at a point of its choice."""

    mailer: SmtpMailer
    point: str

    def deliver(self, message: Message, hand_over: Callable[[], None]) -> Outcome:
        def handing_over() -> None:
            self._die_at("before it is handed over")
            hand_over()
            self._die_at("before it leaves")

        self._die_at("before anything")
        outcome = self.mailer.deliver(message, handing_over)
        self._die_at("before the answer is recorded")
        return outcome

    def _die_at(self, point: str) -> None:
        if point == self.point:
            os._exit(9)


@pytest.mark.parametrize(
    ("point", "arrived", "state"),
    [
        ("before anything", 0, MailState.PENDING),
        ("before it is handed over", 0, MailState.PENDING),
        ("before it leaves", 0, MailState.UNKNOWN),
        ("before the answer is recorded", 1, MailState.UNKNOWN),
    ],
)
def test_a_process_killed_anywhere_sends_nothing_twice(
    database: Database,
    settings: Settings,
    office: PostOffice,
    mailer: SmtpMailer,
    mail_id: UUID,
    point: str,
    arrived: int,
    state: MailState,
):
    """A message that had surely not left goes out afterwards; of the others a person decides."""
    killed = attempt()
    child = os.fork()
    if child == 0:
        try:
            own = Database(database.engine.url)
            send_mail(own, settings, Doomed(mailer, point), mail_id, killed)
        finally:
            os._exit(0)  # not reached
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9
    assert len(office.received) == arrived
    with database.write() as session:
        outbox.take_back(session, utc_now(), attempt(), dead={killed.run_id})
    assert mail_of(database, mail_id).state == state
    for by in (Attempt(killed.run_id, 2), attempt()):
        send_mail(database, settings, mailer, mail_id, by)
    assert len(office.received) == (1 if state == MailState.PENDING else arrived)


def test_a_try_that_could_not_record_its_answer_does_not_send_again(
    database: Database, settings: Settings, office: PostOffice, mailer: SmtpMailer, mail_id: UUID
):
    """The database went away between the server's answer and ours; Prefect tries the same task again."""
    run = attempt()

    class Gone(Exception):
        pass

    class Forgetful:
        def deliver(self, message: Message, hand_over: Callable[[], None]) -> Outcome:
            mailer.deliver(message, hand_over)
            raise Gone

    with pytest.raises(Gone):
        send_mail(database, settings, Forgetful(), mail_id, run)
    assert send_mail(database, settings, mailer, mail_id, run) == MailState.UNKNOWN
    assert len(office.received) == 1
