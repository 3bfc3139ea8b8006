"""Things that happen at once, and parts that fail when a test says so."""

import time
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Barrier
from typing import TypeVar

from sqlalchemy import text
from sqlalchemy.exc import OperationalError
from sqlmodel import Session

from casemill.db import Database
from casemill.storage.folder import FolderStore

Answer = TypeVar("Answer")


def at_once(count: int, act: Callable[[int], Answer]) -> list[Answer]:
    """What `act(0)`, `act(1)`, ... return, called from threads that start together."""
    start = Barrier(count)

    def run(number: int) -> Answer:
        start.wait(30)
        return act(number)

    with ThreadPoolExecutor(count) as threads:
        return list(threads.map(run, range(count)))


def becomes_true(condition: Callable[[], bool], seconds: float = 20) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def second_comes_while_the_first_is_not_through(
    database: Database, first: Callable[[Session], Answer], second: Callable[[Session], Answer]
) -> tuple[Answer, Answer]:
    """Both in transactions of their own; the first commits when the second is seen waiting for it.

    SQLite has one writer: there the second waits before it begins.
    """

    def run_second() -> Answer:
        with database.write() as session:
            return second(session)

    with ThreadPoolExecutor(1) as threads:
        with database.write() as session:
            one = first(session)
            session.flush()
            other = threads.submit(run_second)
            if database.engine.dialect.name == "postgresql":
                assert becomes_true(lambda: other.done() or somebody_waits(database))
        return one, other.result(30)


def somebody_waits(database: Database) -> bool:
    with database.read() as session:
        return bool(session.connection().scalar(text("SELECT count(*) FROM pg_locks WHERE NOT granted")))


class FickleDatabase(Database):
    """Is away while `is_away`, as a database is that restarts."""

    is_away = False
    refused = 0

    def _answer(self) -> None:
        if self.is_away:
            self.refused += 1
            raise OperationalError("any", {}, Exception("the database is restarting"))

    @contextmanager
    def read(self) -> Generator[Session]:
        self._answer()
        with super().read() as session:
            yield session

    @contextmanager
    def write(self) -> Generator[Session]:
        self._answer()
        with super().write() as session:
            yield session


class EventfulStore(FolderStore):
    """Something happens just before a file is fetched; what that raises, fetching raises."""

    def __init__(self, folder: Path, happens: Callable[[], object]) -> None:
        super().__init__(folder)
        self.happens = happens

    @contextmanager
    def fetch(self, key: str) -> Generator[Path]:
        self.happens()
        with super().fetch(key) as path:
            yield path
