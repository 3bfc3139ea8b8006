"""Transactions: what is promised while others read and write."""

import multiprocessing
import sqlite3
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from multiprocessing.synchronize import Barrier
from pathlib import Path
from threading import Barrier as ThreadBarrier

import pytest
from sqlalchemy import update
from sqlalchemy.exc import IntegrityError, OperationalError, ProgrammingError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlmodel import Session, select

from casemill import db
from casemill.db import TRANSIENT, Database
from casemill.models import Case, Limit, LimitName

SPAWN = multiprocessing.get_context("spawn")  # a fork would inherit the locks of this process' threads
WRITERS, ROUNDS = 4, 15


def count_up(database: Database, name: str) -> None:
    """Reads, decides and writes, as a step does."""
    with database.write() as session:
        case = session.exec(select(Case).where(Case.name == name).with_for_update()).one()
        case.documents_version += 1


def count_up_often(url: str, start: Barrier) -> None:
    database = Database(url)
    start.wait()
    for _ in range(ROUNDS):
        count_up(database, "a")
    database.close()


def version(database: Database, name: str) -> int:
    with database.read() as session:
        return session.exec(select(Case.documents_version).where(Case.name == name)).one()


def run_at_once(count: int, target: object, *arguments: object) -> None:
    """In processes of their own; fails if one of them does."""
    start = SPAWN.Barrier(count)
    processes = [SPAWN.Process(target=target, args=(*arguments, start)) for _ in range(count)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0] * count


def test_processes_that_read_and_then_write_wait_for_each_other(sqlite: Database, sqlite_url: str):
    """With SQLite's own transactions, a reader that turns into a writer gets "database is locked" at once."""
    with sqlite.write() as session:
        session.add(Case(name="a"))
    sqlite.close()
    run_at_once(WRITERS, count_up_often, sqlite_url)
    assert version(sqlite, "a") == WRITERS * ROUNDS


def test_threads_that_read_and_then_write_wait_for_each_other(database: Database):
    with database.write() as session:
        session.add(Case(name="a"))
    start = ThreadBarrier(WRITERS)

    def write(_: int) -> None:
        start.wait()
        for _ in range(ROUNDS):
            count_up(database, "a")

    with ThreadPoolExecutor(WRITERS) as writers:
        list(writers.map(write, range(WRITERS)))
    assert version(database, "a") == WRITERS * ROUNDS


def test_who_cannot_write_in_time_is_told_so_and_can_write_afterwards(
    sqlite: Database, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(db, "_LOCK_WAIT_SECONDS", 0.2)
    with sqlite.write() as session:
        session.add(Case(name="a"))
        session.flush()
        with pytest.raises(OperationalError, match="locked"):
            count_up(sqlite, "a")
    count_up(sqlite, "a")
    assert version(sqlite, "a") == 1


def test_a_new_file_may_be_opened_while_another_process_writes_to_it(tmp_path: Path):
    """Two commands on a fresh folder: one was making tables, the other switched the file to WAL, for which
    SQLite does not wait, and died of "database is locked"."""
    path = tmp_path / "new.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as other, ThreadPoolExecutor(1) as threads:
        other.execute("BEGIN IMMEDIATE")
        writing = threads.submit(create_a_table, f"sqlite:///{path}")
        with pytest.raises(TimeoutError):
            writing.result(timeout=0.5)
        other.execute("COMMIT")
        writing.result()


def create_a_table(url: str) -> None:
    database = Database(url)
    with database.write() as session:
        session.connection().exec_driver_sql("CREATE TABLE t (x)")
    database.close()


def test_readers_do_not_wait_for_a_writer(database: Database):
    with database.write() as session:
        session.add(Case(name="a"))
        session.flush()
        began = time.monotonic()
        with database.read() as reader:
            assert reader.exec(select(Case)).all() == []
        assert time.monotonic() - began < 20  # the wait for a lock is 30


def test_a_reader_sees_one_state_however_often_it_asks(database: Database):
    """A batch and its ledger are two questions; PostgreSQL would answer each as of another moment."""
    with database.write() as session:
        session.add(Case(name="a"))
    with database.read() as reader:
        before = reader.exec(select(Case.documents_version)).one()
        with database.write() as session:
            session.exec(update(Case).values(documents_version=5))
            session.add(Case(name="b"))
        assert reader.exec(select(Case.documents_version)).all() == [before]
    with database.read() as reader:
        assert len(reader.exec(select(Case)).all()) == 2


def test_what_is_changed_while_reading_is_not_kept(database: Database):
    with database.read() as session:
        session.add(Case(name="a"))
        session.flush()
    with database.read() as session:
        assert session.exec(select(Case)).all() == []


def test_an_exception_leaves_nothing_of_the_transaction(database: Database):
    with pytest.raises(KeyboardInterrupt), database.write() as session:
        session.add(Case(name="a"))
        session.flush()
        raise KeyboardInterrupt
    with database.read() as session:
        assert session.exec(select(Case)).all() == []


def test_an_error_of_the_database_does_not_repeat_what_was_written(database: Database):
    """It stands in job monitoring, where everybody reads it."""
    with pytest.raises(IntegrityError) as caught, database.write() as session:
        for _ in range(2):
            session.add(Limit(name=LimitName.JOBS_AT_ONCE, value=478612399))
            session.flush()
            session.expunge_all()
    assert "limits" in str(caught.value)
    assert "478612399" not in str(caught.value)


def test_what_was_written_can_be_used_after_the_transaction(database: Database):
    with database.write() as session:
        case = Case(name="a")
        session.add(case)
    assert case.name == "a"


def test_transient_is_what_may_pass_by_itself():
    """A busy pool is no broken promise: the claims' lease was not renewed any more after one."""
    assert issubclass(OperationalError, TRANSIENT)
    assert issubclass(PoolTimeout, TRANSIENT)
    assert not issubclass(ProgrammingError, TRANSIENT)


def test_a_transaction_that_may_pass_is_tried_again_and_another_is_not(database: Database):
    """Two jobs that start at the same instant may deadlock on PostgreSQL over what each takes back."""
    tries: list[str] = []

    def add(session: Session) -> str:
        tries.append("add")
        session.add(Case(name="a"))
        session.flush()
        if len(tries) < 3:
            raise OperationalError("any", {}, Exception("deadlock detected"))
        return "done"

    assert database.persist(add) == "done"
    assert version(database, "a") == 0
    with pytest.raises(ZeroDivisionError):
        database.persist(lambda _: tries.append("divide") or 1 / 0)
    assert tries == ["add", "add", "add", "divide"]
