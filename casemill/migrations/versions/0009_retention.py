"""how long each class is kept, what cleanups removed, messages whose content was forgotten"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    op.create_table(
        "retention",
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("value", sa.Float(), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("changed_by", sa.Uuid(), nullable=True),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "cleanup_reports",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("dry_run", sa.Boolean(), nullable=False),
        sa.Column("removed", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_cleanup_reports_finished_at", "cleanup_reports", ["finished_at"])
    op.add_column("outgoing_mails", sa.Column("forgotten_at", sa.DateTime(timezone=True), nullable=True))
    op.create_index("ix_outgoing_mails_forgotten", "outgoing_mails", ["forgotten_at", "not_after"])


def downgrade() -> None:
    op.drop_index("ix_outgoing_mails_forgotten", "outgoing_mails")
    op.drop_column("outgoing_mails", "forgotten_at")
    op.drop_table("cleanup_reports")
    op.drop_table("retention")
