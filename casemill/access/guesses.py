"""Guessing passwords is made slow: wrong ones are counted in the audit log, by name and by address.

The log is in the database, so all processes count together. Login links and tokens are not guessed and
therefore not held up: whoever is locked out by a stranger's guesses still gets in with one.
"""

import threading
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement
from sqlmodel import Session, col, func, select

from casemill.errors import TooManyTries
from casemill.models import AuditRecord, AuditResult
from casemill.models.columns import utc_now

SIGN_IN = "session.create"
CHANGE_PASSWORD = "user.password"  # noqa: S105  an action's name
_FIRST_WAIT = timedelta(minutes=5)
_LONGEST_WAIT = timedelta(hours=1)
_MOST_DOUBLINGS = 10
_AT_ONCE = 4

_places = threading.BoundedSemaphore(_AT_ONCE)
_counting = threading.Lock()


@dataclass(frozen=True, slots=True)
class Allowance:
    """So many wrong guesses, then a wait that doubles with each round; forgotten after `remembered`."""

    guesses: int
    remembered: timedelta

    def locked_until(self, wrong: Sequence[datetime]) -> datetime | None:
        """When the next guess is heard; wrong are the moments of the wrong ones, oldest first."""
        rounds = len(wrong) // self.guesses
        if rounds == 0:
            return None
        wait = _FIRST_WAIT * 2 ** min(rounds - 1, _MOST_DOUBLINGS)
        return wrong[rounds * self.guesses - 1] + min(wait, _LONGEST_WAIT)


OF_A_NAME = Allowance(guesses=5, remembered=timedelta(days=1))
OF_AN_ADDRESS = Allowance(guesses=20, remembered=timedelta(hours=1))  # a whole office may share one


@contextmanager
def one_guess() -> Generator[None]:
    """Around checking a password: one at a time in a process, so that all before it are counted.

    A flood of guesses neither takes all threads of the API nor all memory (a check takes 64 MB): beyond a
    few that wait, TooManyTries at once.
    """
    if not _places.acquire(blocking=False):
        raise TooManyTries("Many people sign in at this moment; try again in a second", 1)
    try:
        with _counting:
            yield
    finally:
        _places.release()


def require_not_locked(session: Session, name: str, address: str | None) -> None:
    """Raises TooManyTries, for names that nobody has as well."""
    now = utc_now()
    wrong = _wrong_guesses(session, col(AuditRecord.user_name) == name, _last_success(session, name, now))
    ends = [OF_A_NAME.locked_until(wrong)]
    if address is not None:
        since = now - OF_AN_ADDRESS.remembered
        wrong = _wrong_guesses(session, col(AuditRecord.address) == address, since)
        ends.append(OF_AN_ADDRESS.locked_until(wrong))
    until = max((end for end in ends if end is not None), default=now)
    if until > now:
        seconds = int((until - now).total_seconds()) + 1
        raise TooManyTries(
            f"Too many wrong passwords; try again in {_in_words(seconds)}. A login link works meanwhile: "
            "an admin can make one",
            seconds,
        )


def was_noted_lately(session: Session, address: str | None) -> bool:
    """Whether a refusal of this address is in the log already: knocking at a locked door fills no log."""
    same = (
        AuditRecord.action == SIGN_IN,
        AuditRecord.result == AuditResult.REFUSED,
        AuditRecord.address == address,
        col(AuditRecord.at) > utc_now() - timedelta(minutes=1),
    )
    return session.exec(select(AuditRecord.id).where(*same).limit(1)).first() is not None


def _wrong_guesses(session: Session, whose: ColumnElement[bool], since: datetime) -> Sequence[datetime]:
    wrong = (
        col(AuditRecord.action).in_((SIGN_IN, CHANGE_PASSWORD)),
        AuditRecord.result == AuditResult.DENIED,
        col(AuditRecord.at) > since,
    )
    return session.exec(select(AuditRecord.at).where(whose, *wrong).order_by(col(AuditRecord.at))).all()


def _last_success(session: Session, name: str, now: datetime) -> datetime:
    """Whoever got in is who they say: their typing errors before are forgotten."""
    earliest = now - OF_A_NAME.remembered
    done = (
        AuditRecord.action == SIGN_IN,
        AuditRecord.result == AuditResult.DONE,
        AuditRecord.user_name == name,
        col(AuditRecord.at) > earliest,
    )
    return session.exec(select(func.max(AuditRecord.at)).where(*done)).one() or earliest


def _in_words(seconds: int) -> str:
    return f"{seconds} seconds" if seconds < 120 else f"{-(-seconds // 60)} minutes"
