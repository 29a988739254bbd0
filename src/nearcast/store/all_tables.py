"""The whole schema: all tables, wherever they are written down."""

from nearcast.store import (
    cost_tables,
    customer_tables,
    event_tables,
    history_tables,
    inbound_tables,
    payment_tables,
    reservation_tables,
    sender_tables,
    staff_tables,
    tables,
    voucher_tables,
)
from nearcast.store.schema import metadata

__all__ = [
    "cost_tables",
    "customer_tables",
    "event_tables",
    "history_tables",
    "inbound_tables",
    "metadata",
    "payment_tables",
    "reservation_tables",
    "sender_tables",
    "staff_tables",
    "tables",
    "voucher_tables",
]
