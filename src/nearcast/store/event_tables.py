"""Webhooks and the events on their way to them."""

from sqlalchemy import Column, Index, Integer, String, Table, UniqueConstraint, text

from nearcast.store.schema import metadata, of_tenant, serial
from nearcast.store.tables import revision_columns
from nearcast.store.types import Id, JsonText, UtcDateTime

webhook_revision = Table("webhook_revision", metadata, *revision_columns())
_QUEUED = text("status = 'queued'")
event_delivery = Table(
    "event_delivery",
    metadata,
    serial(),
    of_tenant(),
    Column("webhook_id", Id, nullable=False),
    Column("event_id", Id, nullable=False),
    Column("customer_id", Id, nullable=False),
    Column("doc", JsonText),
    Column("status", String, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("next_attempt_at", UtcDateTime),
    Column("created_at", UtcDateTime, nullable=False),
    Column("ended_at", UtcDateTime),
    Column("answer", String),
    UniqueConstraint("tenant_id", "webhook_id", "event_id"),
    Index(None, "tenant_id", "customer_id"),
    Index(None, "tenant_id", "webhook_id", "status", "seq"),
)
for name, columns in (
    ("ix_event_delivery_due", ("tenant_id", "next_attempt_at")),
    ("ix_event_delivery_waiting", ("tenant_id", "webhook_id", "customer_id", "seq")),
):
    here = event_delivery.c
    Index(name, *(here[column] for column in columns), sqlite_where=_QUEUED, postgresql_where=_QUEUED)
