"""Payments that customers were asked for, and what their provider told of them."""

from sqlalchemy import BigInteger, Column, Index, Integer, String, Table, Text, UniqueConstraint, text

from nearcast.store.schema import metadata, of_tenant, serial
from nearcast.store.types import Id, UtcDateTime

payment = Table(
    "payment",
    metadata,
    serial(),
    Column("id", Id, nullable=False),
    of_tenant(),
    Column("shop_id", Id, nullable=False),
    Column("customer_id", Id),
    Column("reservation_id", Id),
    Column("amount_minor", BigInteger, nullable=False),
    Column("currency", String, nullable=False),
    Column("description", Text, nullable=False),
    Column("state", String, nullable=False),
    Column("reason", String),
    Column("provider_id", String),
    Column("odd_minor", BigInteger),
    Column("odd_currency", String),
    Column("created_at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime, nullable=False),
    Column("linked_at", UtcDateTime),
    Column("closed_at", UtcDateTime),
    Column("paid_at", UtcDateTime),
    Column("ended_at", UtcDateTime),
    Column("refund_wanted_at", UtcDateTime),
    Column("refunded_at", UtcDateTime),
    Column("due_at", UtcDateTime),
    Column("attempts", Integer, nullable=False),
    UniqueConstraint("id"),
    Index(None, "tenant_id", "customer_id"),
    Index(None, "tenant_id", "shop_id", "paid_at"),
)
_DUE = text("due_at IS NOT NULL")
Index("ix_payment_due", payment.c.due_at, sqlite_where=_DUE, postgresql_where=_DUE)

payment_event = Table(
    "payment_event",
    metadata,
    of_tenant(is_key=True),
    Column("id", Id, primary_key=True),
    Column("payment_id", Id, nullable=False),
    Column("what", String, nullable=False),
    Column("amount_minor", BigInteger),
    Column("currency", String),
    Column("at", UtcDateTime, nullable=False),
    Column("received_at", UtcDateTime, nullable=False),
    Index(None, "tenant_id", "received_at"),
)
