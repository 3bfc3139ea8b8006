"""The outbox: a message is written down once, taken once, and never goes out twice by itself."""

from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from casemill.db import Database
from casemill.errors import LostClaim, NotFound, Refused
from casemill.mail.addresses import InvalidAddress
from casemill.mail.templates import SAMPLES, BadContext
from casemill.models import Attempt, MailKind, MailState, OutgoingMail
from casemill.models.columns import utc_now
from casemill.operations import outbox
from casemill.operations.mail_delivery import due_mails, troubled_mails
from tests.concurrency import at_once

KIND = MailKind.TRIAL_EXPIRED
HOUR = timedelta(hours=1)


def enqueued(database: Database, to: str = "ada@example.org", key: str = "trial:1", **given: object) -> UUID:
    with database.write() as session:
        return outbox.enqueue(session, KIND, to, key, SAMPLES[KIND], **given).id  # type: ignore[arg-type]


def attempt() -> Attempt:
    return Attempt(uuid4())


def taken(database: Database, mail_id: UUID, by: Attempt) -> bool:
    with database.write() as session:
        return outbox.take(session, mail_id, by)


def handed_over(database: Database, mail_id: UUID, by: Attempt) -> None:
    with database.write() as session:
        outbox.hand_over(session, mail_id, by)


def settled(database: Database, mail_id: UUID, by: Attempt, to: MailState) -> bool:
    with database.write() as session:
        return outbox.settle(session, mail_id, by, to, f"250 {to}")


def taken_back(
    database: Database, by: Attempt | None = None, after: timedelta = HOUR, **given: object
) -> int:
    with database.write() as session:
        return outbox.take_back(session, utc_now() + after, by or attempt(), **given)  # type: ignore[arg-type]


def mail_of(database: Database, mail_id: UUID) -> OutgoingMail:
    with database.read() as session:
        return session.get_one(OutgoingMail, mail_id)


def due(database: Database, after: timedelta = HOUR) -> set[UUID]:
    with database.write() as session:
        return {mail.id for mail in due_mails(session, utc_now() + after, ())}


def test_a_message_asked_for_again_is_the_same_message(database: Database):
    first = enqueued(database)
    assert enqueued(database, " Ada@Example.ORG ") == first
    assert enqueued(database, key="trial:2") != first
    assert enqueued(database, "bob@example.org") != first


def test_two_that_ask_for_the_same_message_at_once_get_one(database: Database):
    assert len(set(at_once(6, lambda _: enqueued(database)))) == 1


def test_a_message_is_kept_with_the_callers_work_or_not_at_all(database: Database):
    with pytest.raises(ZeroDivisionError), database.write() as session:
        outbox.enqueue(session, KIND, "ada@example.org", "trial:1", SAMPLES[KIND])
        raise ZeroDivisionError
    assert due(database) == set()


def test_what_cannot_be_sent_is_refused_when_it_is_asked_for(database: Database):
    with database.write() as session:
        with pytest.raises(InvalidAddress):
            outbox.enqueue(session, KIND, "ada@example.org\nBcc: x@y.example", "k", SAMPLES[KIND])
        with pytest.raises(BadContext, match="ends_at, plan"):
            outbox.enqueue(session, KIND, "ada@example.org", "k", {"name": "Ada", "url": "https://a.example"})


def test_one_of_many_takes_a_message(database: Database):
    mail = enqueued(database)
    assert sorted(at_once(6, lambda _: taken(database, mail, attempt()))) == [False] * 5 + [True]


def test_a_message_of_a_dead_job_waits_again_if_nothing_had_left(database: Database):
    mail, dead = enqueued(database), attempt()
    assert taken(database, mail, dead)
    assert taken_back(database, after=timedelta()) == 0
    assert taken_back(database, after=timedelta(), dead={dead.run_id}) == 1
    assert mail_of(database, mail).state == MailState.PENDING
    with pytest.raises(LostClaim, match="does not send it"):
        handed_over(database, mail, dead)
    assert taken(database, mail, attempt())


