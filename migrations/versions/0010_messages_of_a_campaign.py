"""What a campaign's messages took up at an instant is counted in an index."""

from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(
        "ix_message_tenant_id_campaign_id_queued_at_freed_at",
        "message",
        ["tenant_id", "campaign_id", "queued_at", "freed_at"],
    )
    op.drop_index("ix_message_tenant_id_campaign_id_status", "message")


def downgrade() -> None:
    op.create_index("ix_message_tenant_id_campaign_id_status", "message", ["tenant_id", "campaign_id", "status"])
    op.drop_index("ix_message_tenant_id_campaign_id_queued_at_freed_at", "message")
