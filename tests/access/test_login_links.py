"""A login link works once, for the first who comes with it, within its time."""

import pytest
from sqlalchemy import update
from sqlmodel import Session, col, select

from casemill.access.login_links import LinkFault, new_login_link, use_login_link
from casemill.access.sessions import end_access
from casemill.access.users import UserChange, change_user
from casemill.db import Database
from casemill.models import LoginLink, Role, User
from casemill.models.columns import utc_now
from tests.access.people import new_person
from tests.concurrency import second_comes_while_the_first_is_not_through


def link_for(database: Database, name: str = "ana", minutes: int = 60) -> str:
    user_id = new_person(database, name)
    with database.write() as session:
        return new_login_link(session, user_id, minutes)


def used(database: Database, secret: str) -> User | LinkFault:
    with database.write() as session:
        return use_login_link(session, secret)


def test_a_link_lets_its_user_in_once(database: Database):
    secret = link_for(database)
    first = used(database, secret)
    assert isinstance(first, User) and first.name == "ana"
    assert used(database, secret) == LinkFault.USED


def test_of_two_who_come_at_once_one_gets_in(database: Database):
    secret = link_for(database)

    def come(session: Session) -> User | LinkFault:
        return use_login_link(session, secret)

    first, second = second_comes_while_the_first_is_not_through(database, come, come)
    assert isinstance(first, User) and second == LinkFault.USED


def test_the_database_does_not_hold_what_lets_in(sqlite: Database):
    secret = link_for(sqlite)
    with sqlite.read() as session:
        link = session.exec(select(LoginLink)).one()
    assert secret not in str(link.model_dump())


def test_a_link_gets_too_old(sqlite: Database):
    assert used(sqlite, link_for(sqlite, minutes=0)) == LinkFault.EXPIRED


@pytest.mark.parametrize("secret", ["", "no link of ours", "\ud800"])
def test_what_is_no_link_lets_nobody_in(sqlite: Database, secret: str):
    link_for(sqlite)
    assert used(sqlite, secret) == LinkFault.UNKNOWN


def test_a_link_of_a_disabled_user_lets_nobody_in(sqlite: Database):
    secret = link_for(sqlite)
    with sqlite.write() as session:
        session.exec(update(User).where(col(User.name) == "ana").values(disabled_at=utc_now()))
    assert used(sqlite, secret) == LinkFault.DISABLED


def test_links_end_with_all_other_access(sqlite: Database):
    secret = link_for(sqlite)
    with sqlite.write() as session:
        user_id = session.exec(select(User.id)).one()
        end_access(session, user_id)
    assert used(sqlite, secret) == LinkFault.EXPIRED


def test_disabling_a_user_ends_their_links_for_good(sqlite: Database):
    new_person(sqlite, "boss", Role.ADMIN)
    secret = link_for(sqlite)
    with sqlite.write() as session:
        user_id = session.exec(select(User.id).where(User.name == "ana")).one()
        change_user(session, user_id, UserChange(disabled=True))
        change_user(session, user_id, UserChange(disabled=False))
    assert used(sqlite, secret) == LinkFault.EXPIRED
