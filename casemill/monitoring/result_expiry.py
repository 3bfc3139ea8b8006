"""Results of tasks are kept for a while only, those of pinned jobs for good."""

from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import exists, null, update
from sqlmodel import Session, col, select

from casemill.db import Database
from casemill.models import Job, TaskAttempt
from casemill.operations.limits import limits_in_force
from casemill.settings import Settings

_AT_ONCE = 2000
_MOST_TIMES = 25  # what is left over is for the next time: others want to write too
_LATE = timedelta(minutes=10)  # a result may come in after its attempt is over, hardly later than this


class ResultExpiry:
    """Remembers how far it has come; begun anew, it looks at all once."""

    def __init__(self, database: Database, settings: Settings) -> None:
        self._database = database
        self._settings = settings
        self._since: datetime | None = None

    def expire(self, now: datetime) -> None:
        for _ in range(_MOST_TIMES):
            before = self._since
            with self._database.write() as session:
                seconds = limits_in_force(session, self._settings).result_seconds
                self._since = expire_results(session, now, seconds, before)
            if self._since == before or self._since >= now - timedelta(seconds=seconds) - _LATE:
                return


def expire_results(
    session: Session, now: datetime, result_seconds: int, since: datetime | None = None
) -> datetime:
    """Drops the results of attempts that finished before that, a bounded number of them at once.

    Returns since when the next call has to look; while there is more to do it lies well before the cutoff.
    Given to each call in turn, every attempt is looked at about once.
    """
    cutoff = now - timedelta(seconds=result_seconds)
    finished = col(TaskAttempt.finished_at)
    window = [finished < cutoff, *([finished > since] if since else [])]
    last = session.exec(
        select(finished).where(*window).order_by(finished).offset(_AT_ONCE - 1).limit(1)
    ).first()
    upper = last or cutoff
    pinned = exists().where(col(Job.id) == col(TaskAttempt.job_id), col(Job.pinned))
    session.exec(
        update(TaskAttempt)
        .where(*window, finished <= upper, col(TaskAttempt.result).is_not(None), ~pinned)
        .values(result=null())
        .execution_options(synchronize_session=False)
    )
    return last or max(cutoff - _LATE, since or cutoff - _LATE)


def drop_results_of(session: Session, job_id: UUID, finished_before: datetime) -> None:
    session.exec(
        update(TaskAttempt)
        .where(
            col(TaskAttempt.job_id) == job_id,
            col(TaskAttempt.finished_at) < finished_before,
            col(TaskAttempt.result).is_not(None),
        )
        .values(result=null())
        .execution_options(synchronize_session=False)
    )
