"""A batch that is ordered: what cannot take part is skipped and says why; what is ordered twice is one."""

from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from sqlmodel import func, select

from casemill.access.actor import Actor
from casemill.db import Database
from casemill.errors import Refused
from casemill.models import Batch, CaseStep, Job, JobStatus, Role, Scope, StepState, User
from casemill.models.columns import utc_now
from casemill.operations.order_batch import BatchOrder, NothingToDo, Ordered, order_batch
from casemill.steps.chunking import ChunkOptions
from casemill.steps.options import BatchOptions
from casemill.steps.registry import StepNotRegistered
from casemill.workspace import Workspace
from tests.concurrency import at_once
from tests.conftest import NewOwner
from tests.ledger import chain_of, do_nothing

REGISTRY = chain_of(parse=do_nothing, chunk=do_nothing, index=do_nothing)
LATER = timedelta(minutes=1)


def new_actor(database: Database, name: str = "Ada") -> Actor:
    with database.write() as session:
        session.add(user := User(name=name, role=Role.OPERATOR, scope=Scope.OWN))
    return Actor.of(user, "token")


@pytest.fixture
def actor(database: Database) -> Actor:
    return new_actor(database)


@pytest.fixture
def cases(workspace: Workspace, new_case: NewOwner) -> list[UUID]:
    return [new_case(workspace, letter=f"letter {number}") for number in range(3)]


def order(database: Database, given: BatchOrder, actor: Actor, after: timedelta = timedelta()) -> Ordered:
    with database.write() as session:
        return order_batch(session, REGISTRY, given, actor, utc_now() + after)


def batches(database: Database) -> int:
    with database.read() as session:
        return session.exec(select(func.count()).select_from(Batch)).one()


def test_steps_get_what_they_require(database: Database, cases: list[UUID], actor: Actor):
    ordered = order(database, BatchOrder(cases, ["chunk"], priority=4), actor)
    assert (ordered.batch.steps, ordered.batch.priority) == (["parse", "chunk"], 4)
    assert (ordered.choice.added, ordered.choice.skipped, ordered.is_new) == (cases, [], True)


def test_a_case_that_cannot_take_part_is_skipped_with_the_reason(
    database: Database, cases: list[UUID], actor: Actor, new_case: NewOwner
):
    unknown, empty = uuid4(), new_case(database)
    choice = order(database, BatchOrder([cases[0], unknown, empty, cases[0]]), actor).choice
    assert choice.added == [cases[0]]
    assert [(skipped.case_id, skipped.reason) for skipped in choice.skipped] == [
        (unknown, "There is no such case"),
        (empty, "It has no documents; upload some first"),
        (cases[0], "It was given twice"),
    ]


def test_a_case_that_another_batch_is_at_is_skipped(database: Database, cases: list[UUID], actor: Actor):
    first = order(database, BatchOrder(cases[:2], ["index"]), actor).batch.id
    choice = order(database, BatchOrder(cases, ["chunk"]), actor, LATER).choice
    assert choice.added == cases[2:]
    assert [skipped.case_id for skipped in choice.skipped] == cases[:2]
    assert choice.skipped[0].reason == f"It is part of batch {first} already, which is pending"


def test_another_users_batch_goes_unnamed(database: Database, cases: list[UUID], actor: Actor):
    theirs = order(database, BatchOrder(cases[:1]), new_actor(database, "Ben")).batch.id
    choice = order(database, BatchOrder(cases), actor).choice
    assert choice.skipped[0].reason == "It is part of another user's batch already, which is pending"
    assert str(theirs) not in choice.skipped[0].reason


def test_a_batch_with_fewer_steps_keeps_no_case_from_another(
    database: Database, cases: list[UUID], actor: Actor
):
    order(database, BatchOrder(cases, ["parse"]), actor)
    assert order(database, BatchOrder(cases, ["chunk"]), actor).choice.added == cases


@pytest.mark.parametrize("status", [JobStatus.CANCELLED, JobStatus.FAILED])
def test_a_batch_that_stopped_keeps_no_case_from_another(
    database: Database, cases: list[UUID], actor: Actor, status: JobStatus
):
    stopped = order(database, BatchOrder(cases), actor).batch.id
    with database.write() as session:
        job = Job(id=uuid4(), status=status, batch_id=stopped, created_at=utc_now(), finished_at=utc_now())
        session.add(job)
    assert order(database, BatchOrder(cases), actor).is_new


