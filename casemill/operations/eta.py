"""When a batch or a job will be through, from the pace of what is done and the size of what is left."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlmodel import Session, col, select

from casemill.models import NOT_OVER, OVER, Job, JobStatus
from casemill.models.job_dependency import WAITING_STATE
from casemill.operations.ledger_pace import (
    Activity,
    LedgerPace,
    OpenStep,
    activity,
    done_steps,
    ledger_pace,
    open_steps,
)
from casemill.operations.pace import Eta, Share, bounds, spent
from casemill.operations.progress_pace import ids_in, progress_eta

__all__ = ["Eta", "batch_eta", "job_eta"]

NOTHING_LEFT = Eta(0.0, 0.0, 0.0, "nothing is left to do")


@dataclass(frozen=True, slots=True)
class Hands:
    """Who works: how many steps at the same time, 0 if nobody does; then `stands` says why."""

    at_once: float
    stands: str = ""


def batch_eta(session: Session, batch_id: UUID, now: datetime) -> Eta | None:
    """None as long as the pace of any step that is left is unknown. What failed is not waited for."""
    left = open_steps(session, batch_id, now)
    if not left:
        return NOTHING_LEFT
    done = done_steps(session, batch_id)
    active = activity(left, done, now)
    hands = hands_of(left, active, _jobs_of(session, batch_id))
    return estimate(left, ledger_pace(session, batch_id, left, done), hands, active.usually)


def job_eta(session: Session, job: Job, now: datetime) -> Eta | None:
    """Of a job of a batch from its own cases, of others from how fast they told progress."""
    if job.status in OVER:
        return NOTHING_LEFT
    if job.batch_id is None:
        return progress_eta(session, job, now)
    everything = open_steps(session, job.batch_id, now)
    jobs = _jobs_of(session, job.batch_id)
    left = _own(everything, job, jobs)
    if not left:
        return NOTHING_LEFT
    done = done_steps(session, job.batch_id)
    mine = [row for row in done if row.claimed_by == job.id]
    active = activity(left, mine, now)
    pace = ledger_pace(session, job.batch_id, left, done)
    return estimate(left, pace, hands_of(left, active, [job]), active.usually)


def hands_of(left: Sequence[OpenStep], active: Activity, jobs: Sequence[Job]) -> Hands:
    """As many as work right now or did lately: between two steps nobody holds a claim for a moment."""
    live = sum(row.is_live for row in left)
    running = sum(job.status == JobStatus.RUNNING for job in jobs)
    if live or running:
        return Hands(max(live, active.lately, min(running, len(left)), 1.0))
    if any(job.status == JobStatus.PAUSED for job in jobs):
        return Hands(0.0, "paused")
    if jobs and all(job.state_name == WAITING_STATE for job in jobs):
        return Hands(0.0, "waits for other jobs")
    return Hands(0.0, "waits for a worker" if jobs else "no job works on it")


def estimate(left: Sequence[OpenStep], known: LedgerPace, hands: Hands, usually: float) -> Eta | None:
    """Decides from measurements alone.

    The steps of one case follow each other, so however many work, it takes as long as the longest case.
    """
    shares: list[Share] = []
    chains: dict[UUID, float] = {}
    for row in left:
        pace = known.paces.get(row.step)
        if pace is None:
            return None
        seconds = (
            spent(row.elapsed, row.part_done, pace.expected(row.size))
            if row.is_live
            else (pace.expected(row.size) * (1 - row.part_done))
        )
        shares.append(Share(seconds, pace))
        chains[row.case_id] = chains.get(row.case_id, 0.0) + seconds
    work, low, high = bounds(shares)
    at_once = min(hands.at_once or usually, len(chains))
    longest = max(chains.values())
    seconds = max(work / at_once, longest)
    # No order of work does better than its even share, none worse than that plus the longest case at the end
    low = max(low / at_once, longest * low / work) if work else 0.0
    high = max(high / at_once + longest * (1 - 1 / at_once), seconds)
    basis = known.basis
    if hands.stands:
        basis = f"{hands.stands}: so much work once it goes on; {basis}"
    return Eta(seconds, min(low, seconds), high, basis)


def _jobs_of(session: Session, batch_id: UUID) -> Sequence[Job]:
    return session.exec(select(Job).where(Job.batch_id == batch_id, col(Job.status).in_(NOT_OVER))).all()


def _own(left: Sequence[OpenStep], job: Job, jobs: Sequence[Job]) -> list[OpenStep]:
    """The rows of its cases. A job without any named works on all that no other job has."""
    if mine := set(ids_in(job.parameters, "case_ids")):
        return [row for row in left if row.case_id in mine]
    others = {case for other in jobs if other.id != job.id for case in ids_in(other.parameters, "case_ids")}
    return [row for row in left if row.case_id not in others]
