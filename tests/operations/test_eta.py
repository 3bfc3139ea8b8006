"""When work will be done: never before it can be, closer to the truth the more is known."""

import random
from datetime import datetime, timedelta
from uuid import UUID, uuid4

import pytest
from sqlmodel import Session

from casemill.db import Database
from casemill.models import (
    Batch,
    Case,
    CaseDocument,
    CaseStep,
    FeedKind,
    Job,
    JobEvent,
    JobStatus,
    JobType,
    ProcessingStatus,
    StepState,
)
from casemill.models.columns import utc_now
from casemill.operations.eta import Eta, batch_eta, job_eta
from casemill.operations.pace import (
    BY_BYTES,
    BY_DOCUMENTS,
    BY_NOTHING,
    Pace,
    Sample,
    Share,
    Size,
    bounds,
    pace_of,
    spent,
)

T0 = utc_now().replace(microsecond=0)
STEPS = ("parse", "chunk")


def at(seconds: float) -> datetime:
    return T0 + timedelta(seconds=seconds)


class Simulated:
    """A batch that `hands` work on at once, case by case, in a world where its truth is known."""

    def __init__(self, database: Database, cases: int, hands: int, seed: int = 1) -> None:
        dice = random.Random(seed)
        self.database, self.batch, self.job = database, Batch(steps=list(STEPS)), uuid4()
        self.cases = [Case(name=f"{seed} case {number} {uuid4()}") for number in range(cases)]
        self.spans: dict[tuple[UUID, str], tuple[float, float]] = {}
        free = [0.0] * hands
        documents: list[CaseDocument] = []
        for case in self.cases:
            size = dice.randint(1, 20) * 100_000
            documents.append(document(case.id, size))
            clock = min(free)
            hand = free.index(clock)
            for step, per_mb in zip(STEPS, (30, 5), strict=True):
                took = size / 1e6 * per_mb * dice.uniform(0.6, 1.4)
                self.spans[case.id, step] = (clock, clock + took)
                clock += took
            free[hand] = clock
        self.ends = max(free)
        with database.write() as session:
            session.add_all([self.batch, *self.cases])
            session.flush()
            session.add_all(documents)
            session.add_all(
                CaseStep(batch_id=self.batch.id, case_id=case, step=step) for case, step in self.spans
            )
            session.add(job_of(self.batch.id, self.job))

    def go_to(self, moment: float) -> Eta | None:
        """The ledger as it is then, and what is said of it."""
        with self.database.write() as session:
            for row in rows_of(session, self.batch.id):
                start, end = self.spans[row.case_id, row.step]
                row.started_at = at(start) if start <= moment else None
                row.claimed_by = self.job
                if end <= moment:
                    row.state, row.finished_at = StepState.COMPLETED, at(end)
                elif start <= moment:
                    row.state, row.lease_until = StepState.RUNNING, at(moment + 60)
                    row.done, row.total = int(10 * (moment - start) / (end - start)), 10
                session.add(row)
        with self.database.read() as session:
            return batch_eta(session, self.batch.id, at(moment))


def rows_of(session: Session, batch_id: UUID) -> list[CaseStep]:
    from sqlmodel import select

    return list(session.exec(select(CaseStep).where(CaseStep.batch_id == batch_id)))


def document(case_id: UUID, size: int = 1000, **values: object) -> CaseDocument:
    return CaseDocument(
        case_id=case_id, name="x", size=size, sha256=uuid4().hex * 2, storage_key="x", **values
    )


def job_of(batch_id: UUID, job_id: UUID, status: JobStatus = JobStatus.RUNNING, **values: object) -> Job:
    return Job(id=job_id, batch_id=batch_id, status=status, type=JobType.EXTRACTION, created_at=T0, **values)


