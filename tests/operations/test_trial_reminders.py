"""Who is reminded of the end of a trial: on which day, and never twice."""

from datetime import UTC, date, datetime, time, timedelta
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import pytest
from sqlmodel import select

from casemill.db import Database
from casemill.models import ReminderOutcome, Trial, TrialReminder, TrialState
from casemill.operations.trial_letters import SHOWN, TouchedTrials, in_words
from casemill.operations.trial_reminders import check_trial_reminders, due_reminders
from tests.concurrency import at_once
from tests.trials import add_trial, at, change_trial, change_user, outbox_of, settings_with, told, trial_until

DAYS = (7, 3, 1)


def due(
    ends_at: str,
    now: str,
    zone: str = "UTC",
    sent: set[tuple[date, int]] | None = None,
    days: tuple[int, ...] = DAYS,
    **given: object,
) -> tuple[int, int, tuple[int, ...]] | None:
    """Of the only trial there is: which reminder is due, days left, and which are skipped."""
    trial = trial_until(ends_at, **given)
    settled = {(trial.id, *one) for one in sent or ()}
    found = due_reminders([trial], settled, at(now), ZoneInfo(zone), days)
    return (found[0].days, found[0].days_left, found[0].skipped) if found else None


# On which day


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        ("2026-06-12T09:00", None),
        ("2026-06-13T09:00", (7, 7, ())),
        ("2026-06-14T09:00", (7, 6, ())),  # nobody ran it on the 13th
        ("2026-06-17T09:00", (3, 3, (7,))),
        ("2026-06-18T09:00", (3, 2, (7,))),
        ("2026-06-19T09:00", (1, 1, (7, 3))),
        ("2026-06-20T09:00", (1, 0, (7, 3))),
        ("2026-06-20T12:00", None),  # it has ended
        ("2026-06-25T09:00", None),
    ],
)
def test_the_most_pressing_reminder_that_is_due_goes_and_the_missed_are_skipped(
    now: str, expected: tuple[int, int, tuple[int, ...]] | None
):
    assert due("2026-06-20T12:00", now) == expected


def test_what_is_sent_is_not_due_again_and_not_skipped_later():
    end = date(2026, 6, 20)
    assert due("2026-06-20T12:00", "2026-06-13T09:00", sent={(end, 7)}) is None
    assert due("2026-06-20T12:00", "2026-06-16T09:00", sent={(end, 7)}) is None
    assert due("2026-06-20T12:00", "2026-06-17T09:00", sent={(end, 7)}) == (3, 3, ())
    assert due("2026-06-20T12:00", "2026-06-18T09:00", sent={(end, 7), (end, 3)}) is None


def test_day_by_day_each_reminder_comes_once_whatever_the_hour():
    trial = trial_until("2026-06-20T12:00")
    settled: set[tuple[UUID, date, int]] = set()
    came: list[tuple[str, int]] = []
    moment = at("2026-06-01T00:00")
    while moment < at("2026-06-25"):
        for one in due_reminders([trial], settled, moment, UTC, DAYS):
            assert one.skipped == ()
            settled.add((trial.id, one.ends_on, one.days))
            came.append((f"{moment:%m-%d %H:%M}", one.days))
        moment += timedelta(hours=5)
    assert came == [("06-13 02:00", 7), ("06-17 01:00", 3), ("06-19 03:00", 1)]


@pytest.mark.parametrize(
    ("ends_at", "now", "days_left"),
    [
        ("2026-03-02T08:00", "2026-02-27T09:00", 3),  # the end of a February
        ("2028-03-02T08:00", "2028-02-28T09:00", 3),  # and of one with a leap day
        ("2028-03-01T08:00", "2028-02-29T09:00", 1),
        ("2028-02-29T08:00", "2028-02-28T09:00", 1),
        ("2027-01-01T08:00", "2026-12-31T23:59", 1),
        ("2026-05-01T08:00", "2026-04-30T00:00", 1),
        ("2026-08-01T08:00", "2026-07-29T00:00", 3),
    ],
)
def test_days_are_counted_over_the_ends_of_months_and_years(ends_at: str, now: str, days_left: int):
    found = due(ends_at, now)
    assert found is not None
    assert found[:2] == (days_left, days_left)


