"""Processes that did not go in time: said where people look, until they are gone."""

from collections.abc import Collection
from datetime import datetime, timedelta
from uuid import UUID

from sqlmodel import col, select

from casemill.db import Database
from casemill.models import Alert, FeedKind, Job, JobEvent, Severity

SAY_AFTER = timedelta(seconds=30)

_KEY = "still-there:"


def say_still_there(database: Database, job: Job, how: str, now: datetime) -> None:
    """Once a job: an alert, a row of the feed, and the reason beside what was asked."""
    key = f"{_KEY}{job.id}"
    seconds = round((now - (job.asked_at or now)).total_seconds())
    said = f"not gone after {seconds} s: {how}"
    message = f"Job {job.name or job.id} was asked to cancel and is {said}"
    with database.write() as session:
        if session.get(Alert, key) is not None:
            return
        session.add(Alert(key=key, severity=Severity.WARNING, message=message, since=now))
        data = {"key": key, "severity": Severity.WARNING, "message": message}
        session.add(JobEvent(kind=FeedKind.ALERT, job_id=job.id, occurred_at=now, data=data))
        known = session.get_one(Job, job.id)
        known.asked_why = f"{known.asked_why}; {said}" if known.asked_why else said[:1].upper() + said[1:]
        session.add(known)


def take_back_alerts(database: Database, still: Collection[UUID]) -> None:
    """Of jobs that are not among those."""
    with database.read() as session:
        keys = session.exec(select(Alert.key).where(col(Alert.key).startswith(_KEY, autoescape=True))).all()
    over = set(keys) - {f"{_KEY}{job_id}" for job_id in still}
    if over:
        with database.write() as session:
            for key in over:
                if alert := session.get(Alert, key):
                    session.delete(alert)
