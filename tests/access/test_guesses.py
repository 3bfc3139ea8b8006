"""How long one waits after wrong passwords: a decision about moments, and the log they come from."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import update
from sqlmodel import col, select

from casemill.access.guesses import OF_A_NAME, OF_AN_ADDRESS, one_guess
from casemill.access.sessions import Visit
from casemill.access.sign_in import Begun, sign_in
from casemill.db import Database
from casemill.errors import CasemillError, NotSignedIn, TooManyTries
from casemill.models import AuditRecord, AuditResult
from tests.access.people import PASSWORD, new_person
from tests.concurrency import at_once, becomes_true

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
HERE = Visit("192.0.2.1", "a browser")


def wrong(count: int) -> list[datetime]:
    return [START + timedelta(seconds=number) for number in range(count)]


def test_four_wrong_ones_lock_nothing():
    assert OF_A_NAME.locked_until(wrong(4)) is None


def test_the_fifth_locks_for_five_minutes():
    assert OF_A_NAME.locked_until(wrong(5)) == wrong(5)[-1] + timedelta(minutes=5)


def test_each_round_of_five_doubles_the_wait_up_to_an_hour():
    waits = [OF_A_NAME.locked_until(wrong(5 * each)) for each in range(1, 8)]
    minutes = [(until - wrong(5 * each)[-1]).seconds // 60 for each, until in enumerate(waits, 1) if until]
    assert minutes == [5, 10, 20, 40, 60, 60, 60]


def test_more_wrong_ones_at_once_than_a_round_do_not_slip_through():
    assert OF_A_NAME.locked_until(wrong(7)) == wrong(7)[4] + timedelta(minutes=5)


def test_thousands_of_wrong_ones_can_be_counted():
    assert OF_A_NAME.locked_until(wrong(5000)) == wrong(5000)[-1] + timedelta(hours=1)


def test_an_address_that_people_share_has_more():
    assert OF_AN_ADDRESS.locked_until(wrong(19)) is None
    assert OF_AN_ADDRESS.locked_until(wrong(20)) == wrong(20)[-1] + timedelta(minutes=5)


def tried(database: Database, name: str, password: str, visit: Visit = HERE) -> type[CasemillError] | None:
    try:
        sign_in(database, name, password, visit)
    except CasemillError as error:
        return type(error)
    return None


def went_by(database: Database, time: timedelta) -> None:
    """As if all that is in the log had happened so much earlier."""
    with database.write() as session:
        for record in session.exec(select(AuditRecord)):
            at = record.at - time
            session.exec(update(AuditRecord).where(col(AuditRecord.id) == record.id).values(at=at))


def test_after_five_wrong_ones_the_right_one_is_refused_too_until_time_goes_by(database: Database):
    new_person(database, "ana")
    assert [tried(database, "ana", "wrong password") for _ in range(5)] == [NotSignedIn] * 5
    assert tried(database, "ana", PASSWORD) == TooManyTries
    went_by(database, timedelta(minutes=6))
    assert tried(database, "ana", PASSWORD) is None


def test_a_name_is_locked_from_every_address_and_others_are_not(database: Database):
    new_person(database, "ana")
    new_person(database, "ben")
    for number in range(5):
        tried(database, "ana", "wrong password", Visit(f"192.0.2.{number}"))
    assert tried(database, "ana", PASSWORD, Visit("198.51.100.1")) == TooManyTries
    assert tried(database, "ben", PASSWORD, HERE) is None


def test_a_name_that_nobody_has_is_locked_as_well(database: Database):
    assert [tried(database, "nobody", "wrong password") for _ in range(6)] == [NotSignedIn] * 5 + [
        TooManyTries
    ]


def test_an_address_is_locked_whatever_names_it_tries(sqlite: Database):
    new_person(sqlite, "ana")
    for number in range(20):
        assert tried(sqlite, f"name {number}", "wrong password") == NotSignedIn
    assert tried(sqlite, "ana", PASSWORD) == TooManyTries
    assert tried(sqlite, "ana", PASSWORD, Visit("198.51.100.1")) is None


def test_who_gets_in_starts_over(sqlite: Database):
    new_person(sqlite, "ana")
    for _ in range(2):
        assert [tried(sqlite, "ana", "wrong password") for _ in range(4)] == [NotSignedIn] * 4
        assert tried(sqlite, "ana", PASSWORD) is None


def test_the_wait_is_said_in_seconds(sqlite: Database):
    for _ in range(5):
        tried(sqlite, "ana", "wrong password")
    with pytest.raises(TooManyTries) as locked:
        sign_in(sqlite, "ana", PASSWORD, HERE)
    assert 290 < locked.value.seconds <= 301


def test_knocking_at_a_locked_door_fills_no_log(sqlite: Database):
    for _ in range(25):
        tried(sqlite, "ana", "wrong password")
    with sqlite.read() as session:
        results = session.exec(select(AuditRecord.result)).all()
    assert Counter(results) == {AuditResult.DENIED: 5, AuditResult.REFUSED: 1}


def test_of_many_guesses_at_once_no_more_are_heard_than_of_guesses_in_a_row(database: Database):
    new_person(database, "ana")
    heard = at_once(12, lambda _: tried(database, "ana", "wrong password"))
    assert 1 <= heard.count(NotSignedIn) <= 5
    assert set(heard) == {NotSignedIn, TooManyTries}


def test_of_a_flood_only_a_few_wait_and_the_others_are_refused_at_once(sqlite: Database):
    with ThreadPoolExecutor(6) as threads:
        with one_guess():
            tries = [threads.submit(tried, sqlite, "ana", "wrong password") for _ in range(6)]
            assert becomes_true(lambda: sum(each.done() for each in tries) == 3)
        assert Counter(each.result() for each in tries) == {TooManyTries: 3, NotSignedIn: 3}


def test_a_session_begun_shows_no_secret(sqlite: Database):
    new_person(sqlite, "ana")
    begun = sign_in(sqlite, "ana", PASSWORD, HERE)
    assert isinstance(begun, Begun) and begun.secret not in repr(begun)
