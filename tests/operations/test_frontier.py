"""Steps are handed out in an order that respects prerequisites, and a failed case never stops the others."""

import random
from collections.abc import Iterable
from uuid import UUID, uuid4

import pytest

from casemill.models import StepState
from casemill.operations.frontier import Frontier, Place
from casemill.steps.registry import Step
from tests.ledger import do_nothing

A, B, C = (UUID(int=number) for number in (1, 2, 3))
DIAMOND = [("parse", ()), ("chunk", ("parse",)), ("index", ("chunk",)), ("cite", ("chunk",))]


def plan_of(requires: Iterable[tuple[str, tuple[str, ...]]]) -> list[Step]:
    return [Step(name, name, do_nothing, required) for name, required in requires]


def all_pending(plan: list[Step], cases: list[UUID]) -> dict[Place, StepState]:
    return {(case, step.name): StepState.PENDING for case in cases for step in plan}


def frontier_of(cases: list[UUID], **states: StepState) -> Frontier:
    """Over parse -> chunk -> index, cite; states are those of the first case."""
    plan = plan_of(DIAMOND)
    known = all_pending(plan, cases) | {(cases[0], step): state for step, state in states.items()}
    return Frontier(plan, cases, known)


def finish(frontier: Frontier) -> list[Place]:
    """Everything it hands out when all goes well, one step at a time."""
    order: list[Place] = []
    while place := frontier.next():
        order.append(place)
        frontier.settle(place, completed=True)
    return order


def test_a_case_is_finished_before_the_next_is_begun():
    steps = ["parse", "chunk", "index", "cite"]
    assert finish(frontier_of([B, A])) == [(B, step) for step in steps] + [(A, step) for step in steps]


def test_the_next_case_is_begun_when_the_first_has_nothing_to_hand_out():
    frontier = frontier_of([A, B, C])
    assert [frontier.next() for _ in range(4)] == [(A, "parse"), (B, "parse"), (C, "parse"), None]
    frontier.settle((C, "parse"), completed=True)
    assert frontier.next() == (C, "chunk")
    frontier.settle((A, "parse"), completed=True)
    assert frontier.next() == (A, "chunk")


def test_what_depends_on_a_failed_step_is_not_handed_out_and_other_cases_go_on():
    frontier = frontier_of([A, B])
    assert frontier.next() == (A, "parse")
    frontier.settle((A, "parse"), completed=False)
    assert finish(frontier) == [(B, step) for step in ("parse", "chunk", "index", "cite")]
    assert frontier.waiting == 0


def test_two_steps_that_need_the_same_one_do_not_wait_for_each_other():
    frontier = frontier_of([A], parse=StepState.COMPLETED, chunk=StepState.COMPLETED)
    assert frontier.next() == (A, "index")
    frontier.settle((A, "index"), completed=False)
    assert frontier.next() == (A, "cite")


def test_completed_steps_are_not_handed_out_again():
    frontier = frontier_of([A], parse=StepState.COMPLETED)
    assert frontier.waiting == 3
    assert finish(frontier) == [(A, step) for step in ("chunk", "index", "cite")]


@pytest.mark.parametrize("state", [StepState.RUNNING, StepState.FAILED, StepState.BLOCKED])
def test_what_is_not_ours_to_run_holds_what_depends_on_it(state: StepState):
    assert finish(frontier_of([A], parse=StepState.COMPLETED, chunk=state)) == []


def test_a_step_that_is_not_in_the_ledger_is_not_handed_out():
    plan = plan_of(DIAMOND)
    assert finish(Frontier(plan, [A], {(A, "parse"): StepState.PENDING})) == [(A, "parse")]


def test_nothing_to_do_is_nothing_handed_out():
    assert Frontier([], [A], {}).next() is None
    assert Frontier(plan_of(DIAMOND), [], {}).next() is None


def ancestors(requires: dict[str, tuple[str, ...]], name: str) -> set[str]:
    return {found for above in requires[name] for found in (above, *ancestors(requires, above))}


@pytest.mark.parametrize("seed", range(60))
def test_whatever_fails_all_that_can_run_runs_once_and_in_order(seed: int):
    """Random steps with random prerequisites, random earlier states, random failures, several at once."""
    chance = random.Random(seed)
    names = [f"step {number}" for number in range(chance.randint(1, 7))]
    requires = {
        name: tuple(chance.sample(names[:place], chance.randint(0, min(place, 3))))
        for place, name in enumerate(names)
    }
    cases = [uuid4() for _ in range(chance.randint(1, 6))]
    fails = {(case, name) for case in cases for name in names if chance.random() < 0.2}
    earlier = {
        (case, name): chance.choices(list(StepState), weights=[6, 1, 3, 1, 1])[0]
        for case in cases
        for name in names
    }
    frontier = Frontier(plan_of(requires.items()), cases, earlier)
    assert frontier.waiting == sum(state == StepState.PENDING for state in earlier.values())
    completed = {place for place, state in earlier.items() if state == StepState.COMPLETED}
    handed_out: list[Place] = []
    running: list[Place] = []
    at_once = chance.randint(1, 4)
    while True:
        while len(running) < at_once and (place := frontier.next()):
            assert all((place[0], required) in completed for required in requires[place[1]])
            handed_out.append(place)
            running.append(place)
        if not running:
            break
        place = running.pop(chance.randrange(len(running)))
        frontier.settle(place, completed=place not in fails)
        if place not in fails:
            completed.add(place)

    def comes_to_be_completed(case: UUID, name: str) -> bool:
        state = earlier[case, name]
        return state == StepState.COMPLETED or (
            state == StepState.PENDING and (case, name) not in fails and can_run(case, name)
        )

    def can_run(case: UUID, name: str) -> bool:
        return all(comes_to_be_completed(case, required) for required in requires[name])

    expected = {place for place, state in earlier.items() if state == StepState.PENDING and can_run(*place)}
    assert len(handed_out) == len(set(handed_out))
    assert set(handed_out) == expected
    if at_once == 1:
        order = [cases.index(case) for case, _ in handed_out]
        assert order == sorted(order)
