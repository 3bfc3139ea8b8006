"""The steps there are, and the order they need."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter
from typing import TYPE_CHECKING, Any

from casemill.db import TRANSIENT
from casemill.errors import CasemillError
from casemill.search.contract import SearchUnavailable
from casemill.storage.contract import StorageUnavailable

if TYPE_CHECKING:
    from casemill.steps.context import StepContext

StepFunction = Callable[["StepContext"], None]


class StepNotRegistered(CasemillError):
    pass


class BadPrerequisites(CasemillError):
    pass


@dataclass(frozen=True)
class RetryPolicy:
    """How often a step is tried again, and after which errors: only those that may pass by themselves."""

    retries: int = 3
    first_delay_seconds: float = 2
    transient: tuple[type[Exception], ...] = (*TRANSIENT, StorageUnavailable, SearchUnavailable)

    @property
    def delays(self) -> list[float]:
        return [self.first_delay_seconds * 3**n for n in range(self.retries)]

    def applies_to(self, error: object) -> bool:
        return isinstance(error, self.transient)

    @property
    def task_options(self) -> dict[str, Any]:
        """The same as options of a Prefect task, with jitter so that those that failed together part."""

        def is_worth_it(_task: object, _run: object, state: Any) -> bool:
            return self.applies_to(state.data)

        return {
            "retries": self.retries,
            "retry_delay_seconds": self.delays,
            "retry_jitter_factor": 0.5,
            "retry_condition_fn": is_worth_it,  # Prefect takes plain functions only, no methods
        }


@dataclass(frozen=True)
class Step:
    """One named stage of a case's extraction. Running it twice gives the same result once.

    timeout_seconds is for one try over all documents of the case, and is looked at whenever the step saves;
    a single document is held to the limits of extraction.
    """

    name: str
    title: str
    run: StepFunction
    requires: tuple[str, ...] = ()
    retry: RetryPolicy = field(default_factory=RetryPolicy)
    timeout_seconds: float = 24 * 3600


class StepRegistry(Mapping[str, Step]):
    """Steps by name. Each step's file registers itself with the decorator `registry.step`."""

    def __init__(self) -> None:
        self._steps: dict[str, Step] = {}

    def __getitem__(self, name: str) -> Step:
        try:
            return self._steps[name]
        except KeyError:
            raise StepNotRegistered(
                f"There is no step {name!r}; the steps are {', '.join(self._steps)}"
            ) from None

    def __iter__(self) -> Iterator[str]:
        return iter(self._steps)

    def __len__(self) -> int:
        return len(self._steps)

    def step(
        self,
        name: str,
        title: str,
        requires: Iterable[str] = (),
        retry: RetryPolicy | None = None,
        timeout_seconds: float = Step.timeout_seconds,
    ) -> Callable[[StepFunction], StepFunction]:
        def register(run: StepFunction) -> StepFunction:
            if name in self._steps:
                raise BadPrerequisites(f"Two steps are named {name!r}; rename one")
            policy = retry or RetryPolicy()
            self._steps[name] = Step(name, title, run, tuple(requires), policy, timeout_seconds)
            return run

        return register

    def plan(self, names: Iterable[str]) -> tuple[Step, ...]:
        """The steps asked for and all they require, in an order that respects that."""
        wanted: dict[str, Step] = {}
        asked = list(names)
        while asked:
            name = asked.pop()
            if name not in wanted:
                wanted[name] = self[name]
                asked.extend(self._required_by(wanted[name]))
        return tuple(wanted[name] for name in self._in_order(wanted))

    def dependents(self, name: str) -> set[str]:
        """All steps that cannot run when this one has failed."""
        found = {step.name for step in self._steps.values() if name in step.requires}
        return found.union(*(self.dependents(other) for other in found))

    def check(self) -> None:
        """Raises BadPrerequisites for a prerequisite that does not exist or a circle."""
        for step in self._steps.values():
            self._required_by(step)
        self._in_order(self._steps)

    def _required_by(self, step: Step) -> tuple[str, ...]:
        if missing := [name for name in step.requires if name not in self._steps]:
            raise BadPrerequisites(
                f"Step {step.name!r} requires {', '.join(missing)}, which is not registered"
            )
        return step.requires

    def _in_order(self, steps: Mapping[str, Step]) -> list[str]:
        registered = list(self._steps)
        sorter = TopologicalSorter(
            {name: steps[name].requires for name in sorted(steps, key=registered.index)}
        )
        try:
            return list(sorter.static_order())
        except CycleError as error:
            circle = " -> ".join(error.args[1])
            raise BadPrerequisites(f"Steps require each other in a circle: {circle}") from error


REGISTRY = StepRegistry()
step = REGISTRY.step
