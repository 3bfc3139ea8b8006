"""The embedded Prefect server takes SQLite's write lock when a transaction begins."""

import asyncio
import contextvars
import sqlite3
from pathlib import Path

import pytest
import sqlalchemy as sa
from prefect.server.database.configurations import AioSqliteConfiguration
from prefect.server.database.dependencies import provide_database_interface, set_database_config

from casemill.local.prefect_server import ImmediateTransactions


def another_can_write_during_a_transaction(configuration: AioSqliteConfiguration, file: Path) -> bool:
    """Whether a second writer gets the lock while a transaction of this configuration has only read."""

    async def transaction() -> bool:
        engine = await configuration.engine()
        session = await configuration.session(engine)
        async with session, configuration.begin_transaction(session):
            await session.execute(sa.text("SELECT 1"))
            other = sqlite3.connect(file, timeout=0)
            try:
                other.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError:
                return False
            finally:
                other.close()
            return True

    return asyncio.run(transaction())


def test_a_transaction_holds_the_write_lock_from_its_beginning(tmp_path: Path) -> None:
    """Forty runs submitted at once made the stock server answer 503 "database is locked" by the hundred.

    Its transactions begin deferred: one that reads first and writes later fails at once if another wrote
    meanwhile. This fails if Prefect no longer begins transactions where our configuration takes the lock.
    """
    file = tmp_path / "prefect.db"
    url = f"sqlite+aiosqlite:///{file}"
    assert not another_can_write_during_a_transaction(ImmediateTransactions(connection_url=url), file)


def test_transactions_wait_for_one_another_outside_of_sqlite(tmp_path: Path) -> None:
    """A connection that waits in SQLite is locked. Python's garbage collector, come upon an old cursor of it,
    stopped the event loop there for a minute: the transaction that had the lock could not end."""
    ours = ImmediateTransactions(connection_url=f"sqlite+aiosqlite:///{tmp_path / 'prefect.db'}")
    begun: list[str] = []

    async def write(name: str, reading: asyncio.Event, go_on: asyncio.Event) -> None:
        async with await ours.session(await ours.engine()) as session, ours.begin_transaction(session):
            begun.append(name)
            await session.execute(sa.text("SELECT 1"))
            reading.set()
            await go_on.wait()

    async def three() -> None:
        reading, go_on = asyncio.Event(), asyncio.Event()
        writers = [asyncio.create_task(write("first", reading, go_on))]
        await reading.wait()
        writers += [asyncio.create_task(write(name, reading, go_on)) for name in ("second", "third")]
        await asyncio.sleep(0.5)
        assert begun == ["first"]
        go_on.set()
        await asyncio.wait_for(asyncio.gather(*writers), 10)

    asyncio.run(three())
    assert begun == ["first", "second", "third"]


def test_what_is_written_outside_of_a_transaction_waits_as_they_do(tmp_path: Path) -> None:
    """Prefect writes events so."""
    ours = ImmediateTransactions(connection_url=f"sqlite+aiosqlite:///{tmp_path / 'prefect.db'}")
    table = sa.table("numbers", sa.column("number"))
    sent: list[str] = []

    async def both() -> None:
        engine = await ours.engine()
        sa.event.listen(engine.sync_engine, "before_cursor_execute", lambda *given: sent.append(given[2]))
        async with await ours.session(engine) as writer, await ours.session(engine) as plain:
            async with ours.begin_transaction(writer):
                await writer.execute(sa.text("CREATE TABLE numbers (number INTEGER)"))
                alone = contextvars.Context()
                adding = asyncio.create_task(plain.execute(sa.insert(table).values(number=2)), context=alone)
                await asyncio.sleep(0.5)
                assert not any("INSERT" in statement for statement in sent)
                await writer.execute(sa.insert(table).values(number=1))
            await asyncio.wait_for(adding, 10)
            assert (await plain.execute(sa.select(table))).scalars().all() == [1, 2]

    asyncio.run(both())


def test_a_transaction_within_another_does_not_wait_for_it(tmp_path: Path) -> None:
    ours = ImmediateTransactions(connection_url=f"sqlite+aiosqlite:///{tmp_path / 'prefect.db'}")

    async def both() -> None:
        engine = await ours.engine()
        async with await ours.session(engine) as outer, ours.begin_transaction(outer):
            async with await ours.session(engine) as inner, ours.begin_transaction(inner):
                await inner.execute(sa.text("SELECT 1"))
            await outer.execute(sa.text("SELECT 1"))

    asyncio.run(asyncio.wait_for(both(), 10))


def test_prefects_own_configuration_does_not(tmp_path: Path) -> None:
    """If this fails, Prefect has mended it, and our launcher can go."""
    file = tmp_path / "prefect.db"
    configuration = AioSqliteConfiguration(connection_url=f"sqlite+aiosqlite:///{file}")
    assert another_can_write_during_a_transaction(configuration, file)


@pytest.fixture
def prefect_as_it_was():
    yield
    set_database_config(None)


def test_prefect_uses_the_configuration_it_is_handed(prefect_as_it_was: None, tmp_path: Path) -> None:
    ours = ImmediateTransactions(connection_url=f"sqlite+aiosqlite:///{tmp_path / 'prefect.db'}")
    set_database_config(ours)
    assert provide_database_interface().database_config is ours
