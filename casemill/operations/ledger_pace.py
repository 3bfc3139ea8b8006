"""What the ledger tells of the pace of a batch's steps, and what is left of them."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, func
from sqlalchemy import select as select_columns
from sqlmodel import Session, col, select

from casemill.models import CaseDocument, CaseStep, StepState
from casemill.operations.pace import Pace, Sample, Size, pace_of

_MOST_SAMPLES = 500
_OTHERS_SAMPLES = 100  # of each step, of other batches
_OTHERS_ROWS = 50_000  # how far back in the ledger they are looked for
_ENOUGH = 3  # samples of this batch, from which on others do not count
_AT_ONCE = 5000  # ids in one query
_WINDOW = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class OpenStep:
    """A row of the ledger that is pending or running. part_done is 0 to 1, elapsed in seconds."""

    case_id: UUID
    step: str
    size: Size
    is_live: bool  # somebody works on it now
    claimed_by: UUID | None
    part_done: float
    elapsed: float


@dataclass(frozen=True, slots=True)
class DoneStep:
    case_id: UUID
    step: str
    started_at: datetime
    finished_at: datetime
    claimed_by: UUID | None = None

    @property
    def seconds(self) -> float:
        return max((self.finished_at - self.started_at).total_seconds(), 0.0)


@dataclass(frozen=True)
class LedgerPace:
    """Pace by step, and on how many measurements of this batch and of others it rests."""

    paces: Mapping[str, Pace]
    samples_here: int
    samples_elsewhere: int

    @property
    def basis(self) -> str:
        here = f"{self.samples_here} step{'s' * (self.samples_here != 1)} of this batch"
        if not self.samples_elsewhere:
            return f"from {here}"
        elsewhere = f"{self.samples_elsewhere} of earlier batches"
        return f"from {here} and {elsewhere}" if self.samples_here else f"from {elsewhere}"


@dataclass(frozen=True)
class Activity:
    """How many steps were worked on at the same time: lately, and whenever anything was."""

    lately: float
    usually: float


def open_steps(session: Session, batch_id: UUID, now: datetime) -> list[OpenStep]:
    columns: list[Any] = [
        col(CaseStep.case_id),
        col(CaseStep.step),
        col(CaseStep.state),
        col(CaseStep.done),
        col(CaseStep.total),
        col(CaseStep.started_at),
        col(CaseStep.lease_until),
        col(CaseStep.claimed_by),
    ]
    wanted = select_columns(*columns).where(
        col(CaseStep.batch_id) == batch_id, col(CaseStep.state).in_([StepState.PENDING, StepState.RUNNING])
    )
    rows = session.connection().execute(wanted).all()
    sizes = sizes_of(session, {row[0] for row in rows})
    found: list[OpenStep] = []
    for case_id, step, state, done, total, started_at, lease_until, claimed_by in rows:
        runs = state == StepState.RUNNING
        found.append(
            OpenStep(
                case_id=case_id,
                step=step,
                size=sizes.get(case_id, Size()),
                is_live=runs and lease_until is not None and lease_until > now,
                claimed_by=claimed_by,
                part_done=min(done / total, 1.0) if runs and total else 0.0,
                elapsed=max((now - started_at).total_seconds(), 0.0) if runs and started_at else 0.0,
            )
        )
    return found


def done_steps(session: Session, batch_id: UUID) -> list[DoneStep]:
    """The latest completed rows of the batch, a bounded number."""
    return _done(session, (col(CaseStep.batch_id) == batch_id,), _MOST_SAMPLES, col(CaseStep.finished_at))


def ledger_pace(
    session: Session, batch_id: UUID, left: Sequence[OpenStep], done: Sequence[DoneStep]
) -> LedgerPace:
    """For each step of which something is left, as far as anything is known of it.

    What is under way counts as a sample as far as it has come, where little is completed; other batches
    count where this one has too little to tell.
    """
    samples: dict[str, list[Sample]] = {row.step: [] for row in left}
    sizes = sizes_of(session, {row.case_id for row in done})
    for row in done:
        if row.step in samples:
            samples[row.step].append(Sample(sizes.get(row.case_id, Size()), row.seconds))
    for row in left:
        if row.is_live and row.part_done > 0 and len(samples[row.step]) < _ENOUGH:
            samples[row.step].append(Sample(row.size, row.elapsed / row.part_done))
    here = sum(map(len, samples.values()))
    elsewhere = 0
    for step in (step for step, found in samples.items() if len(found) < _ENOUGH):
        others = _elsewhere(session, batch_id, step)
        elsewhere += len(others)
        samples[step].extend(others)
    found = {step: pace for step, given in samples.items() if (pace := pace_of(given))}
    return LedgerPace(found, here, elsewhere)


def activity(left: Sequence[OpenStep], done: Sequence[DoneStep], now: datetime) -> Activity:
    began = [now - timedelta(seconds=row.elapsed) for row in left if row.is_live]
    spans = [(row.started_at, row.finished_at) for row in done] + [(start, now) for start in began]
    if not spans:
        return Activity(0.0, 1.0)
    since = max(now - _WINDOW, min(start for start, _ in spans))
    lately = sum(max((end - max(start, since)).total_seconds(), 0.0) for start, end in spans)
    window = (now - since).total_seconds()
    busy = covered(spans)
    worked = sum((end - start).total_seconds() for start, end in spans)
    return Activity(lately / window if window else 0.0, max(worked / busy, 1.0) if busy else 1.0)


def covered(spans: Sequence[tuple[datetime, datetime]]) -> float:
    """Seconds in which at least one of them was under way."""
    total, until = 0.0, None
    for start, end in sorted(spans):
        since = start if until is None else max(start, until)
        total += max((end - since).total_seconds(), 0.0)
        until = end if until is None else max(until, end)
    return total


def sizes_of(session: Session, case_ids: Collection[UUID]) -> dict[UUID, Size]:
    found: dict[UUID, Size] = {}
    ids = list(case_ids)
    for start in range(0, len(ids), _AT_ONCE):
        rows = session.exec(
            select(CaseDocument.case_id, func.count(), func.sum(CaseDocument.size))
            .where(col(CaseDocument.case_id).in_(ids[start : start + _AT_ONCE]))
            .group_by(col(CaseDocument.case_id))
        )
        found.update((case_id, Size(count, int(size))) for case_id, count, size in rows)
    return found


def _elsewhere(session: Session, batch_id: UUID, step: str) -> list[Sample]:
    """From the newest rows of the ledger: how it was years ago says little, and is far to look for."""
    newest = session.exec(select(func.max(CaseStep.id))).one() or 0
    where = (
        col(CaseStep.step) == step,
        col(CaseStep.batch_id) != batch_id,
        col(CaseStep.id) > newest - _OTHERS_ROWS,
    )
    done = _done(session, where, _OTHERS_SAMPLES, col(CaseStep.id))
    sizes = sizes_of(session, {row.case_id for row in done})
    return [Sample(sizes.get(row.case_id, Size()), row.seconds) for row in done]


def _done(
    session: Session, where: Sequence[ColumnElement[bool]], at_most: int, latest_by: Any
) -> list[DoneStep]:
    columns: list[Any] = [
        col(CaseStep.case_id),
        col(CaseStep.step),
        col(CaseStep.started_at),
        col(CaseStep.finished_at),
        col(CaseStep.claimed_by),
    ]
    wanted = (
        select_columns(*columns)
        .where(
            *where,
            col(CaseStep.state) == StepState.COMPLETED,
            col(CaseStep.started_at).is_not(None),
            col(CaseStep.finished_at).is_not(None),
        )
        .order_by(latest_by.desc())
        .limit(at_most)
    )
    return [DoneStep(*row) for row in session.connection().execute(wanted)]
