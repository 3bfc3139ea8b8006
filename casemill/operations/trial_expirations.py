"""Expires trials that have ended, and tells their users, once.

A trial's state and the message to its user are written in one transaction, and only by the one who moved the
state: of a trial that is expired, the message is in the outbox.
"""

from datetime import UTC, datetime

from sqlmodel import Session

from casemill.db import Database
from casemill.models import MailKind, TrialState
from casemill.operations.trial_letters import Place, TouchedTrials, ending_trials, in_pages, tell_user
from casemill.operations.trials import move_trial
from casemill.settings import Settings


def process_trial_expirations(
    database: Database, settings: Settings, now: datetime, *, dry_run: bool = False
) -> TouchedTrials:
    """Expires what has ended by now. A dry run changes nothing.

    Users who cannot be told are not: the end of a trial does not wait for an address.
    """

    def expire_page(session: Session, after: Place | None) -> tuple[Place | None, TouchedTrials]:
        place, ended = ending_trials(session, after, until=now, hold=not dry_run)
        touched = TouchedTrials()
        for trial, user in ended:
            if not dry_run and not move_trial(session, trial.id, TrialState.EXPIRED, now):
                continue
            told = tell_user(
                session,
                settings,
                MailKind.TRIAL_EXPIRED,
                f"trial:{trial.id}:{trial.ends_at.astimezone(UTC).isoformat()}",
                trial,
                user,
                dry_run=dry_run,
            )
            touched.note(trial, user, settings.zone, "expired", told)
        return place, touched

    return in_pages(database, expire_page, dry_run=dry_run)
