"""Where batches stand is counted in the database, many at once."""

from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from sqlmodel import select

from casemill.db import Database
from casemill.models import Batch, CaseStep, Job, JobStatus, JobSubStatus, StepState, User, WorkQueue
from casemill.models.columns import utc_now
from casemill.operations.batch_progress import batch_named, ledger, step_progress
from casemill.operations.batch_standing import SUBMITTING, batches_not_completed, standings, step_standings
from casemill.operations.batch_status import BatchStatus
from casemill.operations.list_batches import list_batches
from tests.conftest import NewOwner
from tests.ledger import begin, chain_of, do_nothing

NOW = utc_now()
REGISTRY = chain_of(parse=do_nothing, chunk=do_nothing)


@pytest.fixture
def cases(database: Database, new_case: NewOwner) -> list[UUID]:
    return [new_case(database) for _ in range(2)]


def batch_with(
    database: Database, cases: list[UUID], states: list[StepState], *jobs: Job, made: timedelta = SUBMITTING
) -> UUID:
    batch_id = begin(database, REGISTRY, cases)
    with database.write() as session:
        batch_named(session, batch_id).created_at = NOW - made
        rows = session.exec(select(CaseStep).where(CaseStep.batch_id == batch_id).order_by("id")).all()
        for row, state in zip(rows, states, strict=True):
            row.state = state
            session.add(row)
        for job in jobs:
            job.batch_id = batch_id
            session.add(job)
    return batch_id


def job(status: JobStatus, sub_status: JobSubStatus | None = None, queue: str = "own") -> Job:
    over = NOW if status in (JobStatus.CANCELLED, JobStatus.FAILED) else None
    return Job(
        id=uuid4(), status=status, sub_status=sub_status, queue=queue, created_at=NOW, finished_at=over
    )


C, P, R, F = StepState.COMPLETED, StepState.PENDING, StepState.RUNNING, StepState.FAILED


def test_each_batch_stands_by_its_own_rows_and_jobs(database: Database, cases: list[UUID]):
    expected = {
        batch_with(database, cases, [C, C, C, C]): BatchStatus.COMPLETED,
        batch_with(database, cases, [C, P, P, P], job(JobStatus.RUNNING)): BatchStatus.RUNNING,
        batch_with(database, cases, [C, P, P, P], job(JobStatus.PENDING)): BatchStatus.PENDING,
        batch_with(database, cases, [C, P, P, P], job(JobStatus.CANCELLED)): BatchStatus.CANCELLED,
        batch_with(
            database, cases, [C, P, P, P], job(JobStatus.RUNNING, JobSubStatus.CANCELLING)
        ): BatchStatus.CANCELLING,
        batch_with(database, cases, [C, C, C, F], job(JobStatus.FAILED)): BatchStatus.FAILED,
        batch_with(database, cases, [P, P, P, P]): BatchStatus.FAILED,
        batch_with(database, cases, [P, P, P, P], made=timedelta()): BatchStatus.PENDING,
    }
    with database.read() as session:
        found = {batch: standing.status for batch, standing in standings(session, expected, NOW).items()}
        assert found == expected
        unfinished = batches_not_completed(session, NOW)
        assert unfinished == {
            batch: status for batch, status in expected.items() if status != BatchStatus.COMPLETED
        }
        for status in BatchStatus:
            listed, total = list_batches(session, NOW, statuses=[status])
            assert {batch.id for batch in listed} == {id for id, is_ in expected.items() if is_ == status}
            assert total == len(listed)


@pytest.mark.parametrize(
    ("paused", "status"),
    [
        (WorkQueue(name="own", paused=True), BatchStatus.PAUSED),
        (WorkQueue(name="pool", is_pool=True, paused=True), BatchStatus.PAUSED),
        (WorkQueue(name="another", paused=True), BatchStatus.PENDING),
    ],
    ids=["its queue", "the pool", "another queue"],
)
def test_a_batch_whose_jobs_wait_in_a_paused_queue_is_paused(
    database: Database, cases: list[UUID], paused: WorkQueue, status: BatchStatus
):
    batch = batch_with(database, cases, [P, P, P, P], job(JobStatus.PENDING))
    with database.write() as session:
        session.add(WorkQueue(**paused.model_dump()))
    with database.read() as session:
        assert standings(session, [batch], NOW)[batch].status == status


def test_steps_counted_in_the_database_are_those_of_the_ledger(database: Database, cases: list[UUID]):
    batch_id = batch_with(database, cases, [C, R, R, F])
    with database.write() as session:
        first, *_ = session.exec(select(CaseStep).where(CaseStep.state == R).order_by("id")).all()
        first.done, first.total = 1, 4
        session.add(first)
    with database.read() as session:
        batch = batch_named(session, batch_id)
        assert step_standings(session, batch) == step_progress(batch, ledger(session, batch_id))
        assert standings(session, [batch_id], NOW)[batch_id].ledger.percent == pytest.approx(100 * 2.25 / 4)


def test_a_list_is_of_those_batches_that_one_may_see(database: Database, cases: list[UUID]):
    ada, ben = User(name="Ada"), User(name="Ben")
    with database.write() as session:
        session.add_all([ada, ben])
    mine = begin(database, REGISTRY, cases)
    begin(database, REGISTRY, cases)
    with database.write() as session:
        session.get_one(Batch, mine).user_id = ada.id
    with database.read() as session:
        assert [batch.id for batch in list_batches(session, NOW, only_of=ada.id)[0]] == [mine]
        assert list_batches(session, NOW, only_of=ben.id) == ([], 0)
        assert list_batches(session, NOW, only_of=ada.id, statuses=[BatchStatus.PENDING])[1] == 1
        page, total = list_batches(session, NOW, page=2, per_page=1)
        assert ([batch.id for batch in page], total) == ([mine], 2)
