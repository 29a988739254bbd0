"""Vouchers: what was promised with which message, and whether it was taken."""

from sqlalchemy import Column, Index, String, Table, Text, UniqueConstraint

from nearcast.store.schema import metadata, of_tenant
from nearcast.store.types import Id, UtcDateTime

voucher = Table(
    "voucher",
    metadata,
    Column("id", Id, primary_key=True),
    of_tenant(),
    Column("message_id", Id, nullable=False),
    Column("customer_id", Id, nullable=False),
    Column("campaign_id", Id, nullable=False),
    Column("shop_id", Id, nullable=False),
    Column("title", String, nullable=False),
    Column("terms", Text, nullable=False),
    Column("issued_at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime, nullable=False),
    Column("redeemed_at", UtcDateTime),
    Column("redeemed_by", Id),
    UniqueConstraint("tenant_id", "message_id"),
    Index(None, "tenant_id", "customer_id"),
    Index(None, "tenant_id", "expires_at"),
    Index(None, "tenant_id", "shop_id", "redeemed_at"),
)
