"""What providers report and people write back, what is answered, and the names that providers have for people."""

from sqlalchemy import Boolean, Column, Index, Integer, String, Table, Text, UniqueConstraint, text

from nearcast.store.schema import metadata, of_tenant, serial
from nearcast.store.types import Id, UtcDateTime

raw_webhook = Table(
    "raw_webhook",
    metadata,
    of_tenant(is_key=True),
    Column("sha256", Id, primary_key=True),
    Column("channel", String, nullable=False),
    Column("sealed", Text),
    Column("received_at", UtcDateTime, nullable=False),
    Index(None, "tenant_id", "received_at"),
)
quarantined_webhook = Table(
    "quarantined_webhook",
    metadata,
    Column("sha256", Id, primary_key=True),
    Column("channel", String, nullable=False),
    Column("sealed", Text, nullable=False),
    Column("received_at", UtcDateTime, nullable=False),
)
"""Signed, and about an account that is nobody's here: so it belongs to no tenant."""

message_event = Table(
    "message_event",
    metadata,
    serial(),
    of_tenant(),
    Column("event_index", Id, nullable=False),
    Column("channel", String, nullable=False),
    Column("kind", String, nullable=False),
    Column("what", String, nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Column("received_at", UtcDateTime, nullable=False),
    Column("status", String, nullable=False),
    Column("raw_sha256", String),
    Column("provider_index", Id),
    Column("message_id", Id),
    Column("customer_id", Id),
    Column("sealed", Text),
    UniqueConstraint("tenant_id", "event_index"),
    Index(None, "tenant_id", "customer_id"),
    Index(None, "tenant_id", "message_id"),
    Index(None, "tenant_id", "received_at"),
)
_PENDING, _ORPHAN = text("status = 'pending'"), text("status = 'orphan'")
_event = message_event.c
Index("ix_message_event_pending", _event.tenant_id, _event.seq, sqlite_where=_PENDING, postgresql_where=_PENDING)
Index(
    "ix_message_event_orphan",
    _event.tenant_id,
    _event.provider_index,
    sqlite_where=_ORPHAN,
    postgresql_where=_ORPHAN,
)
contact_key = Table(
    "contact_key",
    metadata,
    of_tenant(is_key=True),
    Column("kind", Id, primary_key=True),
    Column("key_index", Id, primary_key=True),
    Column("customer_id", Id, primary_key=True),
    Column("sealed", Text, nullable=False),
    Column("learnt_at", UtcDateTime, nullable=False),
    Index(None, "tenant_id", "customer_id"),
)
channel_pause = Table(
    "channel_pause",
    metadata,
    of_tenant(is_key=True),
    Column("customer_id", Id, primary_key=True),
    Column("channel", Id, primary_key=True),
    Column("origin", Id, primary_key=True),
    Column("at", UtcDateTime, nullable=False),
    Column("is_lifted", Boolean, nullable=False),
)
opt_out_review = Table(
    "opt_out_review",
    metadata,
    serial(),
    of_tenant(),
    Column("customer_id", Id, nullable=False),
    Column("channel", String, nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Column("sealed", Text, nullable=False),
    Column("status", String, nullable=False),
    Column("decided_at", UtcDateTime),
    Index(None, "tenant_id", "customer_id"),
    Index(None, "tenant_id", "status", "seq"),
)
reply = Table(
    "reply",
    metadata,
    serial(),
    of_tenant(),
    Column("id", Id, nullable=False),
    Column("channel", String, nullable=False),
    Column("customer_id", Id),
    Column("sealed", Text),
    Column("is_asked_for", Boolean, nullable=False),
    Column("status", String, nullable=False),
    Column("reason", String),
    Column("created_at", UtcDateTime, nullable=False),
    Column("not_before", UtcDateTime, nullable=False),
    Column("not_after", UtcDateTime, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("lease_until", UtcDateTime),
    Column("sent_at", UtcDateTime),
    Column("provider_index", Id),
    UniqueConstraint("tenant_id", "id"),
    Index(None, "tenant_id", "customer_id"),
    Index(None, "tenant_id", "created_at"),
)
_QUEUED, _LEASED = text("status = 'queued'"), text("lease_until IS NOT NULL")
Index("ix_reply_due", reply.c.tenant_id, reply.c.not_before, sqlite_where=_QUEUED, postgresql_where=_QUEUED)
Index("ix_reply_leased", reply.c.tenant_id, reply.c.lease_until, sqlite_where=_LEASED, postgresql_where=_LEASED)