def test_a_message_of_a_dead_job_is_unknown_once_it_was_handed_over(database: Database):
    mail, dead = enqueued(database), attempt()
    taken(database, mail, dead)
    handed_over(database, mail, dead)
    assert due(database) == set()
    assert taken_back(database) == 1
    found = mail_of(database, mail)
    assert (found.state, found.words) == (
        MailState.UNKNOWN,
        "its job ended before the mail server's answer was recorded",
    )
    assert due(database) == set()
    assert not taken(database, mail, attempt())
    with database.read() as session:
        (shown,) = troubled_mails(session, ())
    assert (shown["to"], shown["state"]) == ("a***@example.org", "unknown")


def test_a_job_that_is_tried_again_frees_what_its_earlier_attempt_held(database: Database):
    mail, run = enqueued(database), uuid4()
    taken(database, mail, Attempt(run, 1))
    assert taken_back(database, Attempt(run, 1), timedelta()) == 0
    assert taken_back(database, Attempt(run, 2), timedelta()) == 1
    assert due(database) == {mail}


def test_an_answer_that_comes_late_is_still_the_truth(database: Database):
    """The job was taken for dead while the mail server took its time."""
    mail, slow = enqueued(database), attempt()
    taken(database, mail, slow)
    handed_over(database, mail, slow)
    taken_back(database)
    assert settled(database, mail, slow, MailState.SENT)
    assert mail_of(database, mail).state == MailState.SENT


def test_an_answer_to_one_attempt_says_nothing_about_anothers(database: Database):
    mail, slow, other = enqueued(database), attempt(), attempt()
    taken(database, mail, slow)
    taken_back(database)
    taken(database, mail, other)
    assert not settled(database, mail, slow, MailState.FAILED)
    assert mail_of(database, mail).state == MailState.SENDING


def test_what_is_sent_stays_sent(database: Database):
    mail, mine = enqueued(database), attempt()
    taken(database, mail, mine)
    handed_over(database, mail, mine)
    settled(database, mail, mine, MailState.SENT)
    assert not settled(database, mail, mine, MailState.PENDING)
    assert taken_back(database) == 0
    assert not taken(database, mail, attempt())
    with database.write() as session, pytest.raises(Refused, match="is sent"):
        outbox.send_again(session, mail, utc_now())


def test_what_was_put_off_is_due_at_its_time(database: Database):
    mail, mine = enqueued(database), attempt()
    taken(database, mail, mine)
    with database.write() as session:
        outbox.settle(session, mail, mine, MailState.PENDING, "451", next_try_at=utc_now() + HOUR)
    assert due(database, HOUR / 2) == set()
    assert due(database, HOUR * 2) == {mail}


def minutes_to_wait(tries: int, age: timedelta) -> float:
    now = utc_now()
    mail = OutgoingMail(
        kind=KIND, recipient="ada@example.org", subject_key="trial:1", attempts=tries, created_at=now - age
    )
    return (outbox.next_try(mail, now) - now).total_seconds() / 60


def test_the_wait_grows_with_each_try_up_to_a_bound():
    waits, age = [], timedelta(0)
    for tries in (1, 2, 3, 4, 5, 1000):
        waits.append(minutes_to_wait(tries, age))
        age += timedelta(minutes=waits[-1])
    assert waits == [1, 4, 16, 64, 240, 240]


def test_quick_tries_of_one_job_do_not_make_the_wait_long():
    """The job of a claim had tried four times within half a minute: a server that takes whom it does not know
    after a minute got the message an hour later, and somebody waited for the link."""
    assert minutes_to_wait(4, timedelta(seconds=20)) == 2
    assert minutes_to_wait(5, timedelta(minutes=5)) == 16


