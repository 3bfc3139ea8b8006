"""lists of documents over all cases and experts, from indexes"""

from alembic import op

revision = "0010"
down_revision = "0009"

_OWNERS = {"case_documents": "case_id", "expert_documents": "expert_id"}


def upgrade() -> None:
    for table, owner in _OWNERS.items():
        op.create_index(f"ix_{table}_uploaded", table, ["uploaded_at", "id", "name"])
        op.create_index(f"ix_{table}_owner_uploaded", table, [owner, "uploaded_at", "id"])
        op.create_index(
            f"ix_{table}_status_uploaded", table, ["processing_status", "uploaded_at", "id", "name"]
        )
        op.drop_index(f"ix_{table}_processing_status", table)  # the last one begins with it


def downgrade() -> None:
    for table in _OWNERS:
        op.create_index(f"ix_{table}_processing_status", table, ["processing_status"])
        for name in ("uploaded", "owner_uploaded", "status_uploaded"):
            op.drop_index(f"ix_{table}_{name}", table)
