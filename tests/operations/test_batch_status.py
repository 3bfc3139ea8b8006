"""A batch's status follows from its ledger and its jobs: pending means that it goes on by itself."""

from collections import Counter
from datetime import timedelta

import pytest

from casemill.models import JobStatus, JobSubStatus, StepState
from casemill.models.columns import utc_now
from casemill.operations.batch_status import BatchStatus, JobCounts, LedgerCounts, derive, place_of

NOW = utc_now()
EARLIER = NOW - timedelta(hours=1)


def ledger(working: int = 0, **states: int) -> LedgerCounts:
    return LedgerCounts(Counter({StepState(name): rows for name, rows in states.items()}), working)


DONE = ledger(completed=3)
OPEN = ledger(completed=1, pending=2)
BROKEN = ledger(completed=1, failed=1, blocked=1)


@pytest.mark.parametrize(
    ("rows", "jobs", "status"),
    [
        (DONE, JobCounts(over=1), BatchStatus.COMPLETED),
        (DONE, JobCounts(running=1), BatchStatus.COMPLETED),
        (OPEN, JobCounts(running=1, waiting=1, cancelling=1, paused=1), BatchStatus.RUNNING),
        (OPEN, JobCounts(waiting=1, cancelling=1, paused=1), BatchStatus.PENDING),
        (OPEN, JobCounts(cancelling=1, paused=1, over=1), BatchStatus.CANCELLING),
        (OPEN, JobCounts(pausing=1, paused=1), BatchStatus.PAUSING),
        (OPEN, JobCounts(paused=1, over=1), BatchStatus.PAUSED),
        (OPEN, JobCounts(held=1), BatchStatus.PAUSED),
        (BROKEN, JobCounts(over=1, failed_at=NOW), BatchStatus.FAILED),
        (BROKEN, JobCounts(waiting=1, over=1, failed_at=NOW), BatchStatus.PENDING),
        (OPEN, JobCounts(over=1, cancelled_at=NOW), BatchStatus.CANCELLED),
        (OPEN, JobCounts(over=2, cancelled_at=NOW, failed_at=EARLIER), BatchStatus.CANCELLED),
        (OPEN, JobCounts(over=2, cancelled_at=EARLIER, failed_at=NOW), BatchStatus.FAILED),
        (OPEN, JobCounts(over=1), BatchStatus.FAILED),
    ],
    ids=[
        "all is done",
        "all is done and its job is about to end",
        "one job runs",
        "one job waits",
        "the last one at work is being cancelled",
        "pausing",
        "paused",
        "its queue is paused",
        "through, not all well",
        "through, and a job will try again",
        "cancelled",
        "resumed after a failure, then cancelled",
        "resumed after a cancellation, then crashed",
        "all jobs ended and left something",
    ],
)
def test_a_batch_is_where_its_ledger_and_its_jobs_are(
    rows: LedgerCounts, jobs: JobCounts, status: BatchStatus
):
    assert derive(rows, jobs, is_new=False)[0] == status


@pytest.mark.parametrize(
    ("rows", "is_new", "status"),
    [
        (OPEN, True, BatchStatus.PENDING),
        (OPEN, False, BatchStatus.FAILED),
        (ledger(working=1, pending=1, running=1), False, BatchStatus.RUNNING),
    ],
    ids=["being handed out", "Prefect was down", "worked on by a job that is not recorded"],
)
def test_a_batch_without_a_job(rows: LedgerCounts, is_new: bool, status: BatchStatus):
    assert derive(rows, JobCounts(), is_new=is_new)[0] == status


@pytest.mark.parametrize("jobs", [JobCounts(held=1), JobCounts(over=1), JobCounts()])
def test_what_needs_somebodys_help_says_so(jobs: JobCounts):
    _, why = derive(OPEN, jobs, is_new=False)
    assert why is not None
    assert "start" in why or "resume" in why


def test_every_status_of_a_job_counts_for_something():
    places = {
        place_of(status, sub_status, is_held=is_held)
        for status in JobStatus
        for sub_status in (None, *JobSubStatus)
        for is_held in (True, False)
    }
    assert places == {"running", "waiting", "held", "cancelling", "pausing", "paused", "over"}
