"""The numbers of the people who work in shops."""

import sqlalchemy as sa
from alembic import op

from nearcast.store.types import Id, UtcDateTime

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "shop_staff",
        sa.Column("id", Id, primary_key=True),
        sa.Column("tenant_id", Id, sa.ForeignKey("tenant.id"), nullable=False),
        sa.Column("shop_id", Id, nullable=False),
        sa.Column("name", sa.String, nullable=False),
        sa.Column("channel", Id, nullable=False),
        sa.Column("sealed", sa.Text, nullable=False),
        sa.Column("address_index", Id, nullable=False),
        sa.Column("registered_at", UtcDateTime, nullable=False),
        sa.Column("verified_at", UtcDateTime),
        sa.Column("heard_at", UtcDateTime),
        sa.Column("heard_by", sa.String),
        sa.UniqueConstraint("tenant_id", "shop_id", "channel", "address_index"),
        sa.Index(None, "tenant_id", "address_index"),
    )


def downgrade() -> None:
    op.drop_table("shop_staff")
