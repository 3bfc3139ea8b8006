"""The database: one engine, and transactions that say whether they write."""

import logging
import random
import sqlite3
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any, TypeVar

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolExhausted
from sqlmodel import Session

logger = logging.getLogger(__name__)

Answer = TypeVar("Answer")

TRANSIENT = (OperationalError, InterfaceError, PoolExhausted)
"""What a busy or restarting database raises: worth another try."""

_LOCK_WAIT_SECONDS = 30
_LOOK_AGAIN_SECONDS = 0.05
_PEEK_SECONDS = (0.001, 0.030)
_PAUSES_SECONDS = (0.1, 0.5, 2, 5)
_ONE_MOMENT = {"isolation_level": "REPEATABLE READ"}


class Database:
    """Sessions on one engine; a process keeps one.

    SQLite lets a reader become a writer only if nobody wrote meanwhile, and fails at once otherwise, so a
    transaction that will write takes the write lock when it begins, and waits for it.
    """

    def __init__(self, url: str | URL) -> None:
        self.engine = _engine(url)
        self._writer = self.engine.execution_options(casemill_writes=True)
        # SQLite's transactions are always so; PostgreSQL would answer each question as of another moment.
        is_sqlite = self.engine.dialect.name == "sqlite"
        self._reader = self.engine if is_sqlite else self.engine.execution_options(**_ONE_MOMENT)

    @contextmanager
    def read(self) -> Generator[Session]:
        """A consistent view; what is changed in it is not kept."""
        with Session(self._reader, expire_on_commit=False) as session:
            yield session

    @contextmanager
    def write(self) -> Generator[Session]:
        """Commits at the end, or keeps nothing if an exception passes through."""
        with Session(self._writer, expire_on_commit=False) as session:
            yield session
            session.commit()

    def persist(self, act: Callable[[Session], Answer]) -> Answer:
        """What `act` returns, in a transaction that is tried again after errors that pass, deadlocks too."""
        for pause in _PAUSES_SECONDS:
            try:
                with self.write() as session:
                    return act(session)
            except TRANSIENT as error:
                logger.warning("A transaction did not go through, trying again: %s", error)
                time.sleep(pause * random.uniform(0.5, 1.5))  # noqa: S311  to part those that met
        with self.write() as session:
            return act(session)

    def close(self) -> None:
        self.engine.dispose()


def _engine(url: str | URL) -> Engine:
    """Its errors stand in logs and in job monitoring: they do not repeat what was to be written."""
    if make_url(url).get_backend_name() != "sqlite":
        return create_engine(url, pool_pre_ping=True, hide_parameters=True)
    lock = {"timeout": _LOCK_WAIT_SECONDS, "check_same_thread": False}
    engine = create_engine(url, connect_args=lock, hide_parameters=True)
    event.listen(engine, "connect", _set_up_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _set_up_sqlite(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # the driver would begin by itself, deferred
    cursor = connection.cursor()
    _write_ahead(cursor)
    for pragma in ("synchronous=NORMAL", "foreign_keys=ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _write_ahead(cursor: Any) -> None:
    """Switches a new file to WAL. SQLite fails at once where another connection is just writing to it."""
    deadline = time.monotonic() + _LOCK_WAIT_SECONDS
    while True:
        try:
            cursor.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError as error:
            if not _is_busy(error) or time.monotonic() > deadline:
                raise
            time.sleep(_LOOK_AGAIN_SECONDS)


def _begin_sqlite(connection: Connection) -> None:
    if connection.get_execution_options().get("casemill_writes", False):
        _begin_to_write(connection)
    else:
        connection.exec_driver_sql("BEGIN")


def _begin_to_write(connection: Connection) -> None:
    """Takes the write lock, and waits for it as long as SQLite would, but looks more often.

    SQLite itself sleeps up to 100 ms between two looks, and longer the longer it has waited: with many
    writers, whoever comes last goes first, and the lock is free most of the time.
    """
    deadline = time.monotonic() + _LOCK_WAIT_SECONDS
    cursor = connection.connection.cursor()
    cursor.execute("PRAGMA busy_timeout=0")
    try:
        while time.monotonic() < deadline:
            try:
                cursor.execute("BEGIN IMMEDIATE")
                return
            except sqlite3.OperationalError as error:
                if not _is_busy(error):
                    raise
            time.sleep(random.uniform(*_PEEK_SECONDS))  # noqa: S311  to part those that met
        connection.exec_driver_sql("BEGIN IMMEDIATE")  # the error as others are
    finally:
        cursor.execute(f"PRAGMA busy_timeout={round(1000 * _LOCK_WAIT_SECONDS)}")
        cursor.close()


def _is_busy(error: sqlite3.OperationalError) -> bool:
    return error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY
