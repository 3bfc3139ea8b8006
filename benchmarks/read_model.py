"""How long lists, searches and statistics take at a million attempts, and by which plans.

    python benchmarks/read_model.py [--jobs 100000 --attempts 1000000 --repeats 20] [--json]

Fills a new database with made-up jobs, on SQLite and on PostgreSQL (a server of its own, as in the tests),
and calls what the endpoints call, as an admin and as an operator who sees only their own. A plan that reads a
big table from one end to the other ends it with exit status 1. A fixed seed makes two runs comparable.
"""

import argparse
import json
import logging
import random
import re
import sqlite3
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

from alembic import command
from alembic.config import Config
from sqlalchemy import event, text
from sqlmodel import Session

from casemill.db import Database
from casemill.migrations import FOLDER, migrate
from casemill.models import AttemptStatus, JobStatus, JobType, User
from casemill.monitoring.job_history import count_same_error
from casemill.monitoring.job_queries import JobFilter, JobSort, count_jobs, jobs
from casemill.monitoring.periods import Period
from casemill.monitoring.rollups import recount_stale_hours, tally_by_function, tally_by_time
from casemill.monitoring.task_queries import Cursor, TaskFilter, newest_attempts, tasks, tasks_from

ROOT = Path(__file__).resolve().parents[1]
BEFORE_TRIGGERS = (
    "0003"  # filled at this version, so that the migration after it makes texts, owners and marks
)
SMALL = 50_000  # jobs; with fewer, PostgreSQL rightly reads all of them and needs to be asked for the index
BIG = "jobs|task_attempts|job_texts|attempt_hours"
LONGEST_LINE = 150  # of a plan: PostgreSQL spells out all ids of a page
BUSY_DAYS, DAYS, BUSY_SHARE = 30, 90, 0.85

USERS = {
    "Anna Brandt": 0.40,
    "Boris Keller": 0.25,
    "Chidi Obi": 0.20,
    "Dana Weiss": 0.10,
    "Emre Yildiz": 0.05,
}
OPERATOR = "Boris Keller"
FLOWS = {
    "extraction-batch": (JobType.EXTRACTION, 0.30),
    "document-pipeline": (JobType.DOCUMENT_PROCESSING, 0.30),
    "taxonomy-update": (JobType.TAXONOMY_PROCESSING, 0.10),
    "dataset-export": (JobType.DATASET_GENERATION, 0.08),
    "trial-reminders": (JobType.TRIAL, 0.10),
    "notify-experts": (JobType.NOTIFICATION, 0.07),
    "job-cleanup": (JobType.MAINTENANCE, 0.05),
}
FUNCTIONS = {
    "parse_document": 0.25,
    "chunk_document": 0.20,
    "find_citations": 0.15,
    "classify_case": 0.10,
    "index_document": 0.10,
    "run_step": 0.08,
    "update_taxonomy": 0.05,
    "export_rows": 0.03,
    "send_mail": 0.02,
    "sync_owner": 0.02,
}
STATUSES = {
    JobStatus.COMPLETED: 0.86,
    JobStatus.FAILED: 0.09,
    JobStatus.CANCELLED: 0.04,
    JobStatus.PENDING: 0.005,
    JobStatus.RUNNING: 0.0025,
    JobStatus.SCHEDULED: 0.0015,
    JobStatus.PAUSED: 0.001,
}
ERRORS = (
    ("ConnectionError", "the model endpoint did not answer within 30 s (attempt {n})"),
    ("UnreadableDocument", "exhibit-{n}.pdf is password-protected; upload a copy without a password"),
    ("KeyError", "'docket_{n}'"),
    ("MemoryError", "deposition-{n}.docx needed more than 1024 MB"),
    ("TimeoutError", "index shard {n} was busy for 120 s"),
)
FIRST = (
    "brave",
    "calm",
    "eager",
    "fancy",
    "gentle",
    "happy",
    "jolly",
    "kind",
    "lively",
    "nimble",
    "proud",
    "wise",
)
SECOND = (
    "otter",
    "lynx",
    "falcon",
    "panda",
    "tiger",
    "whale",
    "koala",
    "bison",
    "eagle",
    "gecko",
    "heron",
    "moose",
)
TRACEBACK = "\n".join(
    ["Traceback (most recent call last):"]
    + [
        f'  File "casemill/operations/step_{n}.py", line {n * 7}, in run_{n}\n    go_on(with_it)'
        for n in range(12)
    ]
)


