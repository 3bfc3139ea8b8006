"""What workers say of processes becomes what is shown, in whatever order it is heard."""

import itertools
import random
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from prefect.events import Event
from sqlmodel import col, select

from casemill.db import Database
from casemill.models import Job, JobEvent, JobStatus, JobSubStatus
from casemill.models.columns import utc_now
from casemill.monitoring.apply_changes import apply_changes
from casemill.monitoring.changes import Change, JobState, ProcessBegan, ProcessEnded
from casemill.monitoring.events import changes_of
from casemill.monitoring.process_evidence import ENDED, STARTED

BEGUN = utc_now()


def state(job: UUID, second: int, status: JobStatus, name: str, sub: JobSubStatus | None = None) -> JobState:
    return JobState(job, BEGUN + timedelta(seconds=second), uuid4(), 1, status, sub, name, None, "a job")


def cancelled_job(job: UUID) -> list[Change]:
    """All that is heard of a job that is cancelled while it runs, in the order in which it happens."""
    return [
        state(job, 0, JobStatus.PENDING, "Pending"),
        ProcessBegan(job, BEGUN + timedelta(seconds=1)),
        state(job, 2, JobStatus.RUNNING, "Running"),
        state(job, 3, JobStatus.RUNNING, "Cancelling", JobSubStatus.CANCELLING),
        state(job, 4, JobStatus.CANCELLED, "Cancelled"),
        ProcessEnded(job, BEGUN + timedelta(seconds=5)),
    ]


def paused_job(job: UUID) -> list[Change]:
    return [
        state(job, 0, JobStatus.PENDING, "Pending"),
        ProcessBegan(job, BEGUN + timedelta(seconds=1)),
        state(job, 2, JobStatus.RUNNING, "Running"),
        state(job, 3, JobStatus.PAUSED, "Suspended"),
        ProcessEnded(job, BEGUN + timedelta(seconds=5)),
    ]


def hear(database: Database, changes: list[Change]) -> list[tuple[str, str | None]]:
    """What was shown after each."""
    shown: list[tuple[str, str | None]] = []
    for change in changes:
        with database.write() as session:
            apply_changes(session, [change])
        with database.read() as session:
            job = session.get(Job, change.job_id)
        if job:
            shown.append((str(job.status), job.sub_status and str(job.sub_status)))
    return shown


def test_what_is_shown_follows_the_process_and_not_the_state(database: Database) -> None:
    assert hear(database, cancelled_job(uuid4())) == [
        ("pending", None),
        ("pending", None),
        ("running", None),
        ("running", "cancelling"),
        ("running", "cancelling"),
        ("cancelled", None),
    ]
    assert hear(database, paused_job(uuid4())) == [
        ("pending", None),
        ("pending", None),
        ("running", None),
        ("paused", "pausing"),
        ("paused", None),
    ]


@pytest.mark.parametrize("story", [cancelled_job, paused_job])
def test_shuffled_and_doubled_it_ends_the_same_and_never_goes_back(database: Database, story: object) -> None:
    """A row that was shown as over is never shown as running again."""
    ended: set[tuple[object, ...]] = set()
    for seed in range(12):
        job, chance = uuid4(), random.Random(seed)
        changes = story(job)  # type: ignore[operator]
        # A job is heard of before it ends: without a row there is nothing to correct.
        told = [*changes[1:], *chance.sample(changes, 3)]
        chance.shuffle(told)
        shown = hear(database, [changes[0], *told])
        over = [status == "cancelled" for status, _ in shown]
        assert over == sorted(over)
        with database.read() as session:
            row = session.get_one(Job, job)
            times = session.exec(
                select(JobEvent.occurred_at).where(JobEvent.job_id == job).order_by(col(JobEvent.id))
            ).all()
        ended.add((row.status, row.sub_status, row.finished_at, row.process_began_at, row.process_ended_at))
        assert list(times) == sorted(times)
    assert len(ended) == 1


def test_of_several_tries_the_last_process_counts(sqlite: Database) -> None:
    job = uuid4()
    first, second = ([BEGUN + timedelta(seconds=at) for at in times] for times in ((1, 2), (10, 20)))
    suspended = state(job, 15, JobStatus.PAUSED, "Suspended")
    told = [ProcessBegan(job, first[0]), ProcessEnded(job, first[1]), ProcessBegan(job, second[0]), suspended]
    for order in itertools.permutations(told[:3]):
        other = [type(change)(job_id, change.at) for job_id in [uuid4()] for change in order]
        pausing = JobState(
            other[0].job_id, suspended.at, uuid4(), 1, JobStatus.PAUSED, None, "Suspended", None, "a job"
        )
        assert hear(sqlite, [pausing, *other])[-1][0] == "paused"
    assert hear(sqlite, [*told, ProcessEnded(job, second[1])])[-2:] == [
        ("paused", "pausing"),
        ("paused", None),
    ]


def test_the_events_of_workers_name_the_job_in_a_related_resource() -> None:
    job = uuid4()
    related = [
        {"prefect.resource.id": f"prefect.flow-run.{job}", "prefect.resource.role": "flow-run"},
        {"prefect.resource.id": f"prefect.deployment.{uuid4()}", "prefect.resource.role": "deployment"},
    ]
    worker = {"prefect.resource.id": "prefect.worker.process.up"}

    def heard(name: str, resources: list[dict[str, str]]) -> list[Change]:
        return changes_of(Event(event=name, resource=worker, related=resources), 1000)

    [began], [ended] = heard(STARTED, related), heard(ENDED, related)
    assert (type(began), type(ended)) == (ProcessBegan, ProcessEnded)
    assert began.job_id == ended.job_id == job
    assert heard(ENDED, []) == heard("prefect.worker.started", related) == []
    assert heard(ENDED, [{**related[0], "prefect.resource.id": "prefect.flow-run.x"}]) == []
