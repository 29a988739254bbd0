"""The times at which shops have places, and who took them."""

from sqlalchemy import Column, Index, Integer, String, Table, UniqueConstraint, text

from nearcast.store.schema import metadata, of_tenant, serial
from nearcast.store.types import Id, UtcDateTime

slot = Table(
    "slot",
    metadata,
    of_tenant(is_key=True),
    Column("id", Id, primary_key=True),
    Column("shop_id", Id, nullable=False),
    Column("starts_at", UtcDateTime, nullable=False),
    Column("ends_at", UtcDateTime, nullable=False),
    Column("capacity", Integer, nullable=False),
    UniqueConstraint("tenant_id", "shop_id", "starts_at"),
    Index(None, "tenant_id", "ends_at"),
)
reservation = Table(
    "reservation",
    metadata,
    serial(),
    of_tenant(),
    Column("id", Id, nullable=False),
    Column("slot_id", Id, nullable=False),
    Column("shop_id", Id, nullable=False),
    Column("customer_id", Id, nullable=False),
    Column("channel", String, nullable=False),
    Column("starts_at", UtcDateTime, nullable=False),
    Column("ends_at", UtcDateTime, nullable=False),
    Column("state", String, nullable=False),
    Column("made_at", UtcDateTime, nullable=False),
    Column("held_until", UtcDateTime, nullable=False),
    Column("booked_at", UtcDateTime),
    Column("ended_at", UtcDateTime),
    UniqueConstraint("tenant_id", "id"),
    Index(None, "tenant_id", "customer_id"),
    Index(None, "tenant_id", "ends_at"),
    Index(None, "tenant_id", "shop_id", "seq"),
    Index(None, "tenant_id", "slot_id"),
)
_HELD, _LIVE = text("state = 'held'"), text("state IN ('held', 'booked')")
_of = reservation.c
Index("ix_reservation_held", _of.tenant_id, _of.held_until, sqlite_where=_HELD, postgresql_where=_HELD)
Index(
    "ix_reservation_of_one",
    _of.tenant_id,
    _of.slot_id,
    _of.customer_id,
    unique=True,
    sqlite_where=_LIVE,
    postgresql_where=_LIVE,
)
"""Nobody has two places in one slot."""
