"""Which step to run next: as few cases open at a time as keep everybody busy."""

from collections.abc import Iterable, Mapping, Sequence
from uuid import UUID

from casemill.models import StepState
from casemill.steps.registry import Step

Place = tuple[UUID, str]
"""A case and the name of a step."""


class Frontier:
    """The open steps of some cases, handed out in an order that respects prerequisites.

    Cases are finished one after the other (the first that has something to do goes first), so results
    come early and a stopped batch leaves few cases half done.
    """

    def __init__(
        self, plan: Sequence[Step], case_ids: Iterable[UUID], states: Mapping[Place, StepState]
    ) -> None:
        # A batch knows the steps it began with; what a later version requires beyond them it never had.
        planned = {step.name for step in plan}
        self._requires = {step.name: planned.intersection(step.requires) for step in plan}
        self._completed = {place for place, state in states.items() if state == StepState.COMPLETED}
        self._waiting = [
            (case, step.name)
            for case in case_ids
            for step in plan
            if states.get((case, step.name)) == StepState.PENDING
        ]

    @property
    def waiting(self) -> int:
        """How many steps may still be handed out."""
        return len(self._waiting)

    def next(self) -> Place | None:
        """A step whose prerequisites are completed, or None until one of those handed out is settled."""
        for place in self._waiting:
            case, name = place
            if all((case, required) in self._completed for required in self._requires[name]):
                self._waiting.remove(place)
                return place
        return None

    def settle(self, place: Place, *, completed: bool) -> None:
        """What became of a step handed out. Without it completed, what depends on it is never handed out."""
        if completed:
            self._completed.add(place)
            return
        case, name = place
        for dependent in [(case, step) for step, required in self._requires.items() if name in required]:
            if dependent in self._waiting:
                self._waiting.remove(dependent)
                self.settle(dependent, completed=False)
