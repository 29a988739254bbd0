"""What messages cost."""

import sqlalchemy as sa
from alembic import op

from nearcast.store.types import Id, UtcDateTime

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "message_cost",
        sa.Column("tenant_id", Id, sa.ForeignKey("tenant.id"), primary_key=True, nullable=False),
        sa.Column("message_id", Id, primary_key=True),
        sa.Column("campaign_id", Id, nullable=False),
        sa.Column("shop_id", Id, nullable=False),
        *(sa.Column(name, sa.String, nullable=False) for name in ("channel", "category")),
        sa.Column("market", sa.String),
        sa.Column("currency", sa.String),
        *(sa.Column(name, sa.BigInteger) for name in ("expected_micros", "booked_micros")),
        sa.Column("at", UtcDateTime, nullable=False),
        sa.Column("booked_at", UtcDateTime),
    )
    for column in ("at", "booked_at"):
        op.create_index(None, "message_cost", ["tenant_id", "shop_id", column])


def downgrade() -> None:
    op.drop_table("message_cost")
