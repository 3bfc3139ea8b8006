"""A batch is its ledger: a waiting row for each case and step, before anything runs."""

from uuid import UUID, uuid4

import pytest
from sqlmodel import Session, col, select

from casemill.db import Database
from casemill.errors import NotFound
from casemill.models import Batch, CaseStep, StepState, User
from casemill.operations.start_batch import EmptyBatch, open_cases, sharded, start_batch
from casemill.steps.chunking import ChunkOptions
from casemill.steps.options import BatchOptions
from casemill.steps.registry import StepNotRegistered
from tests.conftest import NewOwner
from tests.ledger import begin, chain_of, do_nothing

REGISTRY = chain_of(parse=do_nothing, chunk=do_nothing, index=do_nothing)
REGISTRY.step("count", "Needs nothing")(do_nothing)


@pytest.fixture
def cases(database: Database, new_case: NewOwner) -> list[UUID]:
    return [new_case(database) for _ in range(3)]


def rows(session: Session) -> list[tuple[UUID, str]]:
    return [(row.case_id, row.step) for row in session.exec(select(CaseStep).order_by(col(CaseStep.id)))]


def nothing_is_stored(database: Database) -> bool:
    with database.read() as session:
        return not session.exec(select(Batch)).all() and not rows(session)


def test_a_batch_has_a_waiting_row_for_each_case_and_step(database: Database, cases: list[UUID]):
    chosen = [cases[2], cases[0]]
    batch_id = begin(database, REGISTRY, chosen, ["parse", "count"])
    with database.read() as session:
        assert rows(session) == [(case, step) for case in chosen for step in ("parse", "count")]
        assert set(session.exec(select(CaseStep.state))) == {StepState.PENDING}
        assert session.get_one(Batch, batch_id).steps == ["parse", "count"]


def test_what_a_step_requires_is_added_before_it(database: Database, cases: list[UUID]):
    begin(database, REGISTRY, cases[:1], ["index"])
    with database.read() as session:
        assert [step for _, step in rows(session)] == ["parse", "chunk", "index"]


def test_no_steps_are_all_steps(database: Database, cases: list[UUID]):
    begin(database, REGISTRY, cases[:1])
    with database.read() as session:
        assert {step for _, step in rows(session)} == set(REGISTRY)


def test_cases_and_steps_chosen_twice_are_chosen_once(database: Database, cases: list[UUID]):
    begin(database, REGISTRY, [cases[1], cases[0], cases[1]], ["chunk", "parse", "chunk"])
    with database.read() as session:
        assert rows(session) == [(case, step) for case in (cases[1], cases[0]) for step in ("parse", "chunk")]


def test_a_batch_started_twice_under_one_id_is_one_batch(database: Database, cases: list[UUID]):
    """A job that starts its batch and dies is run again."""
    batch_id = uuid4()
    for chosen in (cases[:2], cases):
        with database.write() as session:
            batch = start_batch(session, REGISTRY, chosen, ["parse"], BatchOptions(), batch_id=batch_id)
            assert batch.id == batch_id
    with database.read() as session:
        assert [case for case, _ in rows(session)] == cases[:2]


def test_a_batch_keeps_its_options_and_who_started_it(database: Database, cases: list[UUID]):
    user = User(name="Ada")
    with database.write() as session:
        session.add(user)
    options = BatchOptions(chunk=ChunkOptions(size=500, overlap=7))
    with database.write() as session:
        batch = start_batch(session, REGISTRY, cases, [], options, user_id=user.id)
    with database.read() as session:
        found = session.get_one(Batch, batch.id)
    assert BatchOptions.model_validate(found.options) == options
    assert found.user_id == user.id


def test_a_case_that_does_not_exist_is_named(database: Database, cases: list[UUID]):
    unknown = [uuid4(), uuid4()]
    with pytest.raises(NotFound, match=rf"No case with id {unknown[0]}, {unknown[1]}; `casemill case list`"):
        begin(database, REGISTRY, [cases[0], *unknown])
    assert nothing_is_stored(database)


def test_a_step_that_does_not_exist_is_named_with_those_that_do(database: Database, cases: list[UUID]):
    with pytest.raises(StepNotRegistered, match=r"no step 'ocr'; the steps are parse, chunk, index, count"):
        begin(database, REGISTRY, cases, ["parse", "ocr"])
    assert nothing_is_stored(database)


def test_a_batch_needs_a_case(database: Database):
    with pytest.raises(EmptyBatch, match="choose cases, or import some first"):
        begin(database, REGISTRY, [])
    assert nothing_is_stored(database)


def test_cases_are_open_until_every_step_is_completed(database: Database, cases: list[UUID]):
    chosen = [cases[2], cases[0], cases[1]]
    batch_id = begin(database, REGISTRY, chosen, ["chunk"])
    with database.write() as session:
        for row in session.exec(select(CaseStep)):
            if row.case_id == cases[0] or (row.case_id == cases[2] and row.step == "parse"):
                row.state = StepState.COMPLETED
            elif row.case_id == cases[1]:
                row.state = StepState.FAILED
    with database.read() as session:
        assert open_cases(session, batch_id) == [cases[2], cases[1]]


def test_shards_hold_all_cases_in_order():
    cases = [uuid4() for _ in range(7)]
    assert sharded(cases, 3) == [cases[:3], cases[3:6], cases[6:]]
    assert sharded(cases, 100) == [cases]
    assert sharded([], 3) == []
