"""A row is worked on by one attempt of one job, and by nobody else until that is done or dead."""

import threading
from datetime import datetime, timedelta
from uuid import UUID, uuid4

import pytest
from sqlmodel import select

from casemill.db import Database
from casemill.errors import LostClaim
from casemill.models import (
    Attempt,
    Case,
    CaseDocument,
    CaseStep,
    Expert,
    ExpertDocument,
    OutgoingMail,
    ProcessingStatus,
    StepState,
)
from casemill.models.columns import utc_now
from casemill.operations import claims
from casemill.operations.claims import Kind
from tests.concurrency import FickleDatabase, at_once, becomes_true
from tests.ledger import begin, registry_of

MINUTE = timedelta(minutes=1)
KINDS = pytest.mark.parametrize("kind", claims.KINDS, ids=lambda kind: kind.model.__name__)


def waiting_row(database: Database, kind: Kind) -> int | UUID:
    """The id of a new row that waits."""
    case, expert = Case(name=f"case {uuid4()}"), Expert(name="expert")
    with database.write() as session:
        session.add_all([case, expert])
    given = {"name": "a.pdf", "size": 1, "sha256": uuid4().hex, "storage_key": "k"}
    with database.write() as session:
        if kind is claims.CASE_DOCUMENT:
            row = CaseDocument(case_id=case.id, **given)
        elif kind is claims.EXPERT_DOCUMENT:
            row = ExpertDocument(expert_id=expert.id, **given)
        else:
            batch_id = begin(database, registry_of(read=()), [case.id])
            return session.exec(select(CaseStep.id).where(CaseStep.batch_id == batch_id)).one()
        session.add(row)
        return row.id


def claimed_row(database: Database, kind: Kind, attempt: Attempt, lease: timedelta = MINUTE) -> int | UUID:
    row_id = waiting_row(database, kind)
    assert claim(database, kind, row_id, attempt, lease)
    return row_id


def claim(
    database: Database, kind: Kind, row_id: object, attempt: Attempt, lease: timedelta = MINUTE
) -> bool:
    with database.write() as session:
        return claims.claim(session, kind, row_id, attempt, lease)


def row(database: Database, kind: Kind, row_id: object):
    with database.read() as session:
        return session.get_one(kind.model, row_id)


def state(database: Database, kind: Kind, row_id: object) -> str:
    return getattr(row(database, kind, row_id), kind.state)


def take_back(database: Database, attempt: Attempt, **given: object) -> int:
    with database.write() as session:
        return claims.take_back(session, given.pop("now", utc_now()), attempt, **given)


@KINDS
def test_a_claimed_row_says_who_works_on_it_and_until_when(database: Database, kind: Kind):
    me = Attempt(uuid4(), 3)
    before = utc_now()
    found = row(database, kind, claimed_row(database, kind, me))
    assert getattr(found, kind.state) == kind.working
    assert (found.claimed_by, found.claim_attempt, found.attempts) == (me.run_id, 3, 1)
    assert before + MINUTE <= found.lease_until <= utc_now() + MINUTE


@KINDS
def test_of_many_that_claim_a_row_at_once_one_gets_it(database: Database, kind: Kind):
    for row_id in [waiting_row(database, kind) for _ in range(4)]:
        attempts = [Attempt(uuid4()) for _ in range(8)]
        got = at_once(len(attempts), lambda number: claim(database, kind, row_id, attempts[number]))  # noqa: B023
        assert got.count(True) == 1
        found = row(database, kind, row_id)
        assert found.claimed_by == attempts[got.index(True)].run_id
        assert found.attempts == 1


@pytest.mark.parametrize("settled", [StepState.COMPLETED, StepState.FAILED, StepState.BLOCKED])
def test_what_is_settled_cannot_be_claimed(sqlite: Database, settled: StepState):
    row_id = waiting_row(sqlite, claims.STEP)
    with sqlite.write() as session:
        session.get_one(CaseStep, row_id).state = settled
    assert not claim(sqlite, claims.STEP, row_id, Attempt(uuid4()))
    assert state(sqlite, claims.STEP, row_id) == settled