@pytest.mark.parametrize(
    ("zone", "ends_at", "now", "expected"),
    [
        # The clock goes forward in Berlin on 2026-03-29: three calendar days are 71 hours.
        ("Europe/Berlin", "2026-03-31T00:30+02:00", "2026-03-28T01:30+01:00", 3),
        ("Europe/Berlin", "2026-03-31T00:30+02:00", "2026-03-27T23:59+01:00", 7),
        # It goes back on 2026-10-25: three calendar days are 73 hours.
        ("Europe/Berlin", "2026-10-27T23:30+01:00", "2026-10-24T00:10+02:00", 3),
        ("Europe/Berlin", "2026-10-26T00:00+01:00", "2026-10-25T02:30+02:00", 1),
        ("Europe/Berlin", "2026-10-26T00:00+01:00", "2026-10-25T02:30+01:00", 1),  # the second 02:30
        ("America/New_York", "2026-03-09T12:00-04:00", "2026-03-08T01:59-05:00", 1),
        ("America/New_York", "2026-11-02T00:00-05:00", "2026-11-01T23:59-05:00", 1),
        # A zone whose clock jumps over midnight: 2025-04-25T00:00 does not exist in Cairo.
        ("Africa/Cairo", "2025-04-26T09:00+03:00", "2025-04-25T01:00+03:00", 1),
        # Samoa left out the whole of 2011-12-30: from the 29th to the 31st is one day by the sun.
        ("Pacific/Apia", "2011-12-31T09:00+14:00", "2011-12-29T09:00-10:00", 3),
    ],
)
def test_clocks_that_are_put_forward_or_back_do_not_move_the_day(
    zone: str, ends_at: str, now: str, expected: int
):
    found = due(ends_at, now, zone, starts_at="2010-01-01")
    assert found is not None
    assert found[0] == expected


@pytest.mark.parametrize(
    ("zone", "ends_at", "now", "expected"),
    [
        # By UTC, both are still in the month before.
        ("Europe/Berlin", "2026-03-01T00:30+01:00", "2026-02-28T00:10+01:00", (1, 1)),
        ("Asia/Tokyo", "2028-03-01T08:00+09:00", "2028-02-29T08:30+09:00", (1, 1)),
        # By UTC, both are in the next one.
        ("America/Los_Angeles", "2026-04-30T20:00-07:00", "2026-04-27T17:30-07:00", (3, 3)),
        ("Pacific/Kiritimati", "2027-01-01T10:00+14:00", "2026-12-25T00:00+14:00", (7, 7)),
    ],
)
def test_a_month_ends_when_it_ends_there(zone: str, ends_at: str, now: str, expected: tuple[int, int]):
    found = due(ends_at, now, zone)
    assert found is not None
    assert found[:2] == expected


@pytest.mark.parametrize("hour", [0, 2, 9, 23])
@pytest.mark.parametrize(
    ("zone", "ends_on"),
    [
        ("Europe/Berlin", "2026-04-01"),  # forward on 29 March, three days before
        ("Europe/Berlin", "2026-11-01"),  # back on 25 October, seven days before
        ("America/New_York", "2026-03-09"),  # forward on the day before
        ("America/New_York", "2026-11-01"),  # back on the last day
        ("Australia/Lord_Howe", "2026-04-06"),  # back by half an hour
        ("America/Santiago", "2026-09-06"),  # forward at midnight: the last day has no 00:00
    ],
)
def test_each_morning_by_local_clocks_reminds_once_on_each_day_whenever_they_are_set(
    zone: str, ends_on: str, hour: int
):
    there, end = ZoneInfo(zone), date.fromisoformat(ends_on)
    trial = trial_until(datetime.combine(end, time(23, 59), there).isoformat())
    settled: set[tuple[UUID, date, int]] = set()
    came: list[tuple[int, int]] = []
    for ahead in range(12, -3, -1):
        today = end - timedelta(days=ahead)
        now = datetime.combine(today, time(hour), there).astimezone(UTC)
        for one in due_reminders([trial], settled, now, there, DAYS):
            assert (one.skipped, one.days_left) == ((), one.days)
            settled.add((trial.id, one.ends_on, one.days))
            came.append((one.days, (end - today).days))
    assert came == [(7, 7), (3, 3), (1, 1)]


def test_an_end_in_the_hour_that_clocks_show_twice_says_which_it_is():
    berlin = ZoneInfo("Europe/Berlin")
    said = [in_words(at(moment), berlin) for moment in ("2026-10-25T00:30", "2026-10-25T01:30")]
    assert said == ["25 October 2026, 02:30 CEST", "25 October 2026, 02:30 CET"]


@pytest.mark.parametrize(
    ("zone", "expected"),
    [
        ("UTC", (3, 3)),
        ("Pacific/Kiritimati", (3, 2)),  # there the next day has begun; 14 hours east
        ("Asia/Kolkata", (3, 2)),
        ("America/Los_Angeles", (3, 3)),
        ("Etc/GMT+12", (3, 2)),  # there it ends on the 19th; 12 hours west
    ],
)
def test_the_same_moment_is_another_day_elsewhere(zone: str, expected: tuple[int, int]):
    found = due("2026-06-20T08:00", "2026-06-17T19:30", zone)
    assert found is not None
    assert found[:2] == expected


def test_a_trial_that_ends_at_midnight_ends_on_the_day_that_begins_then():
    berlin = {"ends_at": "2026-06-20T00:00+02:00", "zone": "Europe/Berlin"}
    assert due(now="2026-06-19T00:00+02:00", **berlin) == (1, 1, (7, 3))
    assert due(now="2026-06-18T23:59+02:00", **berlin) == (3, 2, (7,))
    assert due("2026-06-20T00:00+02:00", "2026-06-19T00:00+02:00", "UTC") == (1, 1, (7, 3))


# Whose


def test_reminders_of_days_before_the_trial_began_were_never_due():
    assert due("2026-06-20T12:00", "2026-06-15T09:00", starts_at="2026-06-15T08:00") is None
    assert due("2026-06-20T12:00", "2026-06-17T09:00", starts_at="2026-06-15T08:00") == (3, 3, ())
    assert due("2026-06-20T12:00", "2026-06-13T09:00", starts_at="2026-06-13T08:00") == (7, 7, ())


def test_a_trial_that_has_not_begun_reminds_of_nothing():
    assert due("2026-06-20T12:00", "2026-06-19T09:00", starts_at="2026-06-19T10:00") is None


@pytest.mark.parametrize("state", [TrialState.EXPIRED, TrialState.CONVERTED])
def test_a_trial_that_is_over_reminds_of_nothing(state: TrialState):
    assert due("2026-06-20T12:00", "2026-06-19T09:00", state=state) is None


def test_a_later_end_has_reminders_of_its_own():
    """It was reminded of before its end was put off."""
    sent = {(date(2026, 6, 20), 7), (date(2026, 6, 20), 3)}
    assert due("2026-07-20T12:00", "2026-06-18T09:00", sent=sent) is None
    assert due("2026-07-20T12:00", "2026-07-13T09:00", sent=sent) == (7, 7, ())


def test_days_are_configured_in_any_order_and_may_be_none():
    assert due("2026-06-20T12:00", "2026-06-06T09:00", days=(1, 14, 14)) == (14, 14, ())
    assert due("2026-06-20T12:00", "2026-06-19T09:00", days=(1, 14)) == (1, 1, (14,))
    assert due("2026-06-20T12:00", "2026-06-20T09:00", days=(0,)) == (0, 0, ())
    assert due("2026-06-20T12:00", "2026-06-19T09:00", days=()) is None


# Into the outbox


def run(database: Database, now: str, *, dry_run: bool = False, zone: str = "UTC") -> TouchedTrials:
    return check_trial_reminders(database, settings_with(zone), at(now), dry_run=dry_run)


def reminders(database: Database) -> dict[int, ReminderOutcome]:
    with database.read() as session:
        return {row.days: row.outcome for row in session.exec(select(TrialReminder))}


def test_a_message_says_what_ends_and_when_in_the_time_of_its_reader(database: Database):
    add_trial(database, "2026-06-20T12:00", email="Ada@Example.org")
    touched = run(database, "2026-06-17T09:00", zone="Europe/Berlin")
    [mail] = outbox_of(database)
    assert (mail.recipient, mail.kind) == ("ada@example.org", "trial_reminder")
    said = {"name": "Ada", "plan": "Team", "ends_at": "20 June 2026, 14:00 CEST", "days_left": 3}
    assert said.items() <= mail.context.items()
    assert touched.table() == [
        {
            "user": "Ada",
            "address": "A***@Example.org",
            "plan": "Team",
            "trial ends": "20 June 2026, 14:00 CEST",
            "what": "reminder 3 before the end, 3 left; skipped: 7",
            "told": "message queued",
        }
    ]
    assert reminders(database) == {3: "queued", 7: "skipped"}


def test_a_second_run_reminds_nobody_again(database: Database):
    add_trial(database, "2026-06-20T12:00")
    assert run(database, "2026-06-17T09:00").told == 1
    for again in ("2026-06-17T09:00", "2026-06-17T23:00", "2026-06-18T09:00"):
        assert run(database, again).table() == []
    assert told(database) == [("ada@example.org", "trial_reminder", 3)]


def test_run_each_day_it_reminds_three_times(database: Database):
    add_trial(database, "2026-06-20T12:00")
    for day in range(1, 29):
        run(database, f"2026-06-{day:02}T09:00")
    assert [days for *_, days in told(database)] == [1, 3, 7]
    assert set(reminders(database).values()) == {"queued"}


def test_another_address_is_no_reason_to_remind_again(database: Database):
    trial = add_trial(database, "2026-06-20T12:00")
    run(database, "2026-06-17T09:00")
    change_user(database, trial, email="new@example.org")
    run(database, "2026-06-17T10:00")
    assert told(database) == [("ada@example.org", "trial_reminder", 3)]


