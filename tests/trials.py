"""Users with trials, and what the outbox holds for them."""

from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import uuid4

from sqlmodel import col, select

from casemill.db import Database
from casemill.models import OutgoingMail, Trial, TrialState, User
from casemill.settings import Settings


def at(text: str) -> datetime:
    """A moment; UTC where it does not say otherwise."""
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def settings_with(zone: str = "UTC", days: Sequence[int] = (7, 3, 1)) -> Settings:
    return Settings.model_validate({"time_zone": zone, "reminder_days": days})


def trial_until(ends_at: str, starts_at: str = "2020-01-01", **given: object) -> Trial:
    """A trial of nobody, for decisions that need no database."""
    return Trial(user_id=uuid4(), plan="Team", starts_at=at(starts_at), ends_at=at(ends_at), **given)


def add_trial(
    database: Database,
    ends_at: str,
    starts_at: str = "2020-01-01",
    *,
    name: str = "Ada",
    email: str | None = "ada@example.org",
    state: TrialState = TrialState.ACTIVE,
    disabled_at: datetime | None = None,
) -> Trial:
    """Of a new user."""
    with database.write() as session:
        session.add(user := User(name=name, email=email, disabled_at=disabled_at))
        session.flush()
        trial = Trial(user_id=user.id, plan="Team", starts_at=at(starts_at), ends_at=at(ends_at), state=state)
        session.add(trial)
    return trial


def change_trial(database: Database, trial: Trial, **values: object) -> None:
    with database.write() as session:
        row = session.get_one(Trial, trial.id)
        for name, value in values.items():
            setattr(row, name, value)


def change_user(database: Database, trial: Trial, **values: object) -> None:
    with database.write() as session:
        user = session.get_one(User, trial.user_id)
        for name, value in values.items():
            setattr(user, name, value)


def state_of(database: Database, trial: Trial) -> TrialState:
    with database.read() as session:
        return session.get_one(Trial, trial.id).state


def outbox_of(database: Database) -> list[OutgoingMail]:
    with database.read() as session:
        return list(session.exec(select(OutgoingMail).order_by(col(OutgoingMail.subject_key))))


def told(database: Database) -> list[tuple[str, str, object]]:
    """Recipient, kind, and days left of each message in the outbox."""
    mails = outbox_of(database)
    return sorted((mail.recipient, mail.kind, mail.context.get("days_left")) for mail in mails)