class Maker:
    """Rows for bulk loading: tuples that both databases understand as they are."""

    jobs = """
        id type name status state_name run_count recorded_at progress processed user_id batch_id flow_name
        parameters tags labels queue worker created_at scheduled_at started_at finished_at
        execution_seconds error_type error traceback error_fingerprint
    """.split()  # noqa: SIM905  thirty quoted words are harder to read
    attempts = """
        id task_run_id attempt function name job_id status state_name created_at started_at finished_at
        duration tags result error_type error traceback error_fingerprint
    """.split()  # noqa: SIM905  thirty quoted words are harder to read

    def __init__(self, count: int, now: datetime, users: dict[str, UUID]) -> None:
        self.random = random.Random(1)
        self.now = now
        self.users = users
        moments = sorted(self._age() for _ in range(count))
        self.made = [(now - age, self.uuid()) for age in reversed(moments)]
        self.begun: list[tuple[datetime, str]] = []

    def uuid(self) -> str:
        return f"{self.random.getrandbits(128):032x}"

    def job_rows(self) -> Iterator[tuple[Any, ...]]:
        chance = self.random
        names, shares = list(USERS), list(USERS.values())
        flows = [(name, kind) for name, (kind, _) in FLOWS.items()]
        flow_shares = [share for _, share in FLOWS.values()]
        for number, (created, job_id) in enumerate(self.made):
            flow, kind = chance.choices(flows, flow_shares)[0]
            status = chance.choices(list(STATUSES), list(STATUSES.values()))[0]
            user = None if kind == JobType.MAINTENANCE else self.users[chance.choices(names, shares)[0]].hex
            waits = status in (JobStatus.PENDING, JobStatus.SCHEDULED)
            over = status in (JobStatus.COMPLETED, JobStatus.FAILED, JobStatus.CANCELLED)
            started = None if waits else created + timedelta(seconds=chance.expovariate(1 / 20))
            took = chance.expovariate(1 / 300)
            finished = started + timedelta(seconds=took) if started and over else None
            if started:
                self.begun.append((started, job_id))
            error = self.error(number) if status == JobStatus.FAILED else (None, None, None, None)
            progress = 100.0 if status == JobStatus.COMPLETED else 0.0 if waits else chance.uniform(0, 99)
            yield (
                job_id,
                kind.value,
                f"{flow} {chance.choice(FIRST)}-{chance.choice(SECOND)} {number}",
                status.value,
                status.value.title(),
                0 if waits else 1,
                said(created),
                progress,
                None if waits else chance.randrange(40),
                user,
                self.uuid() if kind == JobType.EXTRACTION else None,
                flow,
                self.parameters(kind, number),
                json.dumps([f"type:{kind}"]),
                '{"prefect.worker.name": "up@host"}',
                f"user-{user}",
                None if waits else "up@host",
                said(created),
                said(created),
                said(started),
                said(finished),
                took if finished else 0.0,
                *error,
            )

    def parameters(self, kind: JobType, number: int) -> str:
        if kind == JobType.EXTRACTION:
            cases = [str(UUID(self.uuid())) for _ in range(self.random.choice((1, 2, 3, 5, 10, 25)))]
            return json.dumps({"batch_id": str(UUID(self.uuid())), "case_ids": cases})
        return json.dumps({"options": {"language": "de" if number % 9 == 0 else "en", "limit": number % 500}})

    def attempt_rows(self, count: int) -> Iterator[tuple[Any, ...]]:
        chance = self.random
        functions, shares = list(FUNCTIONS), list(FUNCTIONS.values())
        run, number = self.uuid(), 1
        for row, (job_at, job_id) in enumerate(sorted(chance.choices(self.begun, k=count)), 1):
            function = chance.choices(functions, shares)[0]
            created = min(job_at + timedelta(seconds=chance.uniform(0, 200)), self.now)
            drawn = chance.random()
            status = (
                AttemptStatus.SUCCESS
                if drawn < 0.93
                else AttemptStatus.FAILED
                if drawn < 0.985
                else AttemptStatus.CANCELLED
                if drawn < 0.998
                else AttemptStatus.RUNNING
            )
            took = chance.expovariate(1 / 4)
            over = status != AttemptStatus.RUNNING
            error = self.error(row) if status == AttemptStatus.FAILED else (None, None, None, None)
            finished = min(created + timedelta(seconds=took), self.now) if over else None
            yield (
                row,
                run,
                number,
                function,
                f"case {row % 5000} · {function}",
                job_id,
                status.value,
                "Completed" if status == AttemptStatus.SUCCESS else status.value.title(),
                said(created),
                said(created),
                said(finished),
                took if over else None,
                '["step:parse"]',
                '{"pages": 12, "words": 4711}' if status == AttemptStatus.SUCCESS else None,
                *error,
            )
            is_tried_again = status == AttemptStatus.FAILED and number < 3
            run, number = (run, number + 1) if is_tried_again else (self.uuid(), 1)

    def error(self, number: int) -> tuple[str, str, str, str]:
        kind = self.random.randrange(len(ERRORS))
        name, message = ERRORS[kind]
        return name, message.format(n=number), TRACEBACK, f"{kind + self.random.randrange(40) * 7:032x}"

    def _age(self) -> timedelta:
        days = (
            self.random.uniform(0, BUSY_DAYS)
            if self.random.random() < BUSY_SHARE
            else self.random.uniform(BUSY_DAYS, DAYS)
        )
        return timedelta(days=days)