def test_two_runs_at_once_remind_once(database: Database):
    for number in range(5):
        add_trial(database, "2026-06-20T12:00", name=f"user {number}", email=f"u{number}@example.org")
    touched = at_once(3, lambda _: run(database, "2026-06-17T09:00").told)
    assert sum(touched) == len(outbox_of(database)) == 5


def test_a_dry_run_shows_whom_it_would_remind_and_changes_nothing(database: Database):
    add_trial(database, "2026-06-20T12:00")
    touched = run(database, "2026-06-17T09:00", dry_run=True)
    assert [(row["user"], row["told"]) for row in touched.table()] == [("Ada", "would be told")]
    assert (outbox_of(database), reminders(database)) == ([], {})


def test_who_cannot_be_told_is_shown_and_told_as_soon_as_it_is_possible(database: Database):
    trial = add_trial(database, "2026-06-20T12:00", email=None)
    add_trial(database, "2026-06-20T12:00", name="Bo", email="not an address")
    add_trial(database, "2026-06-20T12:00", name="Cy", email="c@example.org", disabled_at=datetime.now(UTC))
    touched = run(database, "2026-06-17T09:00")
    assert (touched.told, touched.untold) == (0, 3)
    assert {row["user"]: row["told"] for row in touched.table()} == {
        "Ada": "no e-mail address that can be written to",
        "Bo": "no e-mail address that can be written to",
        "Cy": "account disabled",
    }
    change_user(database, trial, email="ada@example.org")
    run(database, "2026-06-18T09:00")
    assert told(database) == [("ada@example.org", "trial_reminder", 2)]


def test_a_job_that_dies_has_reminded_some_and_the_next_one_reminds_the_others(
    database: Database, monkeypatch: pytest.MonkeyPatch
):
    """Each page is a transaction: what the outbox holds of it, the next run knows of."""
    for number in range(5):
        add_trial(database, "2026-06-20T12:00", name=f"user {number}", email=f"u{number}@example.org")
    monkeypatch.setattr("casemill.operations.trial_letters.AT_ONCE", 2)

    class Killed(BaseException):
        pass

    class DyingDatabase(Database):
        pages = 0

        def persist(self, act):
            def act_and_die(session):
                done = act(session)
                self.pages += 1
                if self.pages == 2:
                    raise Killed  # after all of it is written, before it is committed
                return done

            return super().persist(act_and_die)

    with pytest.raises(Killed):
        run(DyingDatabase(database.engine.url), "2026-06-17T09:00")
    assert len(outbox_of(database)) == 2
    assert run(database, "2026-06-17T09:00").told == 3
    assert len(outbox_of(database)) == len({mail.recipient for mail in outbox_of(database)}) == 5


def test_more_than_people_read_are_counted():
    touched = TouchedTrials()
    one = TouchedTrials(rows=[{"user": "x"}] * SHOWN)
    one.counts["message queued"] = SHOWN
    for _ in range(2):
        touched.add(one)
    assert len(touched.table()) == SHOWN + 1
    assert touched.table()[-1] == {"user": f"and {SHOWN} more"}


def test_a_converted_trial_is_left_alone_though_its_day_has_come(database: Database):
    trial = add_trial(database, "2026-06-20T12:00")
    change_trial(database, trial, state=TrialState.CONVERTED)
    assert run(database, "2026-06-17T09:00").table() == []


def test_what_ends_later_than_any_reminder_is_not_looked_at(database: Database):
    add_trial(database, "2026-06-29T12:00")
    add_trial(database, "2026-06-24T12:00", name="Bo", email="bo@example.org")
    run(database, "2026-06-17T09:00")
    assert [recipient for recipient, *_ in told(database)] == ["bo@example.org"]


def test_a_message_that_is_late_is_not_sent_any_more(database: Database):
    """ "ends in 3 days" is wrong tomorrow, and a reminder after the end is worse than none."""
    add_trial(database, "2026-06-20T12:00")
    run(database, "2026-06-17T09:00")
    run(database, "2026-06-20T10:00")
    good_for = sorted(mail.not_after - mail.created_at for mail in outbox_of(database))
    assert [round(one / timedelta(minutes=1)) for one in good_for] == [120, 24 * 60]


def test_trials_are_told_apart():
    """Nothing but its id tells one trial from another."""
    trials: list[Trial] = [
        trial_until("2026-06-20T12:00", id=uuid4()),
        trial_until("2026-06-20T12:00", id=uuid4()),
    ]
    settled = {(trials[0].id, date(2026, 6, 20), 3)}
    found = due_reminders(trials, settled, at("2026-06-17T09:00"), UTC, DAYS)
    assert [one.trial_id for one in found] == [trials[1].id]
