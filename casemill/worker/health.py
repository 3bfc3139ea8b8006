"""How the worker is, told with each heartbeat, and at once when it can start runs or cannot any more."""

from collections.abc import Callable

import psutil
from prefect.events import RelatedResource, emit_event

from casemill.local.memory import memory_use

HEALTH = "casemill.worker.health"


class Health:
    """Nothing is said before it tried to have something to fork from: that takes seconds and is no trouble.

    slots: taken, and all there are on this worker, None for no limit. CPU is the host's, memory
    the host's or that of the container that the worker is in.
    """

    def __init__(
        self, slots: Callable[[], tuple[int, int | None]], fork_parents: Callable[[], dict[str, int]]
    ) -> None:
        self._slots = slots
        self._fork_parents = fork_parents
        self._told: tuple[int, int] | None = None
        self._is_known = False
        psutil.cpu_percent()  # what is told is since it was asked last

    def is_news(self) -> bool:
        """To be asked when what there is to fork from was looked after."""
        self._is_known = True
        return self._told != self._standing()

    def tell(self, resource: dict[str, str], related: list[RelatedResource]) -> None:
        if not self._is_known:
            return
        self._told = self._standing()
        memory, (used, slots) = memory_use(), self._slots()
        emit_event(
            event=HEALTH,
            resource=resource,
            related=related,
            payload={
                "cpu_percent": psutil.cpu_percent(),
                "memory_used": memory.used,
                "memory_total": memory.total,
                "slots_used": used,
                "slots": slots,
                "fork_parents": self._fork_parents(),
            },
        )

    def _standing(self) -> tuple[int, int]:
        parents = self._fork_parents()
        return parents["warm"], parents["missing"]
