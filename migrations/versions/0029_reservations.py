"""Slots of shops, and reservations in them."""

import sqlalchemy as sa
from alembic import op

from nearcast.store.types import Id, Serial, UtcDateTime

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "slot",
        sa.Column("tenant_id", Id, sa.ForeignKey("tenant.id"), primary_key=True, nullable=False),
        sa.Column("id", Id, primary_key=True),
        sa.Column("shop_id", Id, nullable=False),
        sa.Column("starts_at", UtcDateTime, nullable=False),
        sa.Column("ends_at", UtcDateTime, nullable=False),
        sa.Column("capacity", sa.Integer, nullable=False),
        sa.UniqueConstraint("tenant_id", "shop_id", "starts_at"),
        sa.Index(None, "tenant_id", "ends_at"),
    )
    op.create_table(
        "reservation",
        sa.Column("seq", Serial, sa.Identity(), primary_key=True),
        sa.Column("tenant_id", Id, sa.ForeignKey("tenant.id"), nullable=False),
        sa.Column("id", Id, nullable=False),
        sa.Column("slot_id", Id, nullable=False),
        sa.Column("shop_id", Id, nullable=False),
        sa.Column("customer_id", Id, nullable=False),
        sa.Column("channel", sa.String, nullable=False),
        sa.Column("starts_at", UtcDateTime, nullable=False),
        sa.Column("ends_at", UtcDateTime, nullable=False),
        sa.Column("state", sa.String, nullable=False),
        sa.Column("made_at", UtcDateTime, nullable=False),
        sa.Column("held_until", UtcDateTime, nullable=False),
        sa.Column("booked_at", UtcDateTime),
        sa.Column("ended_at", UtcDateTime),
        sa.UniqueConstraint("tenant_id", "id"),
        sa.Index(None, "tenant_id", "customer_id"),
        sa.Index(None, "tenant_id", "ends_at"),
        sa.Index(None, "tenant_id", "shop_id", "seq"),
        sa.Index(None, "tenant_id", "slot_id"),
    )
    held, live = sa.text("state = 'held'"), sa.text("state IN ('held', 'booked')")
    of_tenant = ["tenant_id", "held_until"]
    op.create_index("ix_reservation_held", "reservation", of_tenant, sqlite_where=held, postgresql_where=held)
    op.create_index(
        "ix_reservation_of_one",
        "reservation",
        ["tenant_id", "slot_id", "customer_id"],
        unique=True,
        sqlite_where=live,
        postgresql_where=live,
    )


def downgrade() -> None:
    op.drop_table("reservation")
    op.drop_table("slot")
