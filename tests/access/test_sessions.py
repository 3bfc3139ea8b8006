"""Sessions last while they are used, and not for ever."""

from datetime import timedelta
from uuid import UUID

from sqlalchemy import update
from sqlmodel import col, select

from casemill.access.sessions import (
    IDLE,
    LONGEST,
    Visit,
    begin_session,
    end_session,
    is_worth_noting,
    note_seen,
    user_of_session,
)
from casemill.db import Database
from casemill.models import LoginSession
from casemill.models.columns import utc_now
from tests.access.people import new_person


def begun(database: Database, user_id: UUID, visit: Visit | None = None) -> tuple[LoginSession, str]:
    with database.write() as session:
        return begin_session(session, user_id, visit or Visit("192.0.2.1", "a browser"))


def is_signed_in(database: Database, secret: str) -> bool:
    with database.read() as session:
        return user_of_session(session, secret) is not None


def test_a_session_is_kept_as_a_hash_and_says_where_it_began(database: Database):
    _, secret = begun(database, new_person(database, "ana"))
    with database.read() as session:
        login = session.exec(select(LoginSession)).one()
    assert is_signed_in(database, secret)
    assert secret not in str(login.model_dump()) and not is_signed_in(database, login.secret_hash)
    assert (login.address, login.agent) == ("192.0.2.1", "a browser")


def test_a_session_nobody_uses_ends(sqlite: Database):
    login, secret = begun(sqlite, new_person(sqlite, "ana"))
    assert login.expires_at == login.created_at + IDLE
    with sqlite.write() as session:
        session.exec(update(LoginSession).values(expires_at=utc_now()))
    assert not is_signed_in(sqlite, secret)


def test_use_is_noted_once_a_minute_and_prolongs(database: Database):
    login, _ = begun(database, new_person(database, "ana"))
    later = login.seen_at + timedelta(minutes=1)
    assert not is_worth_noting(login, later - timedelta(seconds=1))
    assert is_worth_noting(login, later)
    with database.write() as session:
        note_seen(session, login, later)
    with database.write() as session:
        note_seen(session, login, later + timedelta(seconds=30))  # another process, a moment later
    with database.read() as session:
        noted = session.exec(select(LoginSession)).one()
    assert (noted.seen_at, noted.expires_at) == (later, later + IDLE)


def test_no_session_lasts_for_ever(sqlite: Database):
    login, _ = begun(sqlite, new_person(sqlite, "ana"))
    with sqlite.write() as session:
        note_seen(session, login, login.created_at + LONGEST - timedelta(hours=1))
    with sqlite.read() as session:
        assert session.exec(select(LoginSession)).one().expires_at == login.created_at + LONGEST


def test_signing_in_anew_ends_the_session_the_browser_had(sqlite: Database):
    ana = new_person(sqlite, "ana")
    _, old = begun(sqlite, ana)
    _, new = begun(sqlite, ana, Visit(old_secret=old))
    assert old != new and is_signed_in(sqlite, new) and not is_signed_in(sqlite, old)


def test_a_session_that_was_ended_is_over_and_others_go_on(sqlite: Database):
    ana = new_person(sqlite, "ana")
    _, here = begun(sqlite, ana)
    _, there = begun(sqlite, ana)
    with sqlite.write() as session:
        end_session(session, here)
    assert not is_signed_in(sqlite, here) and is_signed_in(sqlite, there)


def test_sessions_long_over_are_forgotten_when_another_begins(sqlite: Database):
    ana = new_person(sqlite, "ana")
    begun(sqlite, ana)
    with sqlite.write() as session:
        session.exec(update(LoginSession).values(expires_at=utc_now() - timedelta(days=1)))
    login, _ = begun(sqlite, ana)
    with sqlite.read() as session:
        assert session.exec(select(col(LoginSession.id))).all() == [login.id]
