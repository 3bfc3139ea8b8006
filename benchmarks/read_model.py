"""How long lists, searches and statistics take at a million attempts, and by which plans.

    python benchmarks/read_model.py [--jobs 100000 --attempts 1000000 --repeats 20] [--json]

Fills a new database with made-up jobs, on SQLite and on PostgreSQL (a server of its own, as in the tests),
and calls what the endpoints call, as an admin and as an operator who sees only their own. A plan that reads a
big table from one end to the other ends it with exit status 1. A fixed seed makes two runs comparable.
"""

import argparse
import json
import logging
import re
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy import event
from sqlmodel import Session

from casemill.db import Database
from casemill.models import AttemptStatus, JobStatus, JobType
from casemill.monitoring.job_history import count_same_error
from casemill.monitoring.job_queries import JobFilter, JobSort, count_jobs, jobs
from casemill.monitoring.last_runs import last_runs
from casemill.monitoring.periods import Period
from casemill.monitoring.rollups import tally_by_function, tally_by_time
from casemill.monitoring.task_queries import Cursor, TaskFilter, newest_attempts, tasks, tasks_from

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.made_up_jobs import BUSY_DAYS, DAYS, OPERATOR, USERS, fill

SMALL = 50_000  # jobs; with fewer, PostgreSQL rightly reads all of them and needs to be asked for the index
BIG = "jobs|task_attempts|job_texts|attempt_hours"
LONGEST_LINE = 150  # of a plan: PostgreSQL spells out all ids of a page

Question = Callable[[Session], object]


