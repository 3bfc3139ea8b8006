"""The migrations make exactly what the models say, forwards and backwards."""

import subprocess
import sys
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
from casemill.migrations import FOLDER, in_the_models, migrate
from casemill.settings import Settings


def differences(database: Database) -> list[object]:
    with database.engine.connect() as connection:
        opts = {"compare_server_default": True, "include_name": in_the_models}
        context = MigrationContext.configure(connection, opts=opts)
        return compare_metadata(context, SQLModel.metadata)


def tables(database: Database) -> set[str]:
    found = inspect(database.engine).get_table_names()
    return {name for name in found if in_the_models(name, "table", None)}


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


def test_processes_that_start_at_once_on_a_new_database_migrate_it_once(tmp_path: Path):
    """Twelve of eighteen such starts ended with "database is locked"."""
    file = tmp_path / "new.db"
    code = (
        "import sys; from casemill.db import Database; from casemill.migrations import migrate; "
        "migrate(Database('sqlite:///' + sys.argv[1]))"
    )
    starting = [subprocess.Popen([sys.executable, "-c", code, file]) for _ in range(4)]
    assert [process.wait(60) for process in starting] == [0] * 4
    database = Database(f"sqlite:///{file}")
    assert differences(database) == []
    database.close()


def test_a_home_with_odd_characters_in_its_path_holds_a_database(tmp_path: Path):
    settings = Settings(home=tmp_path / "who? me & you #1")
    settings.home.mkdir()
    database = Database(settings.database)
    migrate(database)
    database.close()
    assert (settings.home / "casemill.db").is_file()
