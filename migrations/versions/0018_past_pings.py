"""Pings of the past, as files bring them in."""

import sqlalchemy as sa
from alembic import op

from nearcast.store.types import Id, UtcDateTime

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "past_ping",
        sa.Column("tenant_id", Id, sa.ForeignKey("tenant.id"), primary_key=True, nullable=False),
        sa.Column("customer_id", Id, primary_key=True),
        sa.Column("recorded_at_us", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("device_id", Id, primary_key=True),
        sa.Column("lat_deg", sa.Double, primary_key=True),
        sa.Column("lon_deg", sa.Double, primary_key=True),
        sa.Column("accuracy_m", sa.Double),
        sa.Column("speed_mps", sa.Double),
        sa.Column("ping_id", sa.Text),
        sa.Column("taken_at", UtcDateTime, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index(None, "past_ping", ["tenant_id", "taken_at"])


def downgrade() -> None:
    op.drop_table("past_ping")