def questions(
    database: Database, ids: dict[str, UUID], job_count: int, attempt_count: int, now: datetime
) -> dict[str, Question]:
    """What the endpoints ask, by name."""
    found: dict[str, Question] = {}
    with database.read() as session:
        some = jobs(session, JobFilter(types=(JobType.EXTRACTION,), user_id=ids[OPERATOR]))[0]
        failed_job = jobs(session, JobFilter((JobStatus.FAILED,)))[0]

    def ask_jobs(name: str, wanted: JobFilter, sort: JobSort = JobSort.NEWEST, page: int = 1) -> None:
        found[f"jobs: {name}"] = lambda session: jobs(session, wanted, sort, page)

    def ask_both(name: str, wanted: JobFilter) -> None:
        ask_jobs(name, wanted)
        found[f"jobs total: {name}"] = lambda session: count_jobs(session, wanted)

    def ask_tasks(name: str, wanted: TaskFilter, page: int = 1) -> None:
        found[f"tasks: {name}"] = lambda session: tasks(session, wanted, page)

    week = now - timedelta(days=7)
    month = now - timedelta(days=BUSY_DAYS)
    operator = ids[OPERATOR]
    for who, only_of, share in (("admin", None, 1.0), ("operator", operator, USERS[OPERATOR] * 0.94)):
        last = max(int(job_count * share) // 50, 1)
        for sort in JobSort:
            ask_jobs(f"{who}, sort {sort}", JobFilter(only_of=only_of), sort)
            ask_jobs(f"{who}, sort {sort}, last page", JobFilter(only_of=only_of), sort, last)
        filters = {
            "everything": JobFilter(only_of=only_of),
            "status failed": JobFilter((JobStatus.FAILED,), only_of=only_of),
            "status completed": JobFilter((JobStatus.COMPLETED,), only_of=only_of),
            "status running, pending": JobFilter((JobStatus.RUNNING, JobStatus.PENDING), only_of=only_of),
            "status completed, failed": JobFilter((JobStatus.COMPLETED, JobStatus.FAILED), only_of=only_of),
            "type trial": JobFilter(types=(JobType.TRIAL,), only_of=only_of),
            "type extraction, trial": JobFilter(types=(JobType.EXTRACTION, JobType.TRIAL), only_of=only_of),
            "user": JobFilter(user_id=operator, only_of=only_of),
            "batch": JobFilter(batch_id=some.batch_id, only_of=only_of),
            "created within a week": JobFilter(created_from=week, created_to=now, only_of=only_of),
            "status, type, user, a month": JobFilter(
                (JobStatus.FAILED,), (JobType.EXTRACTION,), operator, None, month, now, only_of=only_of
            ),
            "q common (extraction)": JobFilter(text="extraction", only_of=only_of),
            "q common (model endpoint)": JobFilter(text="Model endpoint", only_of=only_of),
            "q rare": JobFilter(text=f"{job_count // 3}.pdf is password", only_of=only_of),
            "q three characters": JobFilter(text="lyn", only_of=only_of),
            "q nowhere": JobFilter(text="nobody wrote this", only_of=only_of),
            "q beginning of an id": JobFilter(text=str(some.id)[:8], only_of=only_of),
            "q whole id": JobFilter(text=str(some.id), only_of=only_of),
            "q user's name": JobFilter(text="keller", only_of=only_of),
            "q common, status, type, a week": JobFilter(
                (JobStatus.COMPLETED,), (JobType.EXTRACTION,), None, "extraction", week, now, only_of=only_of
            ),
        }
        for name, wanted in filters.items():
            ask_both(f"{who}, {name}", wanted)
        common = JobFilter(text="extraction", only_of=only_of)
        ask_jobs(f"{who}, q common, page 100", common, JobSort.NEWEST, max(last // 5, 1))
        ask_jobs(f"{who}, q common, sort -progress", common, JobSort.MOST_PROGRESS)
        ask_jobs(
            f"{who}, failed, sort -progress",
            JobFilter((JobStatus.FAILED,), only_of=only_of),
            JobSort("-progress"),
        )
        ask_jobs(
            f"{who}, type trial, sort status",
            JobFilter(types=(JobType.TRIAL,), only_of=only_of),
            JobSort("status"),
        )

        mine = TaskFilter(only_of=only_of)
        ask_tasks(f"{who}, everything", mine)
        ask_tasks(f"{who}, page 2000", mine, min(2000, max(int(attempt_count * share) // 50, 1)))
        for status in AttemptStatus:
            ask_tasks(f"{who}, status {status}", replace(mine, status=status))
        for function in ("parse_document", "sync_owner"):
            named = replace(mine, function=function)
            ask_tasks(f"{who}, name {function}", named)
            ask_tasks(f"{who}, name {function}, failed", replace(named, status=AttemptStatus.FAILED))
            ask_tasks(f"{who}, name {function}, paused", replace(named, status=AttemptStatus.PAUSED))
        ask_tasks(f"{who}, within a week", replace(mine, created_from=week, created_to=now))
        ask_tasks(f"{who}, name, before a month", replace(mine, function="send_mail", created_to=month))
        ask_tasks(f"{who}, of a job", replace(mine, job_id=some.id))
        for where, at in (("middle", now - timedelta(days=15)), ("end", now - timedelta(days=DAYS - 0.01))):
            for way in (True, False):
                place = Cursor(way, at, attempt_count // 2)
                name = f"tasks: {who}, {'before' if way else 'after'} a cursor in the {where}"
                found[name] = lambda session, mine=mine, place=place: tasks_from(session, mine, place)
                failed = replace(mine, function="index_document", status=AttemptStatus.FAILED)
                found[f"{name}, name, failed"] = lambda session, wanted=failed, place=place: tasks_from(
                    session, wanted, place
                )
        found[f"other jobs with the same error: {who}"] = lambda session, only_of=only_of: count_same_error(
            session, failed_job, only_of
        )
    found["last runs"] = lambda session: last_runs(session, [UUID(int=number) for number in range(6)])
    found["attempts of a job"] = lambda session: newest_attempts(session, some.id, 200)
    for period in Period:
        since = now - period.span
        found[f"stats: {period}"] = lambda session, since=since: tally_by_function(session, since, now)
        found[f"throughput: {period}"] = lambda session, since=since, size=period.bucket: tally_by_time(
            session, since, now, size
        )
    return found


@dataclass
class Measured:
    seconds: list[float]
    plans: list[str] = field(default_factory=list[str])

    def milliseconds(self, percent: int) -> float:
        cuts = (
            statistics.quantiles(self.seconds, n=100, method="inclusive") if len(self.seconds) > 1 else None
        )
        return round((cuts[percent - 1] if cuts else self.seconds[0]) * 1000, 2)

    def full_scans(self) -> list[str]:
        """Lines of plans by which a big table is read from one end to the other without an index."""
        bad = re.compile(
            rf"^SCAN ({BIG})\b(?!.*USING)|^SCAN job_texts_fts VIRTUAL TABLE INDEX \d+:$|Seq Scan on ({BIG})\b"
        )
        return [line for line in self.plans if bad.search(line.strip().removeprefix("->").strip())]


def measure(database: Database, question: Question, repeats: int, is_small: bool) -> Measured:
    seconds: list[float] = []
    for turn in range(repeats + 1):
        start = time.perf_counter()
        with database.read() as session:
            question(session)
        if turn:  # the first one warms up
            seconds.append(time.perf_counter() - start)
    return Measured(seconds, plans(database, question, is_small))


def plans(database: Database, question: Question, is_small: bool) -> list[str]:
    asked: list[tuple[str, Any]] = []

    def note(_c: Any, _cursor: Any, statement: str, parameters: Any, _context: Any, _many: bool) -> None:
        asked.append((statement, parameters))

    with noted(database, note), database.read() as session:
        question(session)
    found: list[str] = []
    is_sqlite = database.engine.dialect.name == "sqlite"
    with database.read() as session:
        connection = session.connection()
        if is_small and not is_sqlite:
            connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
        for statement, parameters in asked:
            prefix = "EXPLAIN QUERY PLAN " if is_sqlite else "EXPLAIN (COSTS OFF) "
            rows = connection.exec_driver_sql(prefix + statement, parameters)
            found.extend(str(row[3] if is_sqlite else row[0])[:LONGEST_LINE] for row in rows)
    return found


@contextmanager
def noted(database: Database, note: Callable[..., None]) -> Iterator[None]:
    event.listen(database.engine, "before_cursor_execute", note)
    try:
        yield
    finally:
        event.remove(database.engine, "before_cursor_execute", note)


def run(url: str, job_count: int, attempt_count: int, repeats: int, only: str) -> dict[str, Measured]:
    database = Database(url)
    now = datetime.now(UTC)
    start = time.perf_counter()
    ids = fill(database, job_count, attempt_count, now)
    tell(f"{database.engine.dialect.name}: filled in {time.perf_counter() - start:.0f} s")
    asked = questions(database, ids, job_count, attempt_count, now)
    results = {
        name: measure(database, question, repeats, job_count < SMALL)
        for name, question in asked.items()
        if only in name
    }
    database.close()
    return results


def tell(said: str) -> None:
    print(said, file=sys.stderr, flush=True)


def report(results: dict[str, dict[str, Measured]]) -> None:
    for database, found in results.items():
        print(f"\n{database}\n{'p50 ms':>9} {'p95 ms':>9}")
        for name, measured in found.items():
            print(f"{measured.milliseconds(50):9.2f} {measured.milliseconds(95):9.2f}  {name}")
            for line in measured.plans:
                print(f"{'':23}{line}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--jobs", type=int, default=100_000)
    parser.add_argument("--attempts", type=int, default=1_000_000)
    parser.add_argument("--repeats", type=int, default=20, help="of each query")
    parser.add_argument("--only", default="", help="queries with this in their name")
    parser.add_argument("--database", choices=("sqlite", "postgresql"), help="only this one")
    parser.add_argument("--json", action="store_true", help="print p95 in milliseconds as JSON")
    asked = parser.parse_args()
    logging.disable(logging.INFO)
    results: dict[str, dict[str, Measured]] = {}
    sizes = (asked.jobs, asked.attempts, asked.repeats, asked.only)
    with ExitStack() as stack:
        if asked.database != "postgresql":
            folder = stack.enter_context(tempfile.TemporaryDirectory())
            results["sqlite"] = run(f"sqlite:///{folder}/casemill.db", *sizes)
        if asked.database != "sqlite":
            from tests.postgres import postgres_server, run_sql

            socket = stack.enter_context(postgres_server())
            run_sql(socket, "CREATE DATABASE casemill")
            results["postgresql"] = run(f"postgresql+psycopg://postgres@/casemill?host={socket}", *sizes)
    if asked.json:
        print(
            json.dumps(
                {db: {n: m.milliseconds(95) for n, m in found.items()} for db, found in results.items()},
                indent=2,
            )
        )
    else:
        report(results)
    scans = [
        f"{db}, {n}: {line}"
        for db, found in results.items()
        for n, m in found.items()
        for line in m.full_scans()
    ]
    for scan in scans:
        tell(f"A big table is read from one end to the other: {scan}")
    return 1 if scans else 0


if __name__ == "__main__":
    sys.exit(main())
