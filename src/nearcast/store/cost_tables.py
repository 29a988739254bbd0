"""What messages cost."""

from sqlalchemy import BigInteger, Column, Index, String, Table

from nearcast.store.schema import metadata, of_tenant
from nearcast.store.types import Id, UtcDateTime

message_cost = Table(
    "message_cost",
    metadata,
    of_tenant(is_key=True),
    Column("message_id", Id, primary_key=True),
    Column("campaign_id", Id, nullable=False),
    Column("shop_id", Id, nullable=False),
    *(Column(name, String, nullable=False) for name in ("channel", "category")),
    Column("market", String),
    Column("currency", String),
    *(Column(name, BigInteger) for name in ("expected_micros", "booked_micros")),
    Column("at", UtcDateTime, nullable=False),
    Column("booked_at", UtcDateTime),
    Index(None, "tenant_id", "shop_id", "at"),
    Index(None, "tenant_id", "shop_id", "booked_at"),
)
