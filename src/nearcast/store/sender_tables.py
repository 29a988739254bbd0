"""How senders, and the people they write to, stand with the providers."""

from sqlalchemy import BigInteger, Column, Double, Index, Integer, String, Table

from nearcast.store.schema import metadata, of_tenant
from nearcast.store.types import Id, JsonText, UtcDateTime

sender_state = Table(
    "sender_state",
    metadata,
    of_tenant(is_key=True),
    Column("channel", Id, primary_key=True),
    Column("sender", Id, primary_key=True),
    *(Column(name, UtcDateTime) for name in ("stopped_at", "trial_at", "resumed_at", "slowed_at")),
    Column("code", String),
    Column("factor", Double, nullable=False),
    Column("people_a_day", BigInteger),
)
recipient_state = Table(
    "recipient_state",
    metadata,
    of_tenant(is_key=True),
    Column("customer_id", Id, primary_key=True),
    Column("channel", Id, primary_key=True),
    *(Column(name, UtcDateTime) for name in ("wait_until", "cooldown_until", "unreachable_at", "given_up_at")),
    Column("waits", Integer, nullable=False),
    Column("changed_at", UtcDateTime, nullable=False),
    Index(None, "tenant_id", "changed_at"),
)
allowance_use = Table(
    "allowance_use",
    metadata,
    of_tenant(is_key=True),
    Column("channel", Id, primary_key=True),
    Column("sender", Id, primary_key=True),
    Column("customer_id", Id, primary_key=True),
    Column("message_id", Id, nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Column("before_at", UtcDateTime),
    Index(None, "tenant_id", "channel", "sender", "at"),
    Index(None, "tenant_id", "customer_id"),
    Index(None, "tenant_id", "message_id"),
)
message_template = Table(
    "message_template",
    metadata,
    of_tenant(is_key=True),
    Column("name", Id, primary_key=True),
    Column("language", Id, primary_key=True),
    Column("provider_id", String),
    *(Column(name, String, nullable=False) for name in ("status", "category")),
    Column("quality", String),
    Column("components", JsonText, nullable=False),
    Column("ttl_s", Integer),
    *(Column(name, UtcDateTime, nullable=False) for name in ("status_at", "category_at")),
    *(Column(name, UtcDateTime) for name in ("quality_at", "stopped_at")),
    Column("stop_code", String),
)
