"""Reminds users of the end of their trial, on some days before it, each once.

Days are those of the calendar in the configured time zone: a trial that ends on the 8th, at whatever hour,
has 7 days left throughout the 1st, however long the days between are.

Where several reminders are due at once, because runs were missed or a trial was given a near end, the most
pressing one goes and the others are settled as skipped: "7 days left" is of no use to who has 3. What is
settled is written down in the transaction that puts the message into the outbox, so neither a second run nor
one that was killed reminds anybody twice or forgets somebody.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo
from uuid import UUID

from sqlmodel import Session, col, select

from casemill.db import Database
from casemill.models import MailKind, ReminderOutcome, Trial, TrialReminder, TrialState
from casemill.operations.trial_letters import Place, TouchedTrials, ending_trials, in_pages, tell_user
from casemill.settings import Settings

_SLACK = timedelta(days=2)  # what a time zone and its changes can add to a number of days
_GOOD_FOR = timedelta(days=1)  # "in 3 days" is wrong tomorrow

Settled = tuple[UUID, date, int]
"""A reminder that is sent or skipped: of which trial, before which day of its end, how many days before."""


@dataclass(frozen=True, slots=True)
class DueReminder:
    """The reminder of `days` before the end, with days_left until it; those `skipped` were missed."""

    trial_id: UUID
    days: int
    days_left: int
    ends_on: date
    skipped: tuple[int, ...] = ()


def due_reminders(
    trials: Iterable[Trial], sent: Collection[Settled], now: datetime, zone: tzinfo, days: Collection[int]
) -> list[DueReminder]:
    """Of which trials somebody is to be reminded now; at most one reminder each.

    Reminders whose day was before the trial began were never due.
    """
    today = now.astimezone(zone).date()
    due: list[DueReminder] = []
    for trial in trials:
        if trial.state != TrialState.ACTIVE or not trial.starts_at <= now < trial.ends_at:
            continue
        ends_on = trial.ends_at.astimezone(zone).date()
        left = (ends_on - today).days
        length = (ends_on - trial.starts_at.astimezone(zone).date()).days
        reached = sorted({number for number in days if left <= number <= length}, reverse=True)
        open_ones = [number for number in reached if (trial.id, ends_on, number) not in sent]
        if reached and reached[-1] in open_ones:
            due.append(DueReminder(trial.id, reached[-1], left, ends_on, tuple(open_ones[:-1])))
    return due


def check_trial_reminders(
    database: Database, settings: Settings, now: datetime, *, dry_run: bool = False
) -> TouchedTrials:
    """Puts a message into the outbox for everybody who is to be reminded now. A dry run changes nothing."""
    until = now + timedelta(days=max(settings.reminder_days, default=0)) + _SLACK

    def remind_page(session: Session, after: Place | None) -> tuple[Place | None, TouchedTrials]:
        place, ending = ending_trials(session, after, until=until, hold=not dry_run)
        found = {trial.id: (trial, user) for trial, user in ending}
        touched = TouchedTrials()
        trials = [trial for trial, _ in found.values()]
        for due in due_reminders(
            trials, _sent(session, list(found)), now, settings.zone, settings.reminder_days
        ):
            trial, user = found[due.trial_id]
            told = tell_user(
                session,
                settings,
                MailKind.TRIAL_REMINDER,
                f"trial:{trial.id}:{due.ends_on}:{due.days}",
                trial,
                user,
                dry_run=dry_run,
                good_for=min(_GOOD_FOR, trial.ends_at - now),
                days_left=due.days_left,
            )
            touched.note(trial, user, settings.zone, _in_words(due), told)
            if told.settles and not dry_run:
                _settle(session, due, now)
        return place, touched

    return in_pages(database, remind_page, dry_run=dry_run)


def _sent(session: Session, trial_ids: Sequence[UUID]) -> set[Settled]:
    settled = session.exec(select(TrialReminder).where(col(TrialReminder.trial_id).in_(trial_ids)))
    return {(reminder.trial_id, reminder.ends_on, reminder.days) for reminder in settled}


def _settle(session: Session, due: DueReminder, now: datetime) -> None:
    for days in (due.days, *due.skipped):
        outcome = ReminderOutcome.QUEUED if days == due.days else ReminderOutcome.SKIPPED
        session.add(
            TrialReminder(
                trial_id=due.trial_id, ends_on=due.ends_on, days=days, outcome=outcome, settled_at=now
            )
        )


def _in_words(due: DueReminder) -> str:
    said = f"reminder {due.days} before the end, {due.days_left} left"
    return f"{said}; skipped: {', '.join(map(str, due.skipped))}" if due.skipped else said
