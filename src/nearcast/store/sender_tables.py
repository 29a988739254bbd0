"""How senders, and the people they write to, stand with the providers.

A sender is the provider's: tenants that share one share its rows, which name no tenant and nobody. Only workers reach
those.
"""

from sqlalchemy import BigInteger, Column, Double, Index, Integer, String, Table

from nearcast.store.schema import metadata, of_tenant
from nearcast.store.types import Id, JsonText, UtcDateTime

sender_state = Table(
    "sender_state",
    metadata,
    Column("channel", Id, primary_key=True),
    Column("sender", Id, primary_key=True),
    *(Column(name, UtcDateTime) for name in ("stopped_at", "trial_at", "resumed_at", "slowed_at")),
    *(Column(name, String) for name in ("code", "scope")),
    Column("factor", Double, nullable=False),
    Column("people_a_day", BigInteger),
)
recipient_state = Table(
    "recipient_state",
    metadata,
    of_tenant(is_key=True),
    Column("customer_id", Id, primary_key=True),
    Column("channel", Id, primary_key=True),
    *(Column(name, UtcDateTime) for name in ("cooldown_until", "unreachable_at", "given_up_at")),
    Column("changed_at", UtcDateTime, nullable=False),
    Index(None, "tenant_id", "changed_at"),
)
allowance_use = Table(
    "allowance_use",
    metadata,
    *(Column(name, Id, primary_key=True) for name in ("channel", "sender", "person")),
    Column("message", Id, nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Column("before_at", UtcDateTime),
    Index(None, "channel", "sender", "at"),
    Index(None, "message"),
)
pair_wait = Table(
    "pair_wait",
    metadata,
    *(Column(name, Id, primary_key=True) for name in ("channel", "sender", "person")),
    Column("wait_until", UtcDateTime),
    Column("waits", Integer, nullable=False),
    Column("changed_at", UtcDateTime, nullable=False),
    Index(None, "changed_at"),
)
provider_throttle = Table(
    "provider_throttle",
    metadata,
    *(Column(name, Id, primary_key=True) for name in ("channel", "sender")),
    Column("full_until", UtcDateTime, nullable=False),
)
shared_duty = Table(
    "shared_duty",
    metadata,
    Column("name", Id, primary_key=True),
    Column("due_at", UtcDateTime, nullable=False),
    Column("began_at", UtcDateTime),
    Column("failures", Integer, nullable=False),
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