@KINDS
def test_an_attempt_may_claim_again_what_it_holds(database: Database, kind: Kind):
    """The database was away when a step gave up, so its row stayed claimed. The step's next try was told
    that another job works on it, while the lease of this one was renewed and renewed."""
    me = Attempt(uuid4())
    row_id = claimed_row(database, kind, me)
    assert claim(database, kind, row_id, me)
    assert row(database, kind, row_id).attempts == 2


@KINDS
def test_no_other_attempt_may_claim_what_is_held(database: Database, kind: Kind):
    me = Attempt(uuid4(), 2)
    row_id = claimed_row(database, kind, me)
    for other in (Attempt(uuid4(), 2), Attempt(me.run_id, 1), Attempt(me.run_id, 3)):
        assert not claim(database, kind, row_id, other)
    assert row(database, kind, row_id).claim_attempt == 2


@KINDS
def test_the_owner_of_a_claim_changes_the_row(database: Database, kind: Kind):
    me = Attempt(uuid4())
    row_id = claimed_row(database, kind, me)
    with database.write() as session:
        claims.change(session, kind, row_id, me, **{kind.state: kind.waiting})
    assert state(database, kind, row_id) == kind.waiting


def lose_to_another_job(database: Database, row_id: object, mine: Attempt) -> None:
    give_back(database, row_id, mine)
    assert claim(database, claims.STEP, row_id, Attempt(uuid4()))


def lose_to_a_later_attempt(database: Database, row_id: object, mine: Attempt) -> None:
    later = Attempt(mine.run_id, mine.number + 1)
    take_back(database, later)
    assert claim(database, claims.STEP, row_id, later)


def give_back(database: Database, row_id: object, mine: Attempt) -> None:
    assert take_back(database, Attempt(uuid4()), dead=[mine.run_id]) == 1


def complete(database: Database, row_id: object, mine: Attempt) -> None:
    with database.write() as session:
        claims.change(session, claims.STEP, row_id, mine, state=StepState.COMPLETED)


@pytest.mark.parametrize("lose", [lose_to_another_job, lose_to_a_later_attempt, give_back, complete])
def test_a_lost_claim_changes_nothing(database: Database, lose):
    me = Attempt(uuid4(), 1)
    row_id = claimed_row(database, claims.STEP, me)
    lose(database, row_id, me)
    before = row(database, claims.STEP, row_id).model_dump()
    told = rf"CaseStep {row_id} is no longer claimed by attempt 1 of job"
    with pytest.raises(LostClaim, match=told), database.write() as session:
        session.add(Case(name="what the attempt found out"))
        claims.change(session, claims.STEP, row_id, me, done=7, state=StepState.COMPLETED)
    assert row(database, claims.STEP, row_id).model_dump() == before
    with database.read() as session:
        assert session.exec(select(Case).where(Case.name == "what the attempt found out")).all() == []


@KINDS
def test_a_lease_that_ran_out_is_taken_back(database: Database, kind: Kind):
    row_id = claimed_row(database, kind, Attempt(uuid4()))
    somebody = Attempt(uuid4())
    assert take_back(database, somebody, now=utc_now() + MINUTE / 2) == 0
    assert state(database, kind, row_id) == kind.working
    assert take_back(database, somebody, now=utc_now() + MINUTE * 2) == 1
    assert state(database, kind, row_id) == kind.waiting
    assert claim(database, kind, row_id, somebody)


@KINDS
def test_what_a_dead_job_holds_is_taken_back_at_once(database: Database, kind: Kind):
    dead, alive = Attempt(uuid4()), Attempt(uuid4())
    of_dead, of_alive = claimed_row(database, kind, dead), claimed_row(database, kind, alive)
    assert take_back(database, Attempt(uuid4()), dead={dead.run_id, uuid4()}) == 1
    assert state(database, kind, of_dead) == kind.waiting
    assert state(database, kind, of_alive) == kind.working


