"""What is left of a job that told how far it is, from how fast it got there."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast
from uuid import UUID

from sqlalchemy import func
from sqlmodel import Session, col, select

from casemill.models import (
    CaseDocument,
    ExpertDocument,
    FeedKind,
    Job,
    JobEvent,
    JobStatus,
    JobType,
    ProcessingStatus,
)
from casemill.operations.pace import BY_DOCUMENTS, Eta, Pace, Sample, Share, Size, bounds, pace_of

_MOST_POINTS = 200
_UNREAD = (ProcessingStatus.PENDING, ProcessingStatus.PROCESSING)


@dataclass(frozen=True, slots=True)
class Point:
    """How far a job was at a moment."""

    at: datetime
    percent: float
    processed: int


def progress_eta(session: Session, job: Job, now: datetime) -> Eta | None:
    """None until two moments are known that have some work between them."""
    points = progress_of(session, job)
    if not points:
        return None
    if job.type == JobType.DOCUMENT_PROCESSING:
        left = unread_documents(session, ids_in(job.parameters, "document_ids"))
        pace = _pace((point.at, float(point.processed)) for point in points)
        if pace and left:
            said = f"{left} documents to read"
            return _eta(left, pace, f"from {points[-1].processed} documents read by this job, {said}", job)
    pace = _pace((point.at, point.percent) for point in points)
    if pace is None:
        return None
    since = (now - points[-1].at).total_seconds() if job.status == JobStatus.RUNNING else 0.0
    basis = f"from how this job came to {points[-1].percent:.0f} %"
    return _eta(100.0 - points[-1].percent, pace, basis, job, since)


def _eta(left: float, pace: Pace, basis: str, job: Job, since: float = 0.0) -> Eta:
    """since: seconds in which nothing was told, and yet something was done."""
    seconds, low, high = bounds([Share(pace.expected(Size(documents=left)), pace)])
    if job.status != JobStatus.RUNNING:
        basis = f"{job.status}: so much work once it goes on; {basis}"
    return Eta(max(seconds - since, seconds / 10), max(low - since, 0.0), high, basis)


def progress_of(session: Session, job: Job) -> list[Point]:
    """What the job last told, from when it last began: a job that goes on after a stop tells anew."""
    rows = session.exec(
        select(JobEvent)
        .where(JobEvent.job_id == job.id, JobEvent.kind == FeedKind.PROGRESS)
        .order_by(col(JobEvent.id).desc())
        .limit(_MOST_POINTS)
    )
    points: list[Point] = []
    for row in rows:
        point = Point(row.occurred_at, float(row.data["percent"]), int(row.data.get("processed") or 0))
        if points and (point.at >= points[-1].at or point.processed > points[-1].processed):
            break
        points.append(point)
    points.reverse()
    began = job.started_at
    if began and job.run_count <= 1 and len(points) < _MOST_POINTS and (not points or began < points[0].at):
        points.insert(0, Point(began, 0.0, 0))
    return points


def unread_documents(session: Session, only: list[UUID]) -> int:
    """Documents that wait or are being read: of these, or of all."""
    total = 0
    for model in (CaseDocument, ExpertDocument):
        query = select(func.count()).select_from(model).where(col(model.processing_status).in_(_UNREAD))
        if only:
            query = query.where(col(model.id).in_(only))
        total += session.exec(query).one()
    return total


def ids_in(parameters: Any, name: str) -> list[UUID]:
    """A list of ids among a job's parameters; none where they were cut, or are not what they should be."""
    if not isinstance(parameters, dict):
        return []
    given = cast(dict[str, Any], parameters).get(name)
    try:
        return [UUID(value) for value in given or ()]
    except (ValueError, TypeError, AttributeError):
        return []


def _pace(points: Iterable[tuple[datetime, float]]) -> Pace | None:
    """From each moment at which more was done to the next such moment."""
    samples: list[Sample] = []
    last: tuple[datetime, float] | None = None
    for at, done in points:
        if last is None:
            last = (at, done)
        elif done > last[1] and at > last[0]:
            samples.append(Sample(Size(documents=done - last[1]), (at - last[0]).total_seconds()))
            last = (at, done)
    return pace_of(samples, [BY_DOCUMENTS])
