"""Giving, changing and taking away trials."""

from uuid import uuid4

import pytest
from sqlmodel import select

from casemill.db import Database
from casemill.errors import BadInput, NotFound, Refused
from casemill.models import Trial, TrialReminder, TrialState, User
from casemill.operations.trial_reminders import check_trial_reminders
from casemill.operations.trials import (
    NEXT,
    convert_trial,
    give_trial,
    list_trials,
    move_trial,
    remove_trial,
)
from tests.concurrency import at_once
from tests.trials import add_trial, at, change_trial, settings_with, state_of

NOW = at("2026-06-10")


def give(database: Database, user_id: object, ends_at: str, plan: str = "Team") -> Trial:
    with database.write() as session:
        return give_trial(session, user_id, plan, at("2026-06-01"), at(ends_at), NOW)


@pytest.fixture
def user_id(database: Database):
    with database.write() as session:
        session.add(user := User(name="Ada"))
    return user.id


def test_giving_the_same_twice_is_giving_it_once(database: Database, user_id):
    first, second = give(database, user_id, "2026-06-20"), give(database, user_id, "2026-06-20")
    assert first == second
    changed = give(database, user_id, "2026-07-20", plan="Firm")
    assert (changed.id, changed.plan, changed.ends_at) == (first.id, "Firm", at("2026-07-20"))


def test_two_who_give_the_same_user_a_trial_give_one(database: Database, user_id):
    given = at_once(4, lambda number: give(database, user_id, f"2026-07-1{number}").id)
    assert len(set(given)) == 1


def test_an_expired_trial_is_active_again_only_with_an_end_to_come(database: Database, user_id):
    trial = give(database, user_id, "2026-06-05")
    change_trial(database, trial, state=TrialState.EXPIRED)
    assert give(database, user_id, "2026-06-06").state == "expired"
    assert give(database, user_id, "2026-07-06").state == "active"


def test_a_converted_trial_stays_as_it_is(database: Database, user_id):
    give(database, user_id, "2026-06-20")
    with database.write() as session:
        assert convert_trial(session, user_id, NOW).state == "converted"
    with pytest.raises(Refused, match="delete the trial first"):
        give(database, user_id, "2026-07-20")
    with pytest.raises(Refused, match="nothing left to convert"), database.write() as session:
        convert_trial(session, user_id, NOW)


@pytest.mark.parametrize("start", TrialState)
@pytest.mark.parametrize("to", TrialState)
def test_a_state_is_reached_from_where_it_may_be_and_from_nowhere_else(
    sqlite: Database, start: TrialState, to: TrialState
):
    trial = add_trial(sqlite, "2026-06-20", state=start)
    with sqlite.write() as session:
        assert move_trial(session, trial.id, to, NOW) == (to in NEXT[start])
    assert state_of(sqlite, trial) == (to if to in NEXT[start] else start)


def test_taking_it_away_takes_what_was_kept_of_its_reminders(database: Database):
    trial = add_trial(database, "2026-06-20", email="ada@example.org")
    check_trial_reminders(database, settings_with(), at("2026-06-17"))
    with database.write() as session:
        remove_trial(session, trial.user_id)
    with database.read() as session:
        assert (session.exec(select(Trial)).all(), session.exec(select(TrialReminder)).all()) == ([], [])
    with pytest.raises(NotFound, match="has no trial"), database.write() as session:
        remove_trial(session, trial.user_id)


def test_a_trial_needs_a_user_and_an_end_after_its_start(database: Database, user_id):
    with pytest.raises(NotFound, match="There is no user"):
        give(database, uuid4(), "2026-06-20")
    with pytest.raises(BadInput, match="end before it starts"):
        give(database, user_id, "2026-05-20")
    with pytest.raises(BadInput, match="between the years 2000 and 2999"):
        give(database, user_id, "9999-12-31T23:59:59-12:00")


def test_what_ends_first_is_listed_first(database: Database):
    for number, (day, state) in enumerate([(3, "active"), (1, "expired"), (2, "active")]):
        add_trial(database, f"2026-06-0{day}", name=f"user {number}", email=None, state=TrialState(state))
    with database.read() as session:
        total, rows = list_trials(session, None, 1, 2)
        assert (total, [name for _, name in rows]) == (3, ["user 1", "user 2"])
        assert [name for _, name in list_trials(session, None, 2, 2)[1]] == ["user 0"]
        assert [name for _, name in list_trials(session, TrialState.ACTIVE, 1, 50)[1]] == ["user 2", "user 0"]