@pytest.mark.parametrize("hands", [1, 3])
def test_the_truth_lies_within_the_bounds_and_they_close_in_on_it(database: Database, hands: int) -> None:
    world = Simulated(database, cases=30, hands=hands)
    widths: list[float] = []
    hits = 0
    for part in (0.2, 0.35, 0.5, 0.65, 0.8):
        moment = part * world.ends
        eta, truth = world.go_to(moment), world.ends - moment
        assert eta is not None
        hits += eta.low <= truth <= eta.high
        widths.append(eta.high - eta.low)
        assert 0 <= eta.low <= eta.seconds <= eta.high
        assert eta.seconds == pytest.approx(truth, rel=0.5)
    assert hits == 5
    assert widths[-1] < widths[0]


def test_it_shrinks_as_work_is_done(sqlite: Database) -> None:
    world = Simulated(sqlite, cases=20, hands=2, seed=5)
    said = [world.go_to(world.ends * part / 10) for part in range(3, 10)]
    seconds = [eta.seconds for eta in said if eta]
    assert len(seconds) == 7
    assert seconds == sorted(seconds, reverse=True)


def test_nothing_is_left_of_a_batch_that_is_through(sqlite: Database) -> None:
    world = Simulated(sqlite, cases=3, hands=1)
    eta = world.go_to(world.ends + 1)
    assert eta
    assert (eta.seconds, eta.high) == (0, 0)


def test_it_is_not_known_while_a_step_that_is_left_was_never_done(database: Database) -> None:
    world = Simulated(database, cases=3, hands=1)
    first_parse = min(end for (_, step), (_, end) in world.spans.items() if step == "parse")
    assert world.go_to(0.001) is None
    assert world.go_to(first_parse + 0.001) is None
    first_chunk = min(end for (_, step), (_, end) in world.spans.items() if step == "chunk")
    assert world.go_to(first_chunk + 0.001) is not None


def test_until_a_batch_knows_its_own_pace_earlier_batches_tell(database: Database) -> None:
    earlier = Simulated(database, cases=10, hands=1)
    earlier.go_to(earlier.ends + 1)
    new = Simulated(database, cases=10, hands=1, seed=2)
    eta = new.go_to(0.001)
    assert eta
    assert eta.basis == "from 20 of earlier batches"
    assert eta.low <= new.ends <= eta.high
    assert new.go_to(new.ends / 2).basis.endswith("steps of this batch")


@pytest.mark.parametrize(
    ("status", "said"), [(JobStatus.PAUSED, "paused: "), (JobStatus.PENDING, "waits for a worker: ")]
)
def test_of_what_stands_it_says_how_much_work_is_left_and_not_when(
    database: Database, status: JobStatus, said: str
) -> None:
    world = Simulated(database, cases=10, hands=1)
    moving = world.go_to(world.ends / 2)
    with database.write() as session:
        session.get_one(Job, world.job).status = status
        for row in rows_of(session, world.batch.id):
            if row.state == StepState.RUNNING:
                row.state = StepState.PENDING
                session.add(row)
    with database.read() as session:
        eta = batch_eta(session, world.batch.id, at(world.ends * 10))
    assert eta
    assert moving
    assert eta.basis.startswith(said)
    assert eta.seconds == pytest.approx(moving.seconds, rel=0.3)


def test_a_job_answers_for_its_own_cases(database: Database) -> None:
    world = Simulated(database, cases=10, hands=1)
    world.go_to(world.ends / 2)
    last = world.cases[-1].id
    jobs = {
        "one": job_of(world.batch.id, uuid4(), parameters={"case_ids": [str(last)]}),
        "rest": job_of(world.batch.id, uuid4(), parameters={"case_ids": []}),
        "cut": job_of(world.batch.id, uuid4(), parameters={"cut": "the first 100 characters"}),
    }
    with database.write() as session:
        session.add_all(jobs.values())
    with database.read() as session:
        found = {name: job_eta(session, job, at(world.ends / 2)) for name, job in jobs.items()}
    start, end = world.spans[last, "parse"][0], world.spans[last, "chunk"][1]
    assert found["one"].low <= end - start <= found["one"].high
    others = world.ends / 2 - (end - start)
    assert found["rest"].low <= others <= found["rest"].high
    assert found["cut"] == found["rest"], "what was cut names no cases: it works on what nobody else has"


