"""Payments by link, and what their provider tells of them."""

import sqlalchemy as sa
from alembic import op

from nearcast.store.types import Id, Serial, UtcDateTime

revision = "0031"
down_revision = "0030"
branch_labels = None
depends_on = None

_INSTANTS = ("linked_at", "closed_at", "paid_at", "ended_at", "refund_wanted_at", "refunded_at", "due_at")


def upgrade() -> None:
    op.create_table(
        "payment",
        sa.Column("seq", Serial, sa.Identity(), primary_key=True),
        sa.Column("id", Id, nullable=False),
        sa.Column("tenant_id", Id, sa.ForeignKey("tenant.id"), nullable=False),
        sa.Column("shop_id", Id, nullable=False),
        *(sa.Column(name, Id) for name in ("customer_id", "reservation_id")),
        sa.Column("amount_minor", sa.BigInteger, nullable=False),
        sa.Column("currency", sa.String, nullable=False),
        sa.Column("description", sa.Text, nullable=False),
        sa.Column("state", sa.String, nullable=False),
        *(sa.Column(name, sa.String) for name in ("reason", "provider_id", "odd_currency")),
        sa.Column("odd_minor", sa.BigInteger),
        *(sa.Column(name, UtcDateTime, nullable=False) for name in ("created_at", "expires_at")),
        *(sa.Column(name, UtcDateTime) for name in _INSTANTS),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.UniqueConstraint("id"),
        sa.Index(None, "tenant_id", "customer_id"),
        sa.Index(None, "tenant_id", "shop_id", "paid_at"),
    )
    due = sa.text("due_at IS NOT NULL")
    op.create_index("ix_payment_due", "payment", ["due_at"], sqlite_where=due, postgresql_where=due)
    op.create_table(
        "payment_event",
        sa.Column("tenant_id", Id, sa.ForeignKey("tenant.id"), primary_key=True, nullable=False),
        sa.Column("id", Id, primary_key=True),
        sa.Column("payment_id", Id, nullable=False),
        sa.Column("what", sa.String, nullable=False),
        sa.Column("amount_minor", sa.BigInteger),
        sa.Column("currency", sa.String),
        sa.Column("at", UtcDateTime, nullable=False),
        sa.Column("received_at", UtcDateTime, nullable=False),
        sa.Index(None, "tenant_id", "received_at"),
    )


def downgrade() -> None:
    op.drop_table("payment_event")
    op.drop_table("payment")