def test_a_case_that_a_running_batch_is_through_with_can_begin_again(
    database: Database, cases: list[UUID], actor: Actor
):
    order(database, BatchOrder(cases), actor)
    with database.write() as session:
        for row in session.exec(select(CaseStep).where(CaseStep.case_id == cases[0])):
            row.state = StepState.COMPLETED
            session.add(row)
    assert order(database, BatchOrder(cases), actor, LATER).choice.added == cases[:1]


def test_nothing_left_says_why_of_each_case(database: Database, actor: Actor):
    unknown = uuid4()
    with pytest.raises(NothingToDo, match=f"{unknown}: There is no such case"):
        order(database, BatchOrder([unknown]), actor)
    assert batches(database) == 0


def test_an_unknown_step_is_named(database: Database, cases: list[UUID], actor: Actor):
    with pytest.raises(StepNotRegistered, match="no step 'ocr'"):
        order(database, BatchOrder(cases, ["ocr"]), actor)


def test_the_same_key_is_the_same_batch_however_much_later(
    database: Database, cases: list[UUID], actor: Actor
):
    unknown = uuid4()
    given = BatchOrder([*cases, unknown, cases[0]], key="monday")
    first, second = order(database, given, actor), order(database, given, actor, timedelta(days=9))
    assert (first.is_new, second.is_new) == (True, False)
    assert second.batch.id == first.batch.id
    assert second.choice.added == cases
    assert {skipped.case_id for skipped in second.choice.skipped} == {unknown, cases[0]}


@pytest.mark.parametrize(
    "change",
    [
        {"steps": ["parse"]},
        {"priority": 1},
        {"options": BatchOptions(chunk=ChunkOptions(size=500, overlap=7))},
    ],
    ids=["steps", "priority", "options"],
)
def test_a_key_of_another_order_is_refused(
    database: Database, cases: list[UUID], actor: Actor, change: dict[str, object]
):
    order(database, BatchOrder(cases, key="monday"), actor)
    with pytest.raises(Refused, match="use a new key for a new batch"):
        order(database, BatchOrder(cases, key="monday", **change), actor)
    with pytest.raises(Refused, match="use a new key for a new batch"):
        order(database, BatchOrder(cases[1:], key="monday"), actor)


def test_a_key_is_the_users_own(database: Database, cases: list[UUID], actor: Actor):
    mine = order(database, BatchOrder(cases[:1], key="monday"), actor).batch.id
    theirs = order(database, BatchOrder(cases[1:], key="monday"), new_actor(database, "Ben")).batch.id
    assert mine != theirs


def test_a_double_click_is_one_batch(database: Database, cases: list[UUID], actor: Actor):
    given = BatchOrder([*cases, uuid4()])
    first, second = order(database, given, actor), order(database, given, actor)
    assert second.batch.id == first.batch.id
    assert not second.is_new


def test_the_same_order_later_is_no_double_click(database: Database, cases: list[UUID], actor: Actor):
    """The cases are still at work, so it says so."""
    order(database, BatchOrder(cases), actor)
    with pytest.raises(NothingToDo, match="which is pending"):
        order(database, BatchOrder(cases), actor, LATER)


def test_another_order_at_the_same_time_is_no_double_click(
    database: Database, cases: list[UUID], actor: Actor
):
    first = order(database, BatchOrder(cases[:1]), actor)
    second = order(database, BatchOrder(cases), actor)
    assert second.is_new
    assert (first.choice.added, second.choice.added) == (cases[:1], cases[1:])


@pytest.mark.parametrize("key", ["monday", None])
def test_orders_that_race_are_one_batch(database: Database, cases: list[UUID], actor: Actor, key: str | None):
    found = at_once(4, lambda _: order(database, BatchOrder(cases, key=key), actor))
    assert len({ordered.batch.id for ordered in found}) == 1
    assert sum(ordered.is_new for ordered in found) == 1
    assert batches(database) == 1


def test_of_two_users_who_race_for_a_case_one_has_it(database: Database, cases: list[UUID]):
    actors = [new_actor(database, name) for name in ("Ada", "Ben")]

    def try_it(number: int) -> int:
        try:
            return len(order(database, BatchOrder(cases), actors[number]).choice.added)
        except NothingToDo:
            return 0

    assert sorted(at_once(2, try_it)) == [0, 3]
