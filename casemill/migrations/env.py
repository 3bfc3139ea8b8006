"""Runs migrations on the connection it is handed (see casemill.migrations.migrate)."""

from alembic import context
from sqlmodel import SQLModel

from casemill.migrations import in_the_models

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=SQLModel.metadata,
    include_name=in_the_models,
    render_as_batch=connection.dialect.name == "sqlite",
)
with context.begin_transaction():
    context.run_migrations()
