"""Trials that have ended are expired, and their users told, once."""

from datetime import UTC, datetime

import pytest
from sqlalchemy.exc import OperationalError
from sqlmodel import Session

from casemill.db import Database
from casemill.models import TrialState
from casemill.operations import trial_expirations
from casemill.operations.trial_expirations import process_trial_expirations
from casemill.operations.trial_letters import TouchedTrials
from casemill.operations.trials import convert_trial, give_trial
from tests.concurrency import at_once
from tests.trials import add_trial, at, outbox_of, settings_with, state_of, told


def run(database: Database, now: str, *, dry_run: bool = False) -> TouchedTrials:
    return process_trial_expirations(database, settings_with(), at(now), dry_run=dry_run)


def test_what_has_ended_is_expired_and_told_and_the_rest_is_left(database: Database):
    ended = add_trial(database, "2026-06-20T12:00")
    goes_on = add_trial(database, "2026-06-20T12:01", name="Bo", email="bo@example.org")
    touched = run(database, "2026-06-20T12:00")
    assert (state_of(database, ended), state_of(database, goes_on)) == ("expired", "active")
    assert told(database) == [("ada@example.org", "trial_expired", None)]
    [row] = touched.table()
    assert (row["user"], row["address"], row["told"]) == ("Ada", "a***@example.org", "message queued")


@pytest.mark.parametrize(
    ("ends_at", "before", "after"),
    [
        # In the night the clock goes back in Berlin, 02:30 is twice: the end is the moment, not the hour.
        ("2026-10-25T02:30+01:00", "2026-10-25T02:30+02:00", "2026-10-25T02:30+01:00"),
        ("2026-10-25T02:30+02:00", "2026-10-25T02:29+02:00", "2026-10-25T02:30+02:00"),
        ("2026-03-29T03:00+02:00", "2026-03-29T01:59+01:00", "2026-03-29T03:00+02:00"),
        ("2028-03-01T00:00+14:00", "2028-02-29T09:59", "2028-02-29T10:00"),
    ],
)
def test_the_end_is_a_moment_whatever_the_clocks_show(
    database: Database, ends_at: str, before: str, after: str
):
    trial = add_trial(database, ends_at)
    run(database, before)
    assert state_of(database, trial) == "active"
    run(database, after)
    assert state_of(database, trial) == "expired"


def test_a_second_run_tells_nobody_again(database: Database):
    add_trial(database, "2026-06-20T12:00")
    assert [run(database, "2026-06-20T13:00").told for _ in range(3)] == [1, 0, 0]
    assert len(outbox_of(database)) == 1


def test_runs_at_once_tell_once(database: Database):
    for number in range(5):
        add_trial(database, "2026-06-20T12:00", name=f"user {number}", email=f"u{number}@example.org")
    touched = at_once(3, lambda _: run(database, "2026-06-20T13:00").told)
    assert sum(touched) == len(outbox_of(database)) == 5


def test_a_dry_run_changes_nothing(database: Database):
    trial = add_trial(database, "2026-06-20T12:00")
    assert [row["told"] for row in run(database, "2026-06-20T13:00", dry_run=True).table()] == [
        "would be told"
    ]
    assert (state_of(database, trial), outbox_of(database)) == ("active", [])


def test_a_trial_ends_though_nobody_can_be_told(database: Database):
    nobody = add_trial(database, "2026-06-20T12:00", email=None)
    gone = add_trial(database, "2026-06-20T12:00", name="Bo", disabled_at=datetime.now(UTC))
    touched = run(database, "2026-06-20T13:00")
    assert (touched.told, touched.untold) == (0, 2)
    assert state_of(database, nobody) == state_of(database, gone) == "expired"
    assert outbox_of(database) == []


def test_a_user_who_took_the_plan_is_not_told_that_the_trial_ended(database: Database):
    trial = add_trial(database, "2026-06-20T12:00")
    with database.write() as session:
        convert_trial(session, trial.user_id, at("2026-06-19"))
    assert run(database, "2026-06-20T13:00").table() == []
    assert state_of(database, trial) == "converted"


def test_a_trial_that_was_given_again_ends_again_and_is_told_again(database: Database):
    trial = add_trial(database, "2026-06-20T12:00")
    run(database, "2026-06-20T13:00")
    with database.write() as session:
        again = give_trial(
            session, trial.user_id, "Team", trial.starts_at, at("2026-07-20"), at("2026-06-21")
        )
    assert (again.id, again.state) == (trial.id, "active")
    run(database, "2026-07-20T13:00")
    assert [mail.context["ends_at"] for mail in outbox_of(database)] == [
        "20 June 2026, 12:00 UTC",
        "20 July 2026, 00:00 UTC",
    ]


def test_a_run_that_breaks_off_expires_nobody_without_telling(
    database: Database, monkeypatch: pytest.MonkeyPatch
):
    """State and message are one transaction: neither is kept without the other."""
    trial = add_trial(database, "2026-06-20T12:00")

    def break_off(session: Session, *given: object, **more: object) -> None:
        session.flush()
        raise ValueError("the process dies here")

    with monkeypatch.context() as patched, pytest.raises(ValueError, match="dies here"):
        patched.setattr(trial_expirations, "tell_user", break_off)
        run(database, "2026-06-20T13:00")
    assert (state_of(database, trial), outbox_of(database)) == (TrialState.ACTIVE, [])
    assert run(database, "2026-06-20T13:00").told == 1


def test_a_database_that_is_away_for_a_moment_costs_nobody_a_message(database: Database):
    """What was tried twice is told once."""
    add_trial(database, "2026-06-20T12:00")

    class Restarting(Database):
        tries = 0

        def persist(self, act):
            def once_in_vain(session):
                self.tries += 1
                done = act(session)
                if self.tries == 1:
                    raise OperationalError("any", {}, Exception("the database is restarting"))
                return done

            return super().persist(once_in_vain)

    restarting = Restarting(database.engine.url)
    assert run(restarting, "2026-06-20T13:00").told == 1
    restarting.close()
    assert len(outbox_of(database)) == 1
