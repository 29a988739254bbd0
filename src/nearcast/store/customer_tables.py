"""The tables of customers: how they are reached, what they agreed to, and the devices that speak for them."""

from sqlalchemy import Column, ForeignKeyConstraint, Index, Integer, String, Table, Text, UniqueConstraint

from nearcast.store.insert_only import keep_rows
from nearcast.store.schema import metadata, of_tenant, serial
from nearcast.store.types import Id, JsonText, UtcDateTime

customer = Table(
    "customer",
    metadata,
    of_tenant(is_key=True),
    Column("id", Id, primary_key=True),
    Column("subject", Id, nullable=False),
    Column("doc", JsonText, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    UniqueConstraint("tenant_id", "subject"),
)
suppression = Table(
    "suppression",
    metadata,
    of_tenant(is_key=True),
    Column("customer_id", Id, primary_key=True),
    Column("channel", Id, primary_key=True),
    Column("reason", String),
    Column("at", UtcDateTime, nullable=False),
)
suppressed_address = Table(
    "suppressed_address",
    metadata,
    of_tenant(is_key=True),
    Column("address_index", Id, primary_key=True),
    Column("channel", Id, primary_key=True),
    Column("reason", String),
    Column("at", UtcDateTime, nullable=False),
)
contact = Table(
    "contact",
    metadata,
    of_tenant(is_key=True),
    Column("customer_id", Id, primary_key=True),
    Column("channel", Id, primary_key=True),
    Column("sealed", Text, nullable=False),
    Column("address_index", Id),
    ForeignKeyConstraint(["tenant_id", "customer_id"], ["customer.tenant_id", "customer.id"]),
    Index(None, "tenant_id", "address_index"),
)
consent_event = Table(
    "consent_event",
    metadata,
    serial(),
    of_tenant(),
    Column("event_id", Id, nullable=False),
    Column("subject", Id, nullable=False),
    Column("purpose", String, nullable=False),
    Column("channel", String),
    Column("sender", String),
    Column("action", String, nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Column("valid_until", UtcDateTime),
    Column("recorded_at", UtcDateTime, nullable=False),
    Column("notice", JsonText),
    Column("source", Text),
    Column("proof", JsonText),
    Column("address_index", String),
    Column("position", Integer, nullable=False),
    Column("prev_hash", String, nullable=False),
    Column("row_hash", String, nullable=False),
    UniqueConstraint("tenant_id", "event_id"),
    UniqueConstraint("tenant_id", "subject", "position"),
    Index(None, "tenant_id", "seq"),  # what is new in a ledger, however long it is
    Index(None, "tenant_id", "at"),
    Index(None, "tenant_id", "valid_until"),
)
keep_rows(consent_event, until_purged=True)
purged_chain = Table(
    "purged_chain",
    metadata,
    of_tenant(is_key=True),
    Column("subject", Id, primary_key=True),
    Column("purged_at", UtcDateTime, nullable=False),
    Column("lines", Integer, nullable=False),
    Column("hash", String, nullable=False),
)
keep_rows(purged_chain)
ledger_head = Table(
    "ledger_head",
    metadata,
    of_tenant(is_key=True),
    Column("subject", Id, primary_key=True),
    Column("lines", Integer, nullable=False),
    Column("hash", String, nullable=False),
)
confirmation = Table(
    "confirmation",
    metadata,
    of_tenant(is_key=True),
    Column("token_sha256", String, primary_key=True),
    Column("subject", Id, nullable=False),
    Column("event_id", Id, nullable=False),
    Column("sent_at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime, nullable=False),
    Column("clicked_at", UtcDateTime),
    Index(None, "tenant_id", "expires_at"),
)
device = Table(
    "device",
    metadata,
    Column("id", Id, primary_key=True),
    of_tenant(),
    Column("customer_id", Id, nullable=False),
    Column("feed", String, nullable=False),
    Column("password_hash", String, nullable=False),
    Column("token_hash", String, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("revoked_at", UtcDateTime),
    Column("last_seen_at", UtcDateTime),
    ForeignKeyConstraint(["tenant_id", "customer_id"], ["customer.tenant_id", "customer.id"]),
    Index(None, "tenant_id", "customer_id"),
    Index(None, "tenant_id", "revoked_at"),
)
