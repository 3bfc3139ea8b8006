"""What users are told of the end of their trial, a page of trials at a time, and who was touched."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta, tzinfo
from enum import StrEnum
from uuid import UUID

from sqlalchemy import or_
from sqlmodel import Session, col, select

from casemill.db import Database
from casemill.mail.addresses import InvalidAddress, checked_address, masked_address
from casemill.models import MailKind, Trial, TrialState, User
from casemill.models.columns import utc_now
from casemill.operations.outbox import enqueue
from casemill.settings import Settings

AT_ONCE = 100
"""Trials in one transaction: a job that dies has done all of it or none."""

SHOWN = 500
"""Rows of a table for people; those beyond are counted."""

Place = tuple[datetime, UUID]
"""Where a page ends: trials come in the order of their end."""


class Told(StrEnum):
    """What became of telling a user; also for people to read."""

    QUEUED = "message queued"
    WOULD_BE = "would be told"  # in a dry run
    NO_ADDRESS = "no e-mail address that can be written to"
    DISABLED = "account disabled"

    @property
    def settles(self) -> bool:
        """Whether it is done. Who cannot be told today may have an address tomorrow."""
        return self in (Told.QUEUED, Told.WOULD_BE)


@dataclass
class TouchedTrials:
    """Whom a run touched: rows for a table, with masked addresses, and how many of what."""

    rows: list[dict[str, str]] = field(default_factory=list[dict[str, str]])
    counts: Counter[str] = field(default_factory=Counter[str])

    def note(self, trial: Trial, user: User, zone: tzinfo, what: str, told: Told) -> None:
        self.counts[told] += 1
        if len(self.rows) < SHOWN:
            self.rows.append(
                {
                    "user": user.name,
                    "address": masked_address(user.email) if user.email else "",
                    "plan": trial.plan,
                    "trial ends": in_words(trial.ends_at, zone),
                    "what": what,
                    "told": told,
                }
            )

    def add(self, others: "TouchedTrials") -> None:
        self.counts.update(others.counts)
        self.rows.extend(others.rows[: SHOWN - len(self.rows)])

    @property
    def told(self) -> int:
        return sum(self.counts[told] for told in Told if told.settles)

    @property
    def untold(self) -> int:
        return sum(self.counts[told] for told in Told if not told.settles)

    def table(self) -> list[dict[str, str]]:
        """The rows, and a last one that says how many more there are."""
        more = self.told + self.untold - len(self.rows)
        return self.rows if more <= 0 else [*self.rows, {"user": f"and {more} more"}]


PageOfTrials = Callable[[Session, Place | None], tuple[Place | None, TouchedTrials]]
"""Does the page after a place; where it ended, None if there was nothing left."""


def in_pages(database: Database, do_page: PageOfTrials, *, dry_run: bool) -> TouchedTrials:
    """Whom all pages touched, each in a transaction of its own; in a dry run, one that only reads."""
    touched = TouchedTrials()
    place: Place | None = None
    while True:
        if dry_run:
            with database.read() as session:
                place, page = do_page(session, place)
        else:
            place, page = database.persist(lambda session, after=place: do_page(session, after))
        if place is None:
            return touched
        touched.add(page)


def ending_trials(
    session: Session, after: Place | None, *, until: datetime, hold: bool
) -> tuple[Place | None, list[tuple[Trial, User]]]:
    """A page of active trials that do not end later than `until`, with their users; None at the end.

    They are held, if asked for, until the transaction ends: nobody converts, prolongs, expires or reminds of
    one of them meanwhile.
    """
    query = select(Trial.ends_at, Trial.id).where(
        Trial.state == TrialState.ACTIVE, col(Trial.ends_at) <= until
    )
    if after is not None:
        ends_at, last = after
        query = query.where(
            or_(col(Trial.ends_at) > ends_at, (col(Trial.ends_at) == ends_at) & (col(Trial.id) > last))
        )
    places = session.exec(query.order_by(col(Trial.ends_at), col(Trial.id)).limit(AT_ONCE)).all()
    if not places:
        return None, []
    trials = (
        select(Trial, User)
        .join(User)
        .where(col(Trial.id).in_([trial_id for _, trial_id in places]), Trial.state == TrialState.ACTIVE)
        .order_by(col(Trial.ends_at), col(Trial.id))
    )
    return places[-1], list(session.exec(trials.with_for_update(of=Trial) if hold else trials))


def tell_user(
    session: Session,
    settings: Settings,
    kind: MailKind,
    subject_key: str,
    trial: Trial,
    user: User,
    *,
    dry_run: bool,
    good_for: timedelta | None = None,
    **context: str | int,
) -> Told:
    """Puts the message into the outbox, which keeps one of this kind and key for an address.

    good_for: what is not sent so soon is not sent any more; what it says would no longer be true.
    """
    if user.disabled_at is not None:
        return Told.DISABLED
    try:
        address = checked_address(user.email or "")
    except InvalidAddress:
        return Told.NO_ADDRESS
    if dry_run:
        return Told.WOULD_BE
    ends_at = in_words(trial.ends_at, settings.zone)
    about = {"name": user.name, "plan": trial.plan, "ends_at": ends_at, "url": settings.links_url}
    not_after = utc_now() + good_for if good_for else None  # by the clock of who sends it
    enqueue(
        session,
        kind,
        address,
        subject_key,
        {**about, **context},
        user_id=user.id,
        not_after=not_after,
    )
    return Told.QUEUED


def in_words(moment: datetime, zone: tzinfo) -> str:
    """Such as 8 March 2026, 09:30 CET."""
    local = moment.astimezone(zone)
    return f"{local.day} {local:%B %Y, %H:%M %Z}"
