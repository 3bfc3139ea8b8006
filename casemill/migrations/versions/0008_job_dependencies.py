"""jobs that wait for others"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    op.create_table(
        "job_dependencies",
        sa.Column("job_id", sa.Uuid(), nullable=False),
        sa.Column("on_job_id", sa.Uuid(), nullable=False),
        sa.Column("condition", sa.String(length=40), nullable=False),
        sa.Column("state", sa.String(length=40), nullable=False),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("acting_since", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("job_id", "on_job_id"),
    )
    op.create_index("ix_job_dependencies_on", "job_dependencies", ["on_job_id"])
    op.create_index("ix_job_dependencies_state", "job_dependencies", ["state"])
    op.add_column("batches", sa.Column("after", sa.JSON(), nullable=True))


def downgrade() -> None:
    op.drop_column("batches", "after")
    op.drop_table("job_dependencies")
