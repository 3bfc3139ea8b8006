"""The database's schema, step by step (Alembic)."""

from pathlib import Path

from alembic import command
from alembic.config import Config

from casemill.db import Database

FOLDER = Path(__file__).parent


def migrate(database: Database) -> None:
    """Brings the schema to the newest version; does nothing where it is already there."""
    config = Config()
    config.set_main_option("script_location", str(FOLDER))
    with database.engine.connect() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        connection.commit()