@KINDS
def test_a_job_takes_back_what_its_earlier_attempts_hold(database: Database, kind: Kind):
    job = uuid4()
    rows = [claimed_row(database, kind, Attempt(job, number)) for number in (1, 2, 3)]
    assert take_back(database, Attempt(job, 2)) == 1
    assert [state(database, kind, row_id) == kind.working for row_id in rows] == [False, True, True]


def test_nothing_that_is_settled_is_taken_back(sqlite: Database):
    me = Attempt(uuid4())
    row_id = claimed_row(sqlite, claims.STEP, me)
    complete(sqlite, row_id, me)
    assert take_back(sqlite, Attempt(me.run_id, 2), dead=[me.run_id], now=utc_now() + MINUTE * 9) == 0
    assert state(sqlite, claims.STEP, row_id) == StepState.COMPLETED


@KINDS
def test_a_renewed_lease_is_not_taken_back(database: Database, kind: Kind):
    me, other = Attempt(uuid4()), Attempt(uuid4())
    mine, others = claimed_row(database, kind, me), claimed_row(database, kind, other)
    with database.write() as session:
        claims.renew(session, me, utc_now() + MINUTE * 9)
    assert take_back(database, Attempt(uuid4()), now=utc_now() + MINUTE * 5) == 1
    assert state(database, kind, mine) == kind.working
    assert state(database, kind, others) == kind.waiting


def test_jobs_that_hold_a_claim_are_known(database: Database):
    job, finished = Attempt(uuid4()), Attempt(uuid4())
    for kind in claims.KINDS:
        claimed_row(database, kind, job)
    complete(database, claimed_row(database, claims.STEP, finished), finished)
    waiting_row(database, claims.CASE_DOCUMENT)
    with database.read() as session:
        assert claims.owners(session) == {job.run_id}


def lease_until(database: Database, row_id: object) -> datetime:
    return row(database, claims.STEP, row_id).lease_until


def keepers() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "lease-keeper"]


def test_a_lease_is_kept_until_the_work_is_over(database: Database):
    me, lease = Attempt(uuid4()), timedelta(seconds=0.4)
    row_id = claimed_row(database, claims.STEP, me, lease)
    first = lease_until(database, row_id)
    with claims.lease_kept(database, me, lease):
        assert becomes_true(lambda: lease_until(database, row_id) > first)
        assert becomes_true(lambda: lease_until(database, row_id) > first + lease)
    assert keepers() == []


def test_a_lease_is_kept_through_a_restart_of_the_database(sqlite_url: str):
    database = FickleDatabase(sqlite_url)
    me, lease = Attempt(uuid4()), timedelta(seconds=0.2)
    row_id = claimed_row(database, claims.STEP, me, lease)
    with claims.lease_kept(database, me, lease):
        database.is_away = True
        assert becomes_true(lambda: database.refused > 2)
        database.is_away = False
        before = lease_until(database, row_id)
        assert becomes_true(lambda: lease_until(database, row_id) > before)
    database.close()


def test_a_keeper_ends_with_work_that_fails(sqlite: Database):
    with pytest.raises(ZeroDivisionError), claims.lease_kept(sqlite, Attempt(uuid4()), MINUTE):
        raise ZeroDivisionError
    assert keepers() == []


def test_every_table_that_is_claimed_is_served(sqlite: Database):
    """A table whose claims are neither renewed nor taken back would lose its rows to the first crash."""
    from casemill.models.claim import Claimable

    def claimable(model: type) -> set[type]:
        return {model, *(sub for each in model.__subclasses__() for sub in claimable(each))}

    tables = {model for model in claimable(Claimable) if hasattr(model, "__table__")}
    of_the_outbox = {OutgoingMail}  # takes back its own: what was handed over must not be sent again
    assert {kind.model for kind in claims.KINDS} == tables - of_the_outbox
    assert ProcessingStatus.PENDING in {kind.waiting for kind in claims.KINDS}
