"""How many processes can write the ledger beside one another, and how long one waits for the others.

    python benchmarks/ledger.py [--steps 800] [--processes 1 4 16 32] [--json]

Each process runs steps that do nothing but save, as `casemill.operations.run_step` does for every job: claim,
four times progress, completed. Measured on SQLite as Casemill opens it (the write lock is taken when a
transaction begins, a log beside the file), on SQLite as its driver opens it by itself (the lock is taken at
the first write), and on PostgreSQL, where its server programs are found.
"""

import argparse
import json
import multiprocessing
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any
from uuid import uuid4

from pydantic import SecretStr
from sqlalchemy import create_engine
from sqlmodel import col, select

from casemill.db import TRANSIENT, Database
from casemill.migrations import migrate
from casemill.models import Attempt, Case, CaseStep
from casemill.operations.run_step import run_step
from casemill.operations.start_batch import start_batch
from casemill.settings import Settings
from casemill.steps.context import StepContext
from casemill.steps.options import BatchOptions
from casemill.steps.registry import StepRegistry
from casemill.workspace import Workspace

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.job_start import p95

SAVES = 4
TRANSACTIONS = SAVES + 1  # of a step that write: the claim too

registry = StepRegistry()


@registry.step("nothing", "Nothing but the ledger")
def nothing(context: StepContext) -> None:
    for done in range(1, SAVES + 1):
        context.saved(done, SAVES)


class AsTheDriverDoes(Database):
    """What SQLAlchemy and SQLite make of it when nobody says anything."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.engine = self._reader = self._writer = create_engine(url)


WAYS: dict[str, type[Database]] = {
    "sqlite": Database,
    "sqlite, plain": AsTheDriverDoes,
    "postgresql": Database,
}


@dataclass(frozen=True, slots=True)
class Measured:
    """Of one step, in milliseconds; writes are transactions, a second, of all processes together."""

    writes_per_second: float
    p50: float
    p95: float
    most: float
    locked: int
    """Steps that ended in an error of the database."""


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--steps", type=int, default=800)
    parser.add_argument("--processes", type=int, nargs="+", default=[1, 4, 16, 32])
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    results: dict[str, dict[str, Any]] = {}
    with tempfile.TemporaryDirectory(prefix="ledger-") as folder:
        for way, url in databases(Path(folder)):
            for processes in options.processes:
                measured = measure(Path(folder), way, url, options.steps, processes)
                results[f"{way}, {processes}"] = asdict(measured)
                print(f"{way:<14} {processes:>3} processes", *words(measured), flush=True)
    if options.json:
        print(json.dumps(results))


def databases(folder: Path) -> Iterator[tuple[str, str]]:
    from tests.postgres import PostgresMissing, postgres_server, run_sql

    for way in ("sqlite", "sqlite, plain"):
        yield way, f"sqlite:///{folder / f'{uuid4().hex}.db'}"
    with ExitStack() as stack:
        try:
            path = stack.enter_context(postgres_server())
        except PostgresMissing as missing:
            print(f"postgresql: not measured, {missing}", file=sys.stderr)
            return
        run_sql(path, "CREATE DATABASE ledger")
        yield "postgresql", f"postgresql+psycopg://postgres@/ledger?host={path}"


def measure(folder: Path, way: str, url: str, steps: int, processes: int) -> Measured:
    row_ids = new_ledger(WAYS[way], url, steps + processes)
    context = multiprocessing.get_context("spawn")
    start, told = context.Barrier(processes + 1), context.Queue()
    workers = [
        context.Process(target=work, args=(folder, way, url, row_ids[number::processes], start, told))
        for number in range(processes)
    ]
    for worker in workers:
        worker.start()
    start.wait()
    begun = time.monotonic()
    answers = [told.get() for _ in workers]
    seconds = time.monotonic() - begun
    for worker in workers:
        worker.join()
    times = [one for mine, _ in answers for one in mine]
    return Measured(
        writes_per_second=round(TRANSACTIONS * len(times) / seconds, 1),
        p50=round(1000 * statistics.median(times), 1),
        p95=round(1000 * p95(times), 1),
        most=round(1000 * max(times), 1),
        locked=sum(locked for _, locked in answers),
    )


def new_ledger(way: type[Database], url: str, steps: int) -> list[int]:
    """Ids of the rows of a new batch."""
    database = way(url)
    migrate(database)
    cases = [Case(name=f"case {uuid4()}") for _ in range(steps)]
    with database.write() as session:
        session.add_all(cases)
        session.flush()
        batch = start_batch(session, registry, [case.id for case in cases], [], BatchOptions())
        found = session.exec(select(CaseStep.id).where(col(CaseStep.batch_id) == batch.id)).all()
    database.close()
    return [id for id in found if id is not None]


def work(folder: Path, way: str, url: str, row_ids: Sequence[int], start: Any, told: Any) -> None:
    """One job's share. What is locked is not tried again here: that is what is counted."""
    settings = Settings(home=folder, database_url=SecretStr(url))
    with Workspace.open(settings) as opened:
        workspace = replace(opened, database=WAYS[way](url))
        attempt, times, locked = Attempt(uuid4()), [], 0
        first, *others = row_ids
        run_step(workspace, registry, first, attempt, tries_left=0)  # queries are compiled with the first
        start.wait()
        for row_id in others:
            begun = time.monotonic()
            try:
                run_step(workspace, registry, row_id, attempt, tries_left=0)
            except TRANSIENT:
                locked += 1
            else:
                times.append(time.monotonic() - begun)
        workspace.database.close()
    told.put((times, locked))


def words(measured: Measured) -> list[str]:
    return [f"{name}={value}" for name, value in asdict(measured).items()]


if __name__ == "__main__":
    main()
