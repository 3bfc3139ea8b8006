"""One light for the workers: green, yellow or red, and why."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from casemill.models import Worker
from casemill.monitoring.durations import clock, in_words
from casemill.monitoring.worker_health import health_of

LATE = timedelta(seconds=75)
"""Workers are heard every 30 s; after 90 Prefect calls them offline."""

LONG_WAIT = timedelta(minutes=5)
_RECORDER_SILENT = timedelta(seconds=30)


class Colour(StrEnum):
    GREEN = "green"  # active and healthy
    YELLOW = "yellow"  # busy with the queue growing, unwell, or not heard as it should be
    RED = "red"  # none is online


@dataclass(frozen=True, slots=True)
class Load:
    """What the workers have to do.

    longest_wait is of the first in turn, None if nothing waits that its own queue would let go; grown_by says
    by how many more jobs wait than did LONG_WAIT ago.
    """

    running: int = 0
    limit: int | None = None
    waiting: int = 0
    grown_by: int = 0
    longest_wait: timedelta | None = None
    pool_paused: bool = False

    @property
    def is_full(self) -> bool:
        return self.limit is not None and self.running >= self.limit


@dataclass(frozen=True, slots=True)
class Light:
    colour: Colour
    reason: str
    online: int
    last_heartbeat_at: datetime | None


def worker_light(
    workers: Sequence[Worker], load: Load, recorder_seen_at: datetime | None, now: datetime
) -> Light:
    """Decides from rows alone; the first that applies, the worst first."""
    online = [worker for worker in workers if worker.online]
    heard = max((worker.last_heartbeat_at for worker in workers if worker.last_heartbeat_at), default=None)
    colour, reason = _colour(online, load, heard, recorder_seen_at, now)
    return Light(colour, reason, len(online), heard)


def _colour(
    online: Sequence[Worker],
    load: Load,
    heard: datetime | None,
    recorder_seen_at: datetime | None,
    now: datetime,
) -> tuple[Colour, str]:
    if recorder_seen_at is None or now - recorder_seen_at > _RECORDER_SILENT:
        since = f"since {clock(recorder_seen_at, now)}" if recorder_seen_at else "yet"
        colour = Colour.YELLOW if online else Colour.RED
        return colour, f"The recorder has not been seen {since}: how workers are now is not known"
    if not online:
        last = f"the last was heard {in_words(now - heard)} ago" if heard else "none was ever heard"
        held = f", {_jobs(load.waiting)} wait" if load.waiting else ""
        return Colour.RED, f"No worker is online: {last}{held}"
    latest = max((worker.last_heartbeat_at for worker in online if worker.last_heartbeat_at), default=None)
    if latest is None or now - latest > LATE:
        since = f"for {in_words(now - latest)}" if latest else "at all"
        return Colour.YELLOW, f"No worker has been heard {since}; one that is well is heard every 30 s"
    for worker in online:
        if (health := health_of(worker, now)) and health.trouble:
            return Colour.YELLOW, f"Worker {worker.name} {health.trouble}"
    if load.pool_paused:
        return Colour.GREEN, f"{_workers(len(online))} online; the queue is paused"
    long_wait = load.longest_wait is not None and load.longest_wait > LONG_WAIT
    if load.is_full and long_wait:
        said = (
            f"the next of {load.waiting} that wait has waited for {in_words(load.longest_wait or LONG_WAIT)}"
        )
        return Colour.YELLOW, f"All {load.limit} places are taken and {said}"
    if load.is_full and load.grown_by > 0:
        said = f"{load.grown_by} more jobs wait than {in_words(LONG_WAIT)} ago"
        return Colour.YELLOW, f"All {load.limit} places are taken and {said}"
    if long_wait:
        said = f"a job has waited for {in_words(load.longest_wait or LONG_WAIT)} though a place is free"
        return Colour.YELLOW, f"{_workers(len(online))} online, but {said}"
    return Colour.GREEN, f"{_workers(len(online))} online; {_jobs(load.running)} running"


def _jobs(count: int) -> str:
    return f"{count} job{'s' * (count != 1)}"


def _workers(count: int) -> str:
    return f"{count} worker{'s are' if count != 1 else ' is'}"
