"""Vouchers, each of one message."""

import sqlalchemy as sa
from alembic import op

from nearcast.store.types import Id, UtcDateTime

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "voucher",
        sa.Column("id", Id, primary_key=True),
        sa.Column("tenant_id", Id, sa.ForeignKey("tenant.id"), nullable=False),
        sa.Column("message_id", Id, nullable=False),
        sa.Column("customer_id", Id, nullable=False),
        sa.Column("campaign_id", Id, nullable=False),
        sa.Column("shop_id", Id, nullable=False),
        sa.Column("title", sa.String, nullable=False),
        sa.Column("terms", sa.Text, nullable=False),
        sa.Column("issued_at", UtcDateTime, nullable=False),
        sa.Column("expires_at", UtcDateTime, nullable=False),
        sa.Column("redeemed_at", UtcDateTime),
        sa.Column("redeemed_by", Id),
        sa.UniqueConstraint("tenant_id", "message_id"),
        sa.Index(None, "tenant_id", "customer_id"),
        sa.Index(None, "tenant_id", "expires_at"),
    )


def downgrade() -> None:
    op.drop_table("voucher")
