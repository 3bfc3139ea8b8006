"""A token's use is noted, though not each time."""

from datetime import timedelta

from sqlmodel import select

from casemill.access.tokens import is_use_worth_noting, issue_token, note_use, user_of_token
from casemill.db import Database
from casemill.models import ApiToken
from casemill.models.columns import utc_now
from tests.access.people import new_person


def test_use_is_noted_once_a_minute(database: Database):
    ana = new_person(database, "ana")
    with database.write() as session:
        token, _ = issue_token(session, ana, "script")
    now = utc_now()
    assert is_use_worth_noting(token, now)
    for moment in (now, now + timedelta(seconds=59)):
        with database.write() as session:
            note_use(session, token.id, moment)
    with database.read() as session:
        noted = session.exec(select(ApiToken)).one()
    assert noted.used_at == now
    assert not is_use_worth_noting(noted, now + timedelta(seconds=59))
    assert is_use_worth_noting(noted, now + timedelta(seconds=60))


def test_a_token_of_the_past_lets_nobody_in(database: Database):
    ana = new_person(database, "ana")
    with database.write() as session:
        _, old = issue_token(session, ana, "old", utc_now() - timedelta(seconds=1))
        _, good = issue_token(session, ana, "good", utc_now() + timedelta(days=1))
    with database.read() as session:
        assert user_of_token(session, old) is None
        assert user_of_token(session, good) is not None


def test_half_a_character_is_no_token(sqlite: Database):
    with sqlite.read() as session:
        assert user_of_token(session, "\ud800") is None
