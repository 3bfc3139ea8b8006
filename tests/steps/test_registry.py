"""The registry knows the steps and the order they need, and says clearly what is wrong with them."""

import random

import pytest

from casemill.search.contract import SearchBroken, SearchUnavailable
from casemill.steps.all import REGISTRY
from casemill.steps.registry import (
    BadPrerequisites,
    RetryPolicy,
    StepNotRegistered,
    StepRegistry,
)
from casemill.storage.contract import StorageRefused, StorageUnavailable
from tests.ledger import do_nothing, registry_of


def names(registry: StepRegistry, *wanted: str) -> list[str]:
    return [step.name for step in registry.plan(wanted)]


def test_the_steps_there_are():
    assert names(REGISTRY, *REGISTRY) == ["parse", "chunk", "citations", "index"]
    REGISTRY.check()


def test_a_step_registers_itself():
    registry = StepRegistry()
    policy = RetryPolicy(retries=7)

    @registry.step("ocr", "Text of scans", requires=["parse"], retry=policy)
    def ocr(context) -> None:
        pass

    found = registry["ocr"]
    assert (found.name, found.title, found.run, found.requires, found.retry) == (
        "ocr",
        "Text of scans",
        ocr,
        ("parse",),
        policy,
    )
    assert (list(registry), len(registry), "ocr" in registry) == (["ocr"], 1, True)


def test_an_unknown_step_is_named_with_those_there_are():
    registry = registry_of(parse=(), chunk=("parse",))
    for ask in (lambda: registry["ocr"], lambda: registry.plan(["chunk", "ocr"])):
        with pytest.raises(StepNotRegistered, match="There is no step 'ocr'; the steps are parse, chunk"):
            ask()


def test_a_plan_adds_what_is_required_and_puts_it_first():
    registry = registry_of(index=("chunk",), chunk=("parse",), parse=(), unrelated=())
    assert names(registry, "index") == ["parse", "chunk", "index"]
    assert names(registry, "index", "parse") == ["parse", "chunk", "index"]


def test_steps_that_do_not_need_each_other_keep_the_order_of_registration():
    registry = registry_of(d=(), b=(), c=(), a=())
    assert names(registry, "a", "b", "c", "d") == ["d", "b", "c", "a"]
    assert names(registry, "d", "c", "b", "a") == ["d", "b", "c", "a"]


def test_a_plan_of_nothing_is_empty():
    assert REGISTRY.plan([]) == ()


@pytest.mark.parametrize("seed", range(30))
def test_in_every_plan_each_step_comes_once_and_after_what_it_requires(seed: int):
    chance = random.Random(seed)
    steps = [f"s{number}" for number in range(chance.randint(1, 12))]
    requires = {
        step: tuple(chance.sample(steps[:place], chance.randint(0, min(3, place))))
        for place, step in enumerate(steps)
    }
    shuffled = dict(chance.sample(list(requires.items()), len(steps)))
    wanted = chance.sample(steps, chance.randint(1, len(steps)))
    order = names(registry_of(**shuffled), *wanted)
    assert len(order) == len(set(order))
    assert set(wanted) <= set(order)
    for place, step in enumerate(order):
        assert set(requires[step]) <= set(order[:place])


def test_a_missing_prerequisite_is_named():
    registry = registry_of(chunk=("parse", "ocr"), parse=())
    for ask in (registry.check, lambda: registry.plan(["chunk"])):
        with pytest.raises(BadPrerequisites, match="Step 'chunk' requires ocr, which is not registered"):
            ask()


def test_steps_that_require_each_other_are_named():
    registry = registry_of(a=("c",), b=("a",), c=("b",), d=())
    for ask in (registry.check, lambda: registry.plan(["b"])):
        with pytest.raises(BadPrerequisites, match=r"require each other in a circle: (\w) -> \w -> \w -> \1"):
            ask()
    assert names(registry, "d") == ["d"]


def test_a_step_that_requires_itself_is_a_circle():
    with pytest.raises(BadPrerequisites, match="circle: a -> a"):
        registry_of(a=("a",)).check()


def test_two_steps_cannot_have_one_name():
    registry = registry_of(parse=())
    with pytest.raises(BadPrerequisites, match="Two steps are named 'parse'; rename one"):
        registry.step("parse", "Another")(do_nothing)


def test_dependents_are_all_that_cannot_run_without_a_step():
    registry = registry_of(parse=(), chunk=("parse",), index=("chunk",), show=("index", "count"), count=())
    assert registry.dependents("parse") == {"chunk", "index", "show"}
    assert registry.dependents("count") == {"show"}
    assert registry.dependents("show") == set()


def test_only_what_may_pass_by_itself_is_worth_another_try():
    policy = RetryPolicy()
    assert policy.applies_to(StorageUnavailable("away"))
    assert policy.applies_to(SearchUnavailable("locked"))
    for error in (StorageRefused("password"), SearchBroken("damaged"), ValueError(), KeyboardInterrupt()):
        assert not policy.applies_to(error)


def test_each_try_waits_longer_than_the_one_before():
    assert RetryPolicy(retries=4, first_delay_seconds=1).delays == [1, 3, 9, 27]
    assert RetryPolicy(retries=0).delays == []
