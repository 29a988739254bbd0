"""Webhooks, and the events on their way to them."""

import sqlalchemy as sa
from alembic import op

from nearcast.store.types import Id, JsonText, Serial, UtcDateTime

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

_QUEUED = sa.text("status = 'queued'")


def upgrade() -> None:
    op.create_table(
        "webhook_revision",
        sa.Column("tenant_id", Id, sa.ForeignKey("tenant.id"), primary_key=True, nullable=False),
        sa.Column("id", Id, primary_key=True),
        sa.Column("revision", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("catalogue_revision", sa.BigInteger, nullable=False),
        sa.Column("doc", JsonText, nullable=False),
        sa.Column("at", UtcDateTime, nullable=False),
        sa.Column("is_deleted", sa.Boolean, nullable=False),
    )
    op.create_table(
        "event_delivery",
        sa.Column("seq", Serial, sa.Identity(), primary_key=True),
        sa.Column("tenant_id", Id, sa.ForeignKey("tenant.id"), nullable=False),
        sa.Column("webhook_id", Id, nullable=False),
        sa.Column("event_id", Id, nullable=False),
        sa.Column("customer_id", Id, nullable=False),
        sa.Column("doc", JsonText),
        sa.Column("status", sa.String, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("next_attempt_at", UtcDateTime),
        sa.Column("created_at", UtcDateTime, nullable=False),
        sa.Column("ended_at", UtcDateTime),
        sa.Column("answer", sa.String),
        sa.UniqueConstraint("tenant_id", "webhook_id", "event_id"),
    )
    op.create_index(None, "event_delivery", ["tenant_id", "customer_id"])
    op.create_index(None, "event_delivery", ["tenant_id", "webhook_id", "status", "seq"])
    _index("ix_event_delivery_due", ["tenant_id", "next_attempt_at"])
    _index("ix_event_delivery_waiting", ["tenant_id", "webhook_id", "customer_id", "seq"])


def downgrade() -> None:
    op.drop_table("event_delivery")
    op.drop_table("webhook_revision")


def _index(name: str, columns: list[str]) -> None:
    op.create_index(name, "event_delivery", columns, sqlite_where=_QUEUED, postgresql_where=_QUEUED)
