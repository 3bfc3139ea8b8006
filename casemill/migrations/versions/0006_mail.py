"""the outbox, claims of expert profiles"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

_VERIFIED = sa.text("state = 'verified'")


def upgrade() -> None:
    op.create_table(
        "outgoing_mails",
        sa.Column("claimed_by", sa.Uuid(), nullable=True),
        sa.Column("claim_attempt", sa.Integer(), nullable=True),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("recipient", sa.String(length=254), nullable=False),
        sa.Column("subject_key", sa.String(length=200), nullable=False),
        sa.Column("context", sa.JSON(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=True),
        sa.Column("state", sa.String(length=40), nullable=False),
        sa.Column("words", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("next_try_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("not_after", sa.DateTime(timezone=True), nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("kind", "recipient", "subject_key"),
    )
    op.create_index("ix_outgoing_mails_claimed_by", "outgoing_mails", ["claimed_by"])
    op.create_index("ix_outgoing_mails_state_next", "outgoing_mails", ["state", "next_try_at"])
    op.create_table(
        "expert_claims",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("expert_id", sa.Uuid(), nullable=False),
        sa.Column("email", sa.String(length=254), nullable=False),
        sa.Column("state", sa.String(length=40), nullable=False),
        sa.Column("requested_by", sa.Uuid(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("verified_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["expert_id"], ["experts.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_expert_claims_expert_created", "expert_claims", ["expert_id", "created_at"])
    op.create_index("ix_expert_claims_email_created", "expert_claims", ["email", "created_at"])
    op.create_index("ix_expert_claims_requested", "expert_claims", ["requested_by", "created_at"])
    op.create_index(
        "ix_expert_claims_verified",
        "expert_claims",
        ["expert_id"],
        unique=True,
        sqlite_where=_VERIFIED,
        postgresql_where=_VERIFIED,
    )


def downgrade() -> None:
    op.drop_table("expert_claims")
    op.drop_table("outgoing_mails")
