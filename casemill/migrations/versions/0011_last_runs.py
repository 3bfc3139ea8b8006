"""the last run of a deployment, from an index"""

from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    op.create_index("ix_jobs_deployment_scheduled", "jobs", ["deployment_id", "scheduled_at"])


def downgrade() -> None:
    op.drop_index("ix_jobs_deployment_scheduled", "jobs")
