"""Prefect's server on SQLite, with transactions that cannot fail half-way.

Prefect opens SQLite transactions deferred: one that begins by reading and then writes fails at once when
another wrote meanwhile, and the server answers 503 "database is locked" to whoever submits a few dozen runs.
Taking the write lock at the start makes it wait instead. The configuration is injected the way Prefect
provides for (`prefect.server.database.dependencies`); nothing of it is patched.

They wait for one another in the event loop, not in SQLite: a connection that waits there is locked, and where
Python's garbage collector comes upon an old cursor of it, the event loop waits with it, which then cannot
let the transaction end that has the lock. Nothing was answered for a minute.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from contextvars import ContextVar
from typing import Any
from weakref import WeakKeyDictionary

import uvicorn
from prefect.server.api.server import create_app
from prefect.server.database.configurations import AioSqliteConfiguration
from prefect.server.database.dependencies import set_database_config
from prefect.settings import get_current_settings
from sqlalchemy import UpdateBase
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, AsyncSessionTransaction

from casemill.local.lifeline import end_with_parent

_TURN_SECONDS = 60.0
"""As long as Prefect lets SQLite wait. Then SQLite may say itself that the database is locked."""

_own: ContextVar[object] = ContextVar("_own", default=None)


class ImmediateTransactions(AioSqliteConfiguration):
    """Every transaction takes the write lock when it begins, one after the other as they come."""

    def __init__(self, connection_url: str) -> None:
        super().__init__(connection_url)
        self._locks: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Lock] = WeakKeyDictionary()
        self._at_work: object = None

    async def session(self, engine: AsyncEngine) -> AsyncSession:
        return _Session(engine, self)

    @asynccontextmanager
    async def begin_transaction(
        self, session: AsyncSession, with_for_update: bool = False
    ) -> AsyncGenerator[AsyncSessionTransaction]:
        async with self.turn(), super().begin_transaction(session, with_for_update=True) as transaction:
            yield transaction

    @asynccontextmanager
    async def turn(self) -> AsyncGenerator[None]:
        """To write. Who has it already does not wait for itself."""
        if self._at_work is not None and _own.get() is self._at_work:
            yield
            return
        lock = self._locks.setdefault(asyncio.get_running_loop(), asyncio.Lock())
        try:
            async with asyncio.timeout(_TURN_SECONDS):
                await lock.acquire()
        except TimeoutError:
            yield
            return
        self._at_work = object()
        token = _own.set(self._at_work)
        try:
            yield
        finally:
            _own.reset(token)
            self._at_work = None
            lock.release()


class _Session(AsyncSession):
    """Outside of a transaction, as Prefect writes events, each statement is one of its own."""

    def __init__(self, engine: AsyncEngine, transactions: ImmediateTransactions) -> None:
        super().__init__(engine, expire_on_commit=False)
        self._transactions = transactions

    async def execute(self, statement: Any, *args: Any, **more: Any) -> Any:
        if not isinstance(statement, UpdateBase):
            return await super().execute(statement, *args, **more)
        async with self._transactions.turn():
            return await super().execute(statement, *args, **more)


def main() -> None:
    """Serves on the address that Prefect's own settings name."""
    end_with_parent()
    server = get_current_settings().server
    url = server.database.connection_url
    if url is not None and url.get_secret_value().startswith("sqlite"):
        set_database_config(ImmediateTransactions(connection_url=url.get_secret_value()))
    uvicorn.run(
        create_app(final=True),
        host=server.api.host,
        port=server.api.port,
        timeout_keep_alive=server.api.keepalive_timeout,
        timeout_graceful_shutdown=1,
        log_level="warning",
    )


if __name__ == "__main__":
    main()
