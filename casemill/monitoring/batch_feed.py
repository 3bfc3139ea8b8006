"""Tells the feed how far batches are, whenever that has changed."""

import time
from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlmodel import Session, col, select

from casemill.db import Database
from casemill.models import NOT_OVER, OVER, Case, CaseStep, FeedKind, Job, JobEvent, StepState
from casemill.models.columns import utc_now
from casemill.operations.batch_standing import Standing, standings
from casemill.operations.batch_status import OPEN

_JUST = timedelta(seconds=20)  # what ended longer ago was told
_JUST_STARTED = timedelta(hours=1)  # what ended while no recorder ran
_MOST_CURRENT = 5
_LAST_TOLD_ROWS = 20_000  # how far back in the feed it is looked for what was told last
_REST = 20  # counting takes at most one part in so many of the time


class BatchFeed:
    """One feed row for each change of a batch's figures; what was told before a restart is not told again."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._told: dict[UUID, dict[str, Any]] | None = None
        self._not_before = 0.0

    def tell_batches(self) -> None:
        begun = time.monotonic()
        if begun < self._not_before:
            return
        now = utc_now()
        with self._database.read() as session:
            if self._told is None:
                self._told = last_told(session)
                ended_after = now - _JUST_STARTED
            else:
                ended_after = now - _JUST
            open_yet = {batch for batch, data in self._told.items() if data["status"] in OPEN}
            watched = watched_batches(session, ended_after) | open_yet
            found = figures(session, watched, now) if watched else {}
        changed = [data for batch, data in found.items() if self._told.get(batch) != data]
        if changed:
            with self._database.write() as session:
                session.add_all(JobEvent(kind=FeedKind.BATCH, occurred_at=now, data=data) for data in changed)
        self._told = found
        self._not_before = begun + _REST * (time.monotonic() - begun)


def watched_batches(session: Session, ended_after: datetime) -> set[UUID]:
    """Those with a job that is not over, or was not until lately."""
    has_batch = col(Job.batch_id).is_not(None)
    live = select(Job.batch_id).where(col(Job.status).in_(NOT_OVER), has_batch).distinct()
    ended = select(Job.batch_id).where(
        col(Job.status).in_(OVER), col(Job.finished_at) > ended_after, has_batch
    )
    found = {*session.exec(live), *session.exec(ended)}
    return {batch for batch in found if batch is not None}


def figures(session: Session, batch_ids: Collection[UUID], now: datetime) -> dict[UUID, dict[str, Any]]:
    """What the feed says of each. percent counts steps under way by their documents; current is what runs."""
    current = _current(session, batch_ids, now)
    return {
        batch: _data(batch, standing, current.get(batch, []))
        for batch, standing in standings(session, batch_ids, now).items()
    }


def last_told(session: Session) -> dict[UUID, dict[str, Any]]:
    """From the newest rows of the feed."""
    newest = session.exec(select(JobEvent.id).order_by(col(JobEvent.id).desc()).limit(1)).first() or 0
    rows = session.exec(
        select(JobEvent)
        .where(col(JobEvent.id) > newest - _LAST_TOLD_ROWS, JobEvent.kind == FeedKind.BATCH)
        .order_by(col(JobEvent.id))
    )
    return {UUID(row.data["batch_id"]): row.data for row in rows}


def _data(batch_id: UUID, standing: Standing, current: list[dict[str, Any]]) -> dict[str, Any]:
    ledger = standing.ledger
    total = ledger.states.total()
    return {
        "batch_id": str(batch_id),
        "status": str(standing.status),
        "why": standing.why,
        "percent": round(ledger.percent, 1),
        "done": ledger.states[StepState.COMPLETED],
        "failed": ledger.broken,
        "total": total,
        "current": current,
    }


def _current(
    session: Session, batch_ids: Collection[UUID], now: datetime
) -> dict[UUID, list[dict[str, Any]]]:
    """The steps that run, the first begun first, a few of each batch."""
    rows = session.exec(
        select(CaseStep, Case.name)
        .join(Case, col(Case.id) == CaseStep.case_id)
        .where(
            col(CaseStep.batch_id).in_(batch_ids),
            CaseStep.state == StepState.RUNNING,
            col(CaseStep.lease_until) > now,
        )
        .order_by(col(CaseStep.started_at), col(CaseStep.id))
    )
    found: dict[UUID, list[dict[str, Any]]] = {}
    for row, case in rows:
        mine = found.setdefault(row.batch_id, [])
        if len(mine) < _MOST_CURRENT:
            mine.append({"case": case, "step": row.step, "done": row.done, "total": row.total})
    return found
