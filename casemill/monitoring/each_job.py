"""The same thing asked of many jobs: each answers for itself, and none stops the others."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass
from itertools import islice
from uuid import UUID

from casemill.errors import CasemillError, Unavailable

_AT_ONCE = 4  # enough to keep a server busy on the machine that it shares with us
_PORTION = 100


@dataclass(frozen=True, slots=True)
class JobResult:
    """detail is a sentence: what was done, or why not."""

    job_id: UUID
    done: bool
    detail: str


def each_job(job_ids: Iterable[UUID], act: Callable[[UUID], object], done: str) -> Iterator[JobResult]:
    """In the order given, as they come. Once Prefect or the database is away, the rest is not tried.

    Takes what is next only when it needs it, so that ids can come from a query however many they are.
    """
    waiting, away = iter(job_ids), list[str]()
    with ThreadPoolExecutor(_AT_ONCE, "each-job") as threads:
        while portion := list(islice(waiting, _PORTION)):
            # In the caller's context: it may hold the settings that say where Prefect is
            asked = [threads.submit(copy_context().run, _try, act, done, away, job_id) for job_id in portion]
            for result in asked:
                yield result.result()


def _try(act: Callable[[UUID], object], done: str, away: list[str], job_id: UUID) -> JobResult:
    if away:
        return JobResult(job_id, False, f"Not tried: {away[0]}")
    try:
        act(job_id)
    except Unavailable as unavailable:
        away.append(str(unavailable))
        return JobResult(job_id, False, str(unavailable))
    except CasemillError as refused:
        return JobResult(job_id, False, str(refused))
    return JobResult(job_id, True, done)
