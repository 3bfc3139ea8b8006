"""Prefect's server on SQLite, with transactions that cannot fail half-way.

Prefect opens SQLite transactions deferred: one that begins by reading and then writes fails at once when
another wrote meanwhile, and the server answers 503 "database is locked" to whoever submits a few dozen runs.
Taking the write lock at the start makes it wait instead. The configuration is injected the way Prefect
provides for (`prefect.server.database.dependencies`); nothing of it is patched.
"""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import uvicorn
from prefect.server.api.server import create_app
from prefect.server.database.configurations import AioSqliteConfiguration
from prefect.server.database.dependencies import set_database_config
from prefect.settings import get_current_settings
from sqlalchemy.ext.asyncio import AsyncSession, AsyncSessionTransaction

from casemill.local.lifeline import end_with_parent


class ImmediateTransactions(AioSqliteConfiguration):
    """Every transaction takes the write lock when it begins."""

    @asynccontextmanager
    async def begin_transaction(
        self, session: AsyncSession, with_for_update: bool = False
    ) -> AsyncGenerator[AsyncSessionTransaction]:
        async with super().begin_transaction(session, with_for_update=True) as transaction:
            yield transaction


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
