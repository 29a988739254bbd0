"""The table of the past: pings that came in files, which no worker reads and nothing is decided on."""

from sqlalchemy import BigInteger, Column, Double, Index, Table, Text

from nearcast.store.schema import metadata, of_tenant
from nearcast.store.types import Id, UtcDateTime

past_ping = Table(
    "past_ping",
    metadata,
    of_tenant(is_key=True),
    Column("customer_id", Id, primary_key=True),
    Column("recorded_at_us", BigInteger, primary_key=True, autoincrement=False),
    Column("device_id", Id, primary_key=True),
    Column("lat_deg", Double, primary_key=True),
    Column("lon_deg", Double, primary_key=True),
    Column("accuracy_m", Double),
    Column("speed_mps", Double),
    Column("ping_id", Text),
    Column("taken_at", UtcDateTime, nullable=False),
    Index(None, "tenant_id", "taken_at"),
    sqlite_with_rowid=False,
)
