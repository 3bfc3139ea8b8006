"""what a worker says of itself and its host, and when it said so"""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    op.add_column("workers", sa.Column("health", sa.JSON(), nullable=True))
    op.add_column("workers", sa.Column("health_at", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    op.drop_column("workers", "health_at")
    op.drop_column("workers", "health")
