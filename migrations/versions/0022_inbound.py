"""What comes back from providers and people, and what is answered."""

from typing import Any

import sqlalchemy as sa
from alembic import op

from nearcast.store.types import Id, Serial, UtcDateTime

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

_NAMES = (
    "reply",
    "opt_out_review",
    "channel_pause",
    "contact_key",
    "message_event",
    "quarantined_webhook",
    "raw_webhook",
)


def upgrade() -> None:
    op.create_table(
        "raw_webhook",
        _of_tenant(primary_key=True),
        sa.Column("sha256", Id, primary_key=True),
        sa.Column("channel", sa.String, nullable=False),
        sa.Column("sealed", sa.Text),
        sa.Column("received_at", UtcDateTime, nullable=False),
    )
    op.create_index(None, "raw_webhook", ["tenant_id", "received_at"])
    op.create_table(
        "quarantined_webhook",
        sa.Column("sha256", Id, primary_key=True),
        sa.Column("channel", sa.String, nullable=False),
        sa.Column("sealed", sa.Text, nullable=False),
        sa.Column("received_at", UtcDateTime, nullable=False),
    )
    _make_events()
    _make_keys()
    _make_replies()


def _make_events() -> None:
    op.create_table(
        "message_event",
        sa.Column("seq", Serial, sa.Identity(), primary_key=True),
        _of_tenant(),
        sa.Column("event_index", Id, nullable=False),
        *(sa.Column(name, sa.String, nullable=False) for name in ("channel", "kind", "what")),
        *(sa.Column(name, UtcDateTime, nullable=False) for name in ("at", "received_at")),
        sa.Column("status", sa.String, nullable=False),
        sa.Column("raw_sha256", sa.String),
        *(sa.Column(name, Id) for name in ("provider_index", "message_id", "customer_id")),
        sa.Column("sealed", sa.Text),
        sa.UniqueConstraint("tenant_id", "event_index"),
    )
    for column in ("customer_id", "message_id", "received_at"):
        op.create_index(None, "message_event", ["tenant_id", column])
    _index_where("ix_message_event_pending", "message_event", "seq", "status = 'pending'")
    _index_where("ix_message_event_orphan", "message_event", "provider_index", "status = 'orphan'")


def _make_keys() -> None:
    op.create_table(
        "contact_key",
        _of_tenant(primary_key=True),
        *(sa.Column(name, Id, primary_key=True) for name in ("kind", "key_index", "customer_id")),
        sa.Column("sealed", sa.Text, nullable=False),
        sa.Column("learnt_at", UtcDateTime, nullable=False),
    )
    op.create_table(
        "channel_pause",
        _of_tenant(primary_key=True),
        *(sa.Column(name, Id, primary_key=True) for name in ("customer_id", "channel", "origin")),
        sa.Column("at", UtcDateTime, nullable=False),
        sa.Column("is_lifted", sa.Boolean, nullable=False),
    )
    op.create_table(
        "opt_out_review",
        sa.Column("seq", Serial, sa.Identity(), primary_key=True),
        _of_tenant(),
        sa.Column("customer_id", Id, nullable=False),
        sa.Column("channel", sa.String, nullable=False),
        sa.Column("at", UtcDateTime, nullable=False),
        sa.Column("sealed", sa.Text, nullable=False),
        sa.Column("status", sa.String, nullable=False),
        sa.Column("decided_at", UtcDateTime),
    )
    for table in ("contact_key", "opt_out_review"):
        op.create_index(None, table, ["tenant_id", "customer_id"])
    op.create_index(None, "opt_out_review", ["tenant_id", "status", "seq"])


def _make_replies() -> None:
    op.create_table(
        "reply",
        sa.Column("seq", Serial, sa.Identity(), primary_key=True),
        _of_tenant(),
        sa.Column("id", Id, nullable=False),
        sa.Column("channel", sa.String, nullable=False),
        sa.Column("customer_id", Id),
        sa.Column("sealed", sa.Text),
        sa.Column("is_about_consent", sa.Boolean, nullable=False),
        sa.Column("status", sa.String, nullable=False),
        sa.Column("reason", sa.String),
        *(sa.Column(name, UtcDateTime, nullable=False) for name in ("created_at", "not_before", "not_after")),
        sa.Column("attempt", sa.Integer, nullable=False),
        *(sa.Column(name, UtcDateTime) for name in ("lease_until", "sent_at")),
        sa.Column("provider_index", Id),
        sa.UniqueConstraint("tenant_id", "id"),
    )
    for column in ("customer_id", "created_at"):
        op.create_index(None, "reply", ["tenant_id", column])
    _index_where("ix_reply_due", "reply", "not_before", "status = 'queued'")
    _index_where("ix_reply_leased", "reply", "lease_until", "lease_until IS NOT NULL")


def downgrade() -> None:
    for name in _NAMES:
        op.drop_table(name)


def _of_tenant(**how: Any) -> sa.Column[str]:
    return sa.Column("tenant_id", Id, sa.ForeignKey("tenant.id"), nullable=False, **how)


def _index_where(name: str, table: str, column: str, condition: str) -> None:
    only = sa.text(condition)
    op.create_index(name, table, ["tenant_id", column], sqlite_where=only, postgresql_where=only)
