"""Users: who may be called what, and that somebody can always administer Casemill."""

from collections.abc import Callable
from uuid import UUID

import pytest
from sqlmodel import Session, select

from casemill.access.names import clean_email, clean_name, new_name
from casemill.access.sessions import Visit, begin_session, user_of_session
from casemill.access.tokens import issue_token, user_of_token
from casemill.access.users import UserChange, change_user, create_user, default_scope, set_password
from casemill.db import Database
from casemill.errors import BadInput, CasemillError, Refused
from casemill.models import Role, Scope, User
from tests.access.people import new_person
from tests.concurrency import second_comes_while_the_first_is_not_through


def changed(database: Database, user_id: UUID, **change: object) -> User:
    with database.write() as session:
        return change_user(session, user_id, UserChange(**change))  # type: ignore[arg-type]


def test_operators_see_their_own_and_the_others_all_unless_said_otherwise(database: Database):
    assert [default_scope(role) for role in Role] == [Scope.ALL, Scope.OWN, Scope.ALL]
    with database.write() as session:
        assert create_user(session, "ana", Role.OPERATOR).scope == Scope.OWN
        assert create_user(session, "ben", Role.OPERATOR, Scope.ALL).scope == Scope.ALL


def test_a_new_role_brings_its_own_scope(sqlite: Database):
    """A viewer made operator would otherwise steer everybody's jobs without anybody having said so."""
    with sqlite.write() as session:
        vera = create_user(session, "vera", Role.VIEWER).id
    assert changed(sqlite, vera, role=Role.OPERATOR).scope == Scope.OWN
    assert changed(sqlite, vera, scope=Scope.ALL).scope == Scope.ALL
    assert changed(sqlite, vera, email="vera@firm.example").scope == Scope.ALL


@pytest.mark.parametrize("name", ["ana", "ANA", " ana "])
def test_two_users_are_not_called_the_same(database: Database, name: str):
    new_person(database, "ana")
    with pytest.raises(Refused, match="already"), database.write() as session:
        create_user(session, name, Role.OPERATOR)


def test_of_two_users_of_one_name_made_at_once_the_second_is_refused(database: Database):
    def make(session: Session) -> str | CasemillError:
        try:
            return create_user(session, "ana", Role.OPERATOR).name
        except CasemillError as error:
            return error

    first, second = second_comes_while_the_first_is_not_through(database, make, make)
    assert first == "ana" and isinstance(second, Refused)


def test_two_users_do_not_have_one_address(sqlite: Database):
    with sqlite.write() as session:
        create_user(session, "ana", Role.OPERATOR, email="office@firm.example")
    with pytest.raises(Refused, match="ana has this"), sqlite.write() as session:
        create_user(session, "ben", Role.OPERATOR, email="Office@firm.example")


def test_nobody_is_called_like_the_person_at_the_machine(sqlite: Database):
    with pytest.raises(Refused, match="another name"), sqlite.write() as session:
        create_user(session, "Local", Role.OPERATOR)


@pytest.mark.parametrize(
    "name", ["", "   ", "x" * 81, "a\x00b", "a\nb", "\u202eadmin", "\u200b", "<b>", "a/b", "\ud800", "50%"]
)
def test_a_name_that_misleads_or_breaks_things_is_none(name: str):
    with pytest.raises(BadInput):
        new_name(name)


@pytest.mark.parametrize("name", ["Ana García", "o'brien", "李雷", "ana.garcia@firm.example", "अनिल"])
def test_names_of_people_are_fine(name: str):
    assert new_name(f" {name} ") == name


def test_a_name_is_found_however_its_accents_were_typed():
    assert clean_name("Garci\u0301a") == clean_name("Garc\u00eda")


@pytest.mark.parametrize(
    "email", ["ana", "@firm.example", "ana@", "a@b@c", "a b@c", "a@b\r\nBcc: c@d", "\x00@x"]
)
def test_what_is_no_address_is_refused(email: str):
    with pytest.raises(BadInput):
        clean_email(email)


@pytest.mark.parametrize("change", [{"role": Role.OPERATOR}, {"disabled": True}])
def test_the_only_enabled_admin_stays_one(database: Database, change: dict[str, object]):
    boss = new_person(database, "boss", Role.ADMIN)
    other = new_person(database, "other", Role.ADMIN)
    changed(database, other, disabled=True)
    with pytest.raises(Refused, match="only enabled admin"):
        changed(database, boss, **change)
    changed(database, other, disabled=False)
    changed(database, boss, **change)


def test_two_admins_who_disable_each_other_at_once_do_not_both_succeed(database: Database):
    one, other = new_person(database, "one", Role.ADMIN), new_person(database, "other", Role.ADMIN)

    def disables(user_id: UUID) -> Callable[[Session], CasemillError | None]:
        def act(session: Session) -> CasemillError | None:
            try:
                change_user(session, user_id, UserChange(disabled=True))
            except CasemillError as error:
                return error
            return None

        return act

    first, second = second_comes_while_the_first_is_not_through(database, disables(one), disables(other))
    assert first is None and isinstance(second, Refused)
    with database.read() as session:
        assert session.exec(select(User.name).where(User.disabled_at == None)).all() == ["other"]  # noqa: E711


def lets_in(database: Database, user_id: UUID) -> Callable[[], tuple[bool, bool]]:
    """Of a new session and a new token of the user: whether each still lets in."""
    with database.write() as session:
        _, secret = begin_session(session, user_id, Visit())
        _, token = issue_token(session, user_id, "script")

    def look() -> tuple[bool, bool]:
        with database.read() as session:
            return user_of_session(session, secret) is not None, user_of_token(session, token) is not None

    return look


def test_disabling_ends_sessions_and_tokens_and_enabling_does_not_bring_them_back(database: Database):
    new_person(database, "boss", Role.ADMIN)
    ana = new_person(database, "ana")
    look = lets_in(database, ana)
    assert look() == (True, True)
    changed(database, ana, disabled=True)
    changed(database, ana, disabled=False)
    assert look() == (False, False)


def test_a_new_password_ends_sessions_and_tokens_of_this_user_only(database: Database):
    ana, ben = new_person(database, "ana"), new_person(database, "ben")
    anas, bens = lets_in(database, ana), lets_in(database, ben)
    with database.write() as session:
        set_password(session, session.get_one(User, ana), "another good one")
    assert anas() == (False, False) and bens() == (True, True)
