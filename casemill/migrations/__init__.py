"""The database's schema, step by step (Alembic)."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import text

from casemill.db import Database

FOLDER = Path(__file__).parent
_LOCK = 0x0CA5E_0111  # any number, as long as it is always this one


def revision(database: Database) -> str | None:
    """The schema's version, None for a database without any."""
    with database.read() as session:
        return MigrationContext.configure(session.connection()).get_current_revision()


def newest() -> str | None:
    return ScriptDirectory(str(FOLDER)).get_current_head()


def migrate(database: Database) -> None:
    """Brings the schema to the newest version, in one transaction; does nothing where it is already there.

    Several processes may start at once on a new database: one migrates, the others wait for it.
    """
    if revision(database) == newest():
        return
    config = Config()
    config.set_main_option("script_location", str(FOLDER))
    with database.write() as session:
        if database.engine.dialect.name == "postgresql":
            session.connection().execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
        config.attributes["connection"] = session.connection()
        command.upgrade(config, "head")
