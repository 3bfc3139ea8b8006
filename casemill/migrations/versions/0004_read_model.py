"""lists, search and statistics at a million rows: indexes, texts that jobs are found by, triggers"""

import sqlalchemy as sa
from alembic import op

from casemill.migrations import postgresql_triggers, sqlite_triggers

revision = "0004"
down_revision = "0003"

_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_JOBS = {
    "ix_jobs_created": ["created_at", "id", "status", "type", "user_id", "number"],
    "ix_jobs_status_created": ["status", "created_at", "id", "type", "user_id", "number"],
    "ix_jobs_type_created": ["type", "created_at", "id", "status", "user_id", "number"],
    "ix_jobs_user_created": ["user_id", "created_at", "id", "status", "type", "number"],
    "ix_jobs_progress_created": ["progress", "created_at", "id", "status", "type", "user_id", "number"],
    "ix_jobs_user_status": ["user_id", "status", "created_at", "id", "type", "number"],
    "ix_jobs_user_progress": ["user_id", "progress", "created_at", "id", "status", "type", "number"],
    "ix_jobs_error_fingerprint": ["error_fingerprint", "user_id"],
    "ix_jobs_number": ["number", "created_at", "id", "status", "type", "user_id"],
}
_JOBS_BEFORE = {
    "ix_jobs_created": ["created_at", "id"],
    "ix_jobs_status_created": ["status", "created_at"],
    "ix_jobs_type_created": ["type", "created_at"],
    "ix_jobs_user_created": ["user_id", "created_at"],
    "ix_jobs_progress_created": ["progress", "created_at"],
    "ix_jobs_error_fingerprint": ["error_fingerprint"],
}
_ATTEMPTS = {
    "ix_attempts_function_created": ["function", "created_at", "id"],
    "ix_attempts_status_created": ["status", "created_at", "id"],
    "ix_attempts_function_status_created": ["function", "status", "created_at", "id"],
    "ix_attempts_user_created": ["user_id", "created_at", "id", "function"],
    "ix_attempts_user_status_created": ["user_id", "status", "created_at", "id", "function"],
    "ix_attempts_finished": ["finished_at", "function", "status", "duration"],
}
_HOURS = {"ix_attempt_hours_counts": ["hour", "status", "function", "count", "measured", "seconds"]}
_ATTEMPTS_BEFORE = {
    "ix_attempts_function_created": ["function", "created_at"],
    "ix_attempts_status_created": ["status", "created_at"],
    "ix_attempts_finished": ["finished_at", "status", "duration"],
}


def upgrade() -> None:
    op.create_table(
        "job_texts",
        sa.Column("number", _NUMBER, autoincrement=False, nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("number"),
    )
    op.add_column("jobs", sa.Column("number", _NUMBER, nullable=True))
    op.add_column("task_attempts", sa.Column("user_id", sa.Uuid(), nullable=True))
    connection = op.get_bind()
    if connection.dialect.name == "sqlite":
        sqlite_triggers.install(connection)
    else:
        postgresql_triggers.install(connection)
    _exchange("jobs", _JOBS_BEFORE, _JOBS)
    _exchange("task_attempts", _ATTEMPTS_BEFORE, _ATTEMPTS)
    _exchange("attempt_hours", {}, _HOURS)


def downgrade() -> None:
    _exchange("attempt_hours", _HOURS, {})
    _exchange("task_attempts", _ATTEMPTS, _ATTEMPTS_BEFORE)
    _exchange("jobs", _JOBS, _JOBS_BEFORE)
    connection = op.get_bind()
    if connection.dialect.name == "sqlite":
        sqlite_triggers.remove(connection)
    else:
        postgresql_triggers.remove(connection)
    op.drop_column("task_attempts", "user_id")
    op.drop_column("jobs", "number")
    op.drop_table("job_texts")
    op.execute("DELETE FROM attempt_hours")
    op.execute("DELETE FROM stale_hours")


def _exchange(table: str, before: dict[str, list[str]], after: dict[str, list[str]]) -> None:
    for name in before:
        op.drop_index(name, table)
    for name, columns in after.items():
        op.create_index(name, table, columns, unique=False)
