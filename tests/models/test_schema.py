"""The migrations make exactly what the models say, forwards and backwards."""

from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import inspect
from sqlmodel import SQLModel

import casemill.models  # noqa: F401  registers the tables
from casemill.db import Database
from casemill.migrations import FOLDER, migrate


def differences(database: Database) -> list[object]:
    with database.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_server_default": True})
        return compare_metadata(context, SQLModel.metadata)


def tables(database: Database) -> set[str]:
    return set(inspect(database.engine).get_table_names())


def test_a_migrated_database_is_what_the_models_say(database: Database):
    assert differences(database) == []
    assert tables(database) == {*SQLModel.metadata.tables, "alembic_version"}


def test_migrating_again_changes_nothing(database: Database):
    migrate(database)
    assert differences(database) == []


def test_migrations_lead_back_to_nothing_and_up_again(database: Database):
    config = Config()
    config.set_main_option("script_location", str(FOLDER))
    with database.engine.connect() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, "base")
        connection.commit()
    assert tables(database) == {"alembic_version"}
    migrate(database)
    assert differences(database) == []


def test_a_migration_that_breaks_off_leaves_nothing_behind(tmp_path: Path):
    """Half a schema could be neither used nor migrated again."""
    database = Database(f"sqlite:///{tmp_path / 'half.db'}")
    with database.write() as session:
        session.connection().exec_driver_sql(
            "CREATE TABLE citations (id INTEGER)"
        )  # is made last, so it fails
    with pytest.raises(Exception, match="already exists"):
        migrate(database)
    assert tables(database) == {"citations"}
    database.close()
