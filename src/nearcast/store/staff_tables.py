"""The numbers of the people who work in shops."""

from sqlalchemy import Column, Index, String, Table, Text, UniqueConstraint

from nearcast.store.schema import metadata, of_tenant
from nearcast.store.types import Id, UtcDateTime

shop_staff = Table(
    "shop_staff",
    metadata,
    Column("id", Id, primary_key=True),
    of_tenant(),
    Column("shop_id", Id, nullable=False),
    Column("name", String, nullable=False),
    Column("channel", Id, nullable=False),
    Column("sealed", Text, nullable=False),
    Column("address_index", Id, nullable=False),
    Column("registered_at", UtcDateTime, nullable=False),
    Column("verified_at", UtcDateTime),
    Column("heard_at", UtcDateTime),
    Column("heard_by", String),
    UniqueConstraint("tenant_id", "shop_id", "channel", "address_index"),
    Index(None, "tenant_id", "address_index"),
)