def test_a_job_that_reads_documents_goes_by_what_it_told(database: Database) -> None:
    """A document every two seconds, and fifty left."""
    job = Job(
        id=uuid4(),
        type=JobType.DOCUMENT_PROCESSING,
        status=JobStatus.RUNNING,
        created_at=T0,
        started_at=T0,
        run_count=1,
    )
    case = Case(name=str(uuid4()))
    with database.write() as session:
        session.add_all([job, case])
        session.flush()
        session.add_all(document(case.id) for _ in range(50))
        session.add_all(document(case.id, processing_status=ProcessingStatus.READY) for _ in range(20))
    with database.read() as session:
        assert job_eta(session, job, at(1)) is None
    tell(database, job.id, 20)
    with database.read() as session:
        eta = job_eta(session, job, at(40))
    assert eta
    assert eta.low <= 100 <= eta.high
    assert eta.seconds == pytest.approx(100, rel=0.05)
    assert "20 documents read" in eta.basis


def test_a_job_that_began_again_goes_by_what_it_told_since(database: Database) -> None:
    """Its percent had stood at 90 before it was stopped; the second time it needs 2 s for each."""
    job = Job(id=uuid4(), status=JobStatus.RUNNING, created_at=T0, started_at=T0, run_count=2)
    with database.write() as session:
        session.add(job)
    tell(database, job.id, 90, begin=-1000, step=0.1)
    tell(database, job.id, 20)
    with database.read() as session:
        eta = job_eta(session, job, at(40))
    assert eta
    assert eta.seconds == pytest.approx(160, rel=0.05)


def test_of_a_job_that_is_over_nothing_is_left(sqlite: Database) -> None:
    with sqlite.read() as session:
        eta = job_eta(session, Job(id=uuid4(), status=JobStatus.FAILED, created_at=T0), T0)
    assert eta
    assert eta.seconds == 0


def tell(database: Database, job_id: UUID, count: int, begin: float = 0, step: float = 2) -> None:
    with database.write() as session:
        for number in range(1, count + 1):
            data = {"percent": float(number), "message": "", "processed": number}
            moment = at(begin + number * step)
            session.add(JobEvent(kind=FeedKind.PROGRESS, job_id=job_id, occurred_at=moment, data=data))


@pytest.mark.parametrize(
    ("seconds", "measure"),
    [
        (lambda documents, size: size / 1000, BY_BYTES),
        (lambda documents, size: documents * 3.0, BY_DOCUMENTS),
        (lambda documents, size: 7.0, BY_NOTHING),
    ],
)
def test_the_measure_that_explains_the_samples_is_found(seconds: object, measure: int) -> None:
    dice = random.Random(3)
    sizes = [(dice.randint(1, 30), dice.randint(1, 10**6)) for _ in range(10)]
    pace = pace_of([Sample(Size(*size), seconds(*size)) for size in sizes])
    assert pace
    assert pace.measure == measure
    assert pace.expected(Size(12, 34_000)) == pytest.approx(seconds(12, 34_000))


def test_one_sample_leaves_much_open_and_many_alike_little() -> None:
    def width(count: int) -> float:
        pace = pace_of([Sample(Size(1, 100), 10.0)] * count)
        assert pace
        _, low, high = bounds([Share(10.0, pace)] * 20)
        return high - low

    assert width(1) > 5 * width(50)


@pytest.mark.parametrize("part", [0.0, 0.001, 0.3, 0.999, 1.0])
@pytest.mark.parametrize("elapsed", [0.0, 1.0, 1e9])
def test_what_is_left_is_never_negative(part: float, elapsed: float) -> None:
    assert spent(elapsed, part, 100.0) >= 0


def test_bounds_of_nothing_are_nothing() -> None:
    assert bounds([]) == (0, 0, 0)
    assert bounds([Share(0.0, Pace(BY_BYTES, 1.0, 1.0, 1))]) == (0, 0, 0)