def test_what_is_too_late_is_not_sent_and_keeps_the_last_words(database: Database):
    mail, mine = enqueued(database, not_after=utc_now() + HOUR), attempt()
    taken(database, mail, mine)
    settled(database, mail, mine, MailState.PENDING)
    assert due(database, HOUR * 2) == set()
    found = mail_of(database, mail)
    assert (found.state, found.words) == (MailState.FAILED, "not sent in time; said last: 250 pending")
    with database.write() as session, pytest.raises(Refused, match="too late"):
        outbox.send_again(session, mail, utc_now() + HOUR * 2)


def test_a_person_may_send_again_what_failed_or_is_unknown(database: Database):
    failed, unknown, mine = enqueued(database), enqueued(database, key="other"), attempt()
    for mail in (failed, unknown):
        taken(database, mail, mine)
        handed_over(database, mail, mine)
    settled(database, failed, mine, MailState.FAILED)
    settled(database, unknown, mine, MailState.UNKNOWN)
    with database.write() as session:
        for mail in (failed, unknown):
            outbox.send_again(session, mail, utc_now())
            with pytest.raises(Refused, match="only failed and unknown"):
                outbox.send_again(session, mail, utc_now())
        with pytest.raises(NotFound):
            outbox.send_again(session, uuid4(), utc_now())
    assert due(database) == {failed, unknown}


def test_those_that_wait_longest_go_first_and_none_twice_in_a_job(database: Database):
    mails = [enqueued(database, key=str(number)) for number in range(60)]
    with database.write() as session:
        first = [mail.id for mail in due_mails(session, utc_now(), ())]
        rest = [mail.id for mail in due_mails(session, utc_now(), first)]
    assert len(first) == 50
    assert [*first, *rest] == mails


def forgotten(database: Database, before: timedelta, now: timedelta) -> int:
    """Counted from now; how many messages were forgotten."""
    with database.write() as session:
        return outbox.forget(session, utc_now() + before, utc_now() + now, 100)[1]


def test_long_after_a_message_only_that_it_was_sent_is_remembered(database: Database):
    """Its address, its content and the server's words go; asked for again it is still the same message."""
    by, week = attempt(), timedelta(days=7)
    sent, other = enqueued(database), enqueued(database, "bob@example.org", not_after=utc_now() + week * 9)
    for mail_id in (sent, other):
        assert taken(database, mail_id, by)
        handed_over(database, mail_id, by)
        assert settled(database, mail_id, by, MailState.SENT)
    with database.write() as session:
        session.get_one(OutgoingMail, sent).sent_at = utc_now() - week
    assert forgotten(database, -week - HOUR, week) == 0, "younger than that"
    assert forgotten(database, week, week) == 1, "one could still be sent again"
    assert forgotten(database, week, week) == 0
    kept = mail_of(database, sent)
    assert "ada@" not in repr(kept.model_dump()).lower()
    assert "example.org" not in repr(kept.model_dump())
    assert (kept.context, kept.words, kept.state) == ({}, None, MailState.SENT)
    assert outbox.shown_recipient(kept) == "forgotten"
    assert mail_of(database, other).recipient == "bob@example.org"
    assert enqueued(database) == sent
    assert enqueued(database, "eve@example.org") != sent
    assert enqueued(database, key="trial:2") != sent
    assert due(database) == {enqueued(database, "eve@example.org"), enqueued(database, key="trial:2")}


def test_what_may_still_go_out_is_not_forgotten_however_old(database: Database):
    """Waiting, being sent, handed over: each has its job to end it first."""
    by, year = attempt(), timedelta(days=365)
    for number in range(3):
        enqueued(database, key=f"trial:{number}")
    sending, leaving = (enqueued(database, key=f"trial:{number}") for number in (0, 1))
    assert taken(database, sending, by) and taken(database, leaving, by)
    handed_over(database, leaving, by)
    assert forgotten(database, year, year) == 0
    taken_back(database, after=year)
    assert forgotten(database, year, year) == 1, "the one of which nobody will know any more"
    assert mail_of(database, leaving).state == MailState.UNKNOWN
    with database.write() as session, pytest.raises(Refused, match="too late"):
        outbox.send_again(session, leaving, utc_now() + year)
