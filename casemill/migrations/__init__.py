"""The database's schema, step by step (Alembic)."""

import re
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import text

from casemill.db import Database

FOLDER = Path(__file__).parent
BESIDE_THE_MODELS = re.compile(r"job_texts_fts(_.*)?|ix_job_texts_text")
"""Tables and indexes of one database only, made by migrations: what search over jobs rests on."""
_LOCK = 0x0CA5E_0111  # any number, as long as it is always this one


def revision(database: Database) -> str | None:
    """The schema's version, None for a database without any."""
    with database.read() as session:
        return MigrationContext.configure(session.connection()).get_current_revision()


def in_the_models(name: str | None, _kind: object, _parents: object) -> bool:
    """For Alembic's `include_name`: what it is to compare with the models."""
    return BESIDE_THE_MODELS.fullmatch(name or "") is None


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
