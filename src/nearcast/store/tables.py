"""Every table but those of customers. Rows belong to a tenant; the catalogue is kept as revisions, never overwritten.

`migrations/` makes the same tables; a test holds the two together by each database's own catalogue.
"""

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Double,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from nearcast.store.insert_only import keep_rows
from nearcast.store.schema import metadata, of_tenant, serial
from nearcast.store.types import GeometryType, Id, JsonText, PlainJson, UtcDateTime

PARTITIONS = 16

tenant = Table(
    "tenant",
    metadata,
    Column("id", Id, primary_key=True),
    Column("catalogue_revision", BigInteger, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
)


# --- the catalogue: revisions of documents


def revision_columns() -> list[Column[Any]]:
    return [
        of_tenant(is_key=True),
        Column("id", Id, primary_key=True),
        Column("revision", Integer, primary_key=True, autoincrement=False),
        Column("catalogue_revision", BigInteger, nullable=False),
        Column("doc", JsonText, nullable=False),
        Column("at", UtcDateTime, nullable=False),
        Column("is_deleted", Boolean, nullable=False),
    ]


settings_revision = Table("settings_revision", metadata, *revision_columns())
sensitive_place_revision = Table("sensitive_place_revision", metadata, *revision_columns())
shop_revision = Table("shop_revision", metadata, *revision_columns())
campaign_revision = Table("campaign_revision", metadata, *revision_columns(), Column("state", String, nullable=False))
geofence_revision = Table(
    "geofence_revision",
    metadata,
    *revision_columns(),
    Column("shop_id", Id),
    Column("geom", GeometryType),
    Column("radius_m", Double),
    Column("min_lat_deg", Double),
    Column("max_lat_deg", Double),
    Column("min_lon_deg", Double),
    Column("max_lon_deg", Double),
    Index(None, "tenant_id", "shop_id"),
    Index(None, "tenant_id", "min_lat_deg", "max_lat_deg"),
)
Index("ix_geofence_revision_geom", geofence_revision.c.geom, postgresql_using="gist").ddl_if(dialect="postgresql")


# --- where customers are

track = Table(
    "track",
    metadata,
    of_tenant(is_key=True),
    Column("customer_id", Id, primary_key=True),
    Column("doc", PlainJson, nullable=False),
    Column("stayed", PlainJson),
    Column("newest_at", UtcDateTime),
    Column("ends_at", UtcDateTime),
    Column("last_zone", String),
    Column("upto", BigInteger, nullable=False, server_default="0"),
    Index(None, "tenant_id", "newest_at"),
    Index(None, "tenant_id", "ends_at"),
)
visiting = Table(
    "visiting",
    metadata,
    of_tenant(is_key=True),
    Column("customer_id", Id, primary_key=True),
    Column("geofence_id", Id, primary_key=True),
    Index(None, "tenant_id", "geofence_id"),
)
transition = Table(
    "transition",
    metadata,
    of_tenant(is_key=True),
    Column("visit_id", Id, primary_key=True),
    Column("kind", String, primary_key=True),
    Column("customer_id", Id, nullable=False),
    Column("geofence_id", Id, nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Column("decided_at", UtcDateTime),
    Column("initial", Boolean, nullable=False),
    Column("inferred", Boolean, nullable=False),
    Column("reason", String),
    Column("duration_s", Double),
    Column("geofence_revision", Integer, nullable=False),
    Index(None, "tenant_id", "customer_id", "at"),
    Index(None, "tenant_id", "at"),
)


# --- what was decided, and what became of it

match_log = Table(
    "match_log",
    metadata,
    serial(),
    of_tenant(),
    Column("decision_id", Id, nullable=False),
    Column("customer_id", Id, nullable=False),
    Column("campaign_id", Id, nullable=False),
    Column("geofence_id", Id),
    Column("shop_id", Id, nullable=False),
    Column("trigger", String, nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Column("decided_at", UtcDateTime, nullable=False),
    Column("outcome", String, nullable=False),
    Column("reason", String),
    Column("reasons", PlainJson, nullable=False),
    Column("detail", PlainJson, nullable=False),
    Column("not_before", UtcDateTime),
    Column("expires_at", UtcDateTime),
    Column("tz_used", String),
    Column("tz_source", String),
    Column("would_have_sent", Boolean, nullable=False),
    Column("winner_campaign_id", Id),
    Column("message_id", Id),
    UniqueConstraint("tenant_id", "decision_id"),
    Index("ix_match_log_at", "tenant_id", "decided_at", "seq"),
    # what the rows of a campaign, a shop or a fence are asked for besides is answered without reading them
    Index("ix_match_log_campaign", "tenant_id", "campaign_id", "decided_at", "seq", "outcome", "reason"),
    Index("ix_match_log_shop", "tenant_id", "shop_id", "decided_at", "seq", "outcome", "reason"),
    Index("ix_match_log_customer", "tenant_id", "customer_id", "decided_at", "seq"),
    Index(
        "ix_match_log_geofence",
        *("tenant_id", "geofence_id", "decided_at", "seq", "campaign_id", "shop_id", "outcome", "reason"),
    ),
    Index("ix_match_log_reason", "tenant_id", "reason", "decided_at", "seq"),
)
_NOT_SUPPRESSED = text("outcome <> 'suppress'")  # what is suppressed is most of all, and found without an index
Index(
    "ix_match_log_outcome",
    *(match_log.c[name] for name in ("tenant_id", "outcome", "decided_at", "seq")),
    sqlite_where=_NOT_SUPPRESSED,
    postgresql_where=_NOT_SUPPRESSED,
)
message = Table(
    "message",
    metadata,
    serial(),
    of_tenant(),
    Column("id", Id, nullable=False),
    Column("decision_id", Id, nullable=False),
    Column("customer_id", Id, nullable=False),
    Column("campaign_id", Id, nullable=False),
    Column("shop_id", Id, nullable=False),
    Column("geofence_id", Id),
    Column("visit_id", Id),
    Column("channel", String, nullable=False),
    Column("text", Text, nullable=False),
    Column("status", String, nullable=False),
    Column("queued_at", UtcDateTime, nullable=False),
    Column("not_before", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime, nullable=False),
    Column("is_deferred", Boolean, nullable=False),
    Column("sent_at", UtcDateTime),
    Column("reason", String),
    Column("lease_owner", String),
    Column("lease_until", UtcDateTime),
    Column("attempt", Integer, nullable=False),
    Column("provider_id", String),
    Column("freed_at", UtcDateTime),
    Column("consent_event_ids", PlainJson),
    Column("variant", String),
    Column("sender", String),
    Column("priority", BigInteger, nullable=False, server_default="0"),
    Column("repeat_until", UtcDateTime),
    Column("content", Text),
    Column("provider_index", String),
    Column("error_code", String),
    Column("error_class", String),
    Column("delivered_at", UtcDateTime),
    Column("read_at", UtcDateTime),
    UniqueConstraint("tenant_id", "id"),
    Index(None, "tenant_id", "customer_id"),
    Index(None, "tenant_id", "campaign_id", "queued_at", "freed_at"),
    Index(None, "tenant_id", "status", "seq"),
)


def _message_index(name: str, where: str, *columns: Any, unique: bool = False) -> None:
    """Over the messages for which a condition holds."""
    only = text(where)
    Index(name, message.c.tenant_id, *columns, unique=unique, sqlite_where=only, postgresql_where=only)


_QUEUED = "status = 'queued'"
_message_index("ix_message_due", _QUEUED, message.c.not_before)
_message_index("ix_message_next", _QUEUED, message.c.priority.desc(), message.c.not_before, message.c.seq)
_message_index("ix_message_expiring", _QUEUED, message.c.expires_at)
_message_index("ix_message_leased", "lease_until IS NOT NULL", message.c.lease_until)
_message_index("ix_message_bare", "text <> ''", message.c.seq)
_message_index("ix_message_provider", "provider_index IS NOT NULL", message.c.provider_index)
_message_index("uq_message_in_flight", "status IN ('claimed', 'sending')", message.c.customer_id, unique=True)
throttle = Table(
    "throttle",
    metadata,
    of_tenant(is_key=True),
    Column("channel", Id, primary_key=True),
    Column("sender", Id, primary_key=True),
    Column("full_until", UtcDateTime, nullable=False),
)
other_send = Table(
    "other_send",
    metadata,
    serial(),
    of_tenant(),
    Column("customer_id", Id, nullable=False),
    Column("campaign_id", Id, nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Column("shop_id", Id),
    Column("geofence_id", Id),
    Column("channel", String),
    Column("is_ghost", Boolean, nullable=False),
    Column("decided_at", UtcDateTime),
    Index(None, "tenant_id", "customer_id"),
    Index(None, "tenant_id", "campaign_id", "is_ghost"),
)
campaign_budget = Table(
    "campaign_budget",
    metadata,
    of_tenant(is_key=True),
    Column("campaign_id", Id, primary_key=True),
    Column("used", BigInteger, nullable=False),
    *(Column(name, BigInteger, nullable=False, server_default="0") for name in ("booked", "booked_micros")),
)
assignment = Table(
    "assignment",
    metadata,
    of_tenant(is_key=True),
    Column("customer_id", Id, primary_key=True),
    Column("experiment", Id, primary_key=True),
    Column("arm", Id, primary_key=True),
    Column("percent", Double, nullable=False),
    Column("at", UtcDateTime, nullable=False),
)
run = Table(
    "run",
    metadata,
    of_tenant(is_key=True),
    Column("campaign_id", Id, primary_key=True),
    Column("due_at", UtcDateTime, primary_key=True),
    Column("status", String, nullable=False),
    Column("entries", Integer, nullable=False),
    Column("at", UtcDateTime, nullable=False),
)


# --- pings on their way; no foreign keys, for every accepted ping passes here

ping_log = Table(
    "ping_log",
    metadata,
    Column("tenant_id", Id, primary_key=True),
    Column("partition", SmallInteger, primary_key=True, autoincrement=False),
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("pings", Integer, nullable=False),
    Column("received_at_us", BigInteger, nullable=False),
    Column("block", LargeBinary, nullable=False),
)
log_position = Table(
    "log_position",
    metadata,
    Column("tenant_id", Id, primary_key=True),
    Column("partition", SmallInteger, primary_key=True, autoincrement=False),
    Column("head", BigInteger, nullable=False),
    Column("position", BigInteger, nullable=False),
    Column("settled", BigInteger, nullable=False),
)
partition_lease = Table(
    "partition_lease",
    metadata,
    Column("partition", SmallInteger, primary_key=True, autoincrement=False),
    Column("lease_owner", String),
    Column("lease_until", UtcDateTime),
    Column("token", BigInteger, nullable=False),
)
worker = Table(
    "worker",
    metadata,
    Column("owner", Id, primary_key=True),
    Column("alive_until", UtcDateTime, nullable=False),
)
ping_seen = Table(
    "ping_seen",
    metadata,
    Column("tenant_id", Id, primary_key=True),
    Column("customer_id", Id, primary_key=True),
    Column("device_id", Id, primary_key=True),
    Column("ping_id", Id, primary_key=True),
    Column("at", UtcDateTime, nullable=False),
    Index(None, "tenant_id", "at"),
    sqlite_with_rowid=False,
)


# --- who may ask, and what was answered

secret = Table(
    "secret",
    metadata,
    Column("name", Id, primary_key=True),
    Column("value", String, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
)
api_key = Table(
    "api_key",
    metadata,
    Column("id", Id, primary_key=True),
    of_tenant(),
    Column("name", String, nullable=False),
    Column("role", String, nullable=False),
    Column("key_hash", String, nullable=False),
    Column("shop_ids", JsonText),
    Column("created_at", UtcDateTime, nullable=False),
    Column("revoked_at", UtcDateTime),
    *(Column(name, UtcDateTime) for name in ("expires_at", "previous_until", "last_used_at")),
    Column("previous_hash", String),
    Index(None, "tenant_id"),
)
idempotency = Table(
    "idempotency",
    metadata,
    of_tenant(is_key=True),
    Column("key", Id, primary_key=True),
    Column("route", String, nullable=False),
    Column("body_sha256", String, nullable=False),
    Column("status", Integer),
    Column("response", Text),
    Column("customer_id", Id),
    Column("created_at", UtcDateTime, nullable=False),
    Index(None, "tenant_id", "created_at"),
    Index(None, "tenant_id", "customer_id"),
)
counter = Table(
    "counter",
    metadata,
    of_tenant(is_key=True),
    Column("name", Id, primary_key=True),
    Column("reason", Id, primary_key=True),
    Column("count", BigInteger, nullable=False),
)


# --- who changed what

audit = Table(
    "audit",
    metadata,
    serial(),
    of_tenant(),
    Column("at", UtcDateTime, nullable=False),
    Column("actor", Id, nullable=False),
    Column("role", String),
    Column("action", String, nullable=False),
    Column("kind", Id, nullable=False),
    Column("object_id", Id, nullable=False),
    Column("before_sha256", String),
    Column("after_sha256", String),
    Column("detail", JsonText),
    Index(None, "tenant_id", "seq"),
    Index(None, "tenant_id", "kind", "object_id", "seq"),
    Index(None, "tenant_id", "actor", "seq"),
)
keep_rows(audit)
