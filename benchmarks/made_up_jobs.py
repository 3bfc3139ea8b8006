"""A database filled with made-up jobs and attempts, the same each time but for their moment."""

import json
import random
import sqlite3
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from alembic import command
from alembic.config import Config
from sqlalchemy import text

from casemill.db import Database
from casemill.migrations import FOLDER, migrate
from casemill.models import AttemptStatus, JobStatus, JobType, User
from casemill.monitoring.rollups import recount_stale_hours

BEFORE_TRIGGERS = (
    "0003"  # filled at this version, so that the migration after it makes texts, owners and marks
)
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