def said(at: datetime | None) -> str | None:
    """As SQLite keeps it; PostgreSQL reads it too, told that it is UTC."""
    return at and at.strftime("%Y-%m-%d %H:%M:%S.%f")


def fill(database: Database, job_count: int, attempt_count: int, now: datetime) -> dict[str, UUID]:
    config = Config()
    config.set_main_option("script_location", str(FOLDER))
    with database.write() as session:
        config.attributes["connection"] = session.connection()
        command.upgrade(config, BEFORE_TRIGGERS)
    with database.write() as session:
        users = {name: User(name=name) for name in USERS}
        session.add_all(users.values())
    ids = {name: user.id for name, user in users.items()}
    maker = Maker(job_count, now, ids)
    load = load_sqlite if database.engine.dialect.name == "sqlite" else load_postgresql
    load(database, "jobs", Maker.jobs, maker.job_rows())
    load(database, "task_attempts", Maker.attempts, maker.attempt_rows(attempt_count))
    migrate(database)
    if database.engine.dialect.name == "postgresql":  # as autovacuum does, sooner or later
        with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("VACUUM ANALYZE"))
    while recount_stale_hours(database, now):
        pass
    if database.engine.dialect.name == "postgresql":
        with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("VACUUM ANALYZE attempt_hours, stale_hours"))
    return ids


def load_sqlite(database: Database, table: str, columns: list[str], rows: Iterator[tuple[Any, ...]]) -> None:
    with sqlite3.connect(database.engine.url.database or "") as connection:
        connection.execute("PRAGMA cache_size = -400000")
        marks = ", ".join("?" * len(columns))
        connection.executemany(f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks})", rows)
    connection.close()


def load_postgresql(
    database: Database, table: str, columns: list[str], rows: Iterator[tuple[Any, ...]]
) -> None:
    connection = database.engine.raw_connection()
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL timezone = 'UTC'")
        with cursor.copy(f"COPY {table} ({', '.join(columns)}) FROM STDIN") as copy:
            for row in rows:
                copy.write_row(row)
        if table == "task_attempts":
            cursor.execute("SELECT setval('task_attempts_id_seq', (SELECT max(id) FROM task_attempts))")
    connection.commit()
    connection.close()


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
            sys.path.insert(0, str(ROOT))
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
