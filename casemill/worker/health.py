"""How the worker is, told with each of its heartbeats."""

import psutil
from prefect.events import emit_event

HEALTH = "casemill.worker.health"


def tell_health(resource: dict[str, str], slots: tuple[int, int | None], warm: dict[str, int]) -> None:
    """CPU and memory are the host's. slots: taken, and all there are on this worker, None for no limit."""
    memory = psutil.virtual_memory()
    emit_event(
        event=HEALTH,
        resource=resource,
        payload={
            "cpu_percent": psutil.cpu_percent(),
            "memory_used": memory.total - memory.available,
            "memory_total": memory.total,
            "slots_used": slots[0],
            "slots": slots[1],
            "fork_parents": warm,
        },
    )
