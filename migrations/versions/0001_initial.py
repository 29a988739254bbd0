"""All tables of the first service."""

from typing import Any

import sqlalchemy as sa
from alembic import op

from nearcast.store.types import GeometryType, Id, JsonText, Serial, UtcDateTime

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

TABLES = (
    "tenant",
    "settings_revision",
    "shop_revision",
    "campaign_revision",
    "geofence_revision",
    "customer",
    "suppression",
    "consent_event",
    "track",
    "visiting",
    "transition",
    "match_log",
    "message",
    "other_send",
    "run",
    "ping_log",
    "log_position",
    "ping_seen",
    "api_key",
    "idempotency",
    "counter",
)


def _of_tenant(*, is_key: bool = False) -> sa.Column[str]:
    return sa.Column("tenant_id", Id, sa.ForeignKey("tenant.id"), primary_key=is_key, nullable=False)


def _serial() -> sa.Column[int]:
    return sa.Column("seq", Serial, sa.Identity(), primary_key=True)


def _revision_columns() -> list[sa.Column[Any]]:
    return [
        _of_tenant(is_key=True),
        sa.Column("id", Id, primary_key=True),
        sa.Column("revision", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("catalogue_revision", sa.BigInteger, nullable=False),
        sa.Column("doc", JsonText, nullable=False),
        sa.Column("at", UtcDateTime, nullable=False),
        sa.Column("is_deleted", sa.Boolean, nullable=False),
    ]


def upgrade() -> None:
    is_postgresql = op.get_bind().dialect.name == "postgresql"
    if is_postgresql:
        op.execute("CREATE EXTENSION IF NOT EXISTS postgis")
    _catalogue()
    _customers()
    _places()
    _match_log()
    _messages()
    _other_sends_and_runs()
    _pings()
    _access()
    if is_postgresql:
        op.create_index("ix_geofence_revision_geom", "geofence_revision", ["geom"], postgresql_using="gist")


def downgrade() -> None:
    for name in reversed(TABLES):
        op.drop_table(name)


def _catalogue() -> None:
    op.create_table(
        "tenant",
        sa.Column("id", Id, primary_key=True),
        sa.Column("catalogue_revision", sa.BigInteger, nullable=False),
        sa.Column("created_at", UtcDateTime, nullable=False),
    )
    op.create_table("settings_revision", *_revision_columns())
    op.create_table("shop_revision", *_revision_columns())
    op.create_table(
        "campaign_revision",
        *_revision_columns(),
        sa.Column("state", sa.String, nullable=False),
    )
    op.create_table(
        "geofence_revision",
        *_revision_columns(),
        sa.Column("shop_id", Id),
        sa.Column("geom", GeometryType),
        sa.Column("radius_m", sa.Double),
        sa.Column("min_lat_deg", sa.Double),
        sa.Column("max_lat_deg", sa.Double),
        sa.Column("min_lon_deg", sa.Double),
        sa.Column("max_lon_deg", sa.Double),
        sa.Index(None, "tenant_id", "shop_id"),
        sa.Index(None, "tenant_id", "min_lat_deg", "max_lat_deg"),
    )


def _customers() -> None:
    op.create_table(
        "customer",
        _of_tenant(is_key=True),
        sa.Column("id", Id, primary_key=True),
        sa.Column("doc", JsonText, nullable=False),
        sa.Column("created_at", UtcDateTime, nullable=False),
        sa.Column("updated_at", UtcDateTime, nullable=False),
    )
    op.create_table(
        "suppression",
        _of_tenant(is_key=True),
        sa.Column("customer_id", Id, primary_key=True),
        sa.Column("channel", Id, primary_key=True),
        sa.Column("reason", sa.String),
        sa.Column("at", UtcDateTime, nullable=False),
    )
    op.create_table(
        "consent_event",
        _serial(),
        _of_tenant(),
        sa.Column("event_id", Id, nullable=False),
        sa.Column("customer_id", Id, nullable=False),
        sa.Column("purpose", sa.String, nullable=False),
        sa.Column("channel", sa.String),
        sa.Column("sender", sa.String),
        sa.Column("action", sa.String, nullable=False),
        sa.Column("at", UtcDateTime, nullable=False),
        sa.Column("valid_until", UtcDateTime),
        sa.Column("recorded_at", UtcDateTime, nullable=False),
        sa.Column("notice", JsonText),
        sa.Column("source", sa.Text),
        sa.ForeignKeyConstraint(["tenant_id", "customer_id"], ["customer.tenant_id", "customer.id"]),
        sa.UniqueConstraint("tenant_id", "event_id"),
        sa.Index(None, "tenant_id", "customer_id"),
        sa.Index(None, "tenant_id", "at"),
        sa.Index(None, "tenant_id", "valid_until"),
    )


def _places() -> None:
    op.create_table(
        "track",
        _of_tenant(is_key=True),
        sa.Column("customer_id", Id, primary_key=True),
        sa.Column("doc", JsonText, nullable=False),
        sa.Column("newest_at", UtcDateTime),
        sa.Column("ends_at", UtcDateTime),
        sa.Column("last_zone", sa.String),
        sa.Index(None, "tenant_id", "newest_at"),
        sa.Index(None, "tenant_id", "ends_at"),
    )
    op.create_table(
        "visiting",
        _of_tenant(is_key=True),
        sa.Column("customer_id", Id, primary_key=True),
        sa.Column("geofence_id", Id, primary_key=True),
        sa.Index(None, "tenant_id", "geofence_id"),
    )
    op.create_table(
        "transition",
        _of_tenant(is_key=True),
        sa.Column("visit_id", Id, primary_key=True),
        sa.Column("kind", sa.String, primary_key=True),
        sa.Column("customer_id", Id, nullable=False),
        sa.Column("geofence_id", Id, nullable=False),
        sa.Column("at", UtcDateTime, nullable=False),
        sa.Column("decided_at", UtcDateTime),
        sa.Column("initial", sa.Boolean, nullable=False),
        sa.Column("inferred", sa.Boolean, nullable=False),
        sa.Column("reason", sa.String),
        sa.Column("duration_s", sa.Double),
        sa.Column("geofence_revision", sa.Integer, nullable=False),
        sa.Index(None, "tenant_id", "customer_id", "at"),
        sa.Index(None, "tenant_id", "at"),
    )


def _match_log() -> None:
    op.create_table(
        "match_log",
        _serial(),
        _of_tenant(),
        sa.Column("decision_id", Id, nullable=False),
        sa.Column("customer_id", Id, nullable=False),
        sa.Column("campaign_id", Id, nullable=False),
        sa.Column("geofence_id", Id),
        sa.Column("shop_id", Id, nullable=False),
        sa.Column("trigger", sa.String, nullable=False),
        sa.Column("at", UtcDateTime, nullable=False),
        sa.Column("decided_at", UtcDateTime, nullable=False),
        sa.Column("outcome", sa.String, nullable=False),
        sa.Column("reason", sa.String),
        sa.Column("reasons", JsonText, nullable=False),
        sa.Column("detail", JsonText, nullable=False),
        sa.Column("not_before", UtcDateTime),
        sa.Column("expires_at", UtcDateTime),
        sa.Column("tz_used", sa.String),
        sa.Column("tz_source", sa.String),
        sa.Column("would_have_sent", sa.Boolean, nullable=False),
        sa.Column("winner_campaign_id", Id),
        sa.Column("message_id", Id),
        sa.UniqueConstraint("tenant_id", "decision_id"),
        sa.Index(None, "tenant_id", "seq"),
        sa.Index(None, "tenant_id", "campaign_id", "seq"),
        sa.Index(None, "tenant_id", "shop_id", "seq"),
        sa.Index(None, "tenant_id", "customer_id", "seq"),
        sa.Index(None, "tenant_id", "outcome", "seq"),
        sa.Index(None, "tenant_id", "reason", "seq"),
        sa.Index(None, "tenant_id", "decided_at"),
    )


def _messages() -> None:
    op.create_table(
        "message",
        _serial(),
        _of_tenant(),
        sa.Column("id", Id, nullable=False),
        sa.Column("decision_id", Id, nullable=False),
        sa.Column("customer_id", Id, nullable=False),
        sa.Column("campaign_id", Id, nullable=False),
        sa.Column("shop_id", Id, nullable=False),
        sa.Column("geofence_id", Id),
        sa.Column("visit_id", Id),
        sa.Column("channel", sa.String, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("status", sa.String, nullable=False),
        sa.Column("queued_at", UtcDateTime, nullable=False),
        sa.Column("not_before", UtcDateTime, nullable=False),
        sa.Column("expires_at", UtcDateTime, nullable=False),
        sa.Column("is_deferred", sa.Boolean, nullable=False),
        sa.Column("sent_at", UtcDateTime),
        sa.Column("reason", sa.String),
        sa.Column("lease_owner", sa.String),
        sa.Column("lease_until", UtcDateTime),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("provider_id", sa.String),
        sa.Column("freed_at", UtcDateTime),
        sa.UniqueConstraint("tenant_id", "id"),
        sa.Index(None, "tenant_id", "customer_id"),
        sa.Index(None, "tenant_id", "campaign_id", "status"),
    )
    queued, leased = sa.text("status = 'queued'"), sa.text("lease_until IS NOT NULL")
    for name, column, where in (("ix_message_due", "not_before", queued), ("ix_message_leased", "lease_until", leased)):
        op.create_index(name, "message", ["tenant_id", column], sqlite_where=where, postgresql_where=where)


def _other_sends_and_runs() -> None:
    op.create_table(
        "other_send",
        _serial(),
        _of_tenant(),
        sa.Column("customer_id", Id, nullable=False),
        sa.Column("campaign_id", Id, nullable=False),
        sa.Column("at", UtcDateTime, nullable=False),
        sa.Column("shop_id", Id),
        sa.Column("geofence_id", Id),
        sa.Column("channel", sa.String),
        sa.Column("is_ghost", sa.Boolean, nullable=False),
        sa.Column("decided_at", UtcDateTime),
        sa.Index(None, "tenant_id", "customer_id"),
        sa.Index(None, "tenant_id", "campaign_id", "is_ghost"),
    )
    op.create_table(
        "run",
        _of_tenant(is_key=True),
        sa.Column("campaign_id", Id, primary_key=True),
        sa.Column("due_at", UtcDateTime, primary_key=True),
        sa.Column("status", sa.String, nullable=False),
        sa.Column("entries", sa.Integer, nullable=False),
        sa.Column("at", UtcDateTime, nullable=False),
    )


def _pings() -> None:
    op.create_table(
        "ping_log",
        sa.Column("tenant_id", Id, primary_key=True),
        sa.Column("partition", sa.SmallInteger, primary_key=True, autoincrement=False),
        sa.Column("seq", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("customer_id", Id, nullable=False),
        sa.Column("recorded_at_us", sa.BigInteger, nullable=False),
        sa.Column("received_at_us", sa.BigInteger, nullable=False),
        sa.Column("lat_deg", sa.Double, nullable=False),
        sa.Column("lon_deg", sa.Double, nullable=False),
        sa.Column("accuracy_m", sa.Double),
        sa.Column("speed_mps", sa.Double),
        sa.Column("ping_id", sa.Text),
        sa.Column("device_id", sa.Text),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "log_position",
        sa.Column("tenant_id", Id, primary_key=True),
        sa.Column("partition", sa.SmallInteger, primary_key=True, autoincrement=False),
        sa.Column("head", sa.BigInteger, nullable=False),
        sa.Column("position", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "ping_seen",
        sa.Column("tenant_id", Id, primary_key=True),
        sa.Column("customer_id", Id, primary_key=True),
        sa.Column("device_id", Id, primary_key=True),
        sa.Column("ping_id", Id, primary_key=True),
        sa.Column("at", UtcDateTime, nullable=False),
        sa.Index(None, "tenant_id", "at"),
        sqlite_with_rowid=False,
    )


def _access() -> None:
    op.create_table(
        "api_key",
        sa.Column("id", Id, primary_key=True),
        _of_tenant(),
        sa.Column("name", sa.String, nullable=False),
        sa.Column("role", sa.String, nullable=False),
        sa.Column("key_hash", sa.String, nullable=False),
        sa.Column("shop_ids", JsonText),
        sa.Column("created_at", UtcDateTime, nullable=False),
        sa.Column("revoked_at", UtcDateTime),
        sa.Index(None, "tenant_id"),
    )
    op.create_table(
        "idempotency",
        _of_tenant(is_key=True),
        sa.Column("key", Id, primary_key=True),
        sa.Column("route", sa.String, nullable=False),
        sa.Column("body_sha256", sa.String, nullable=False),
        sa.Column("status", sa.Integer),
        sa.Column("response", JsonText),
        sa.Column("created_at", UtcDateTime, nullable=False),
        sa.Index(None, "tenant_id", "created_at"),
    )
    op.create_table(
        "counter",
        _of_tenant(is_key=True),
        sa.Column("name", Id, primary_key=True),
        sa.Column("reason", Id, primary_key=True),
        sa.Column("count", sa.BigInteger, nullable=False),
    )
