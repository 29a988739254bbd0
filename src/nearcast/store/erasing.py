"""Erasure: the rows of a customer go, or stay as figures that know a subject and no person.

Which table does which stands here for every one that names customers; a test holds the list complete.
"""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, Table, delete, select, update

from nearcast.domain.ids import CustomerId, TenantId
from nearcast.store.customer_tables import contact, customer, device, suppression
from nearcast.store.dialect import lock_names
from nearcast.store.event_tables import event_delivery
from nearcast.store.history_tables import past_ping
from nearcast.store.inbound_tables import channel_pause, contact_key, message_event, opt_out_review, raw_webhook, reply
from nearcast.store.payment_tables import payment
from nearcast.store.pings import Pings, door
from nearcast.store.reservation_tables import reservation
from nearcast.store.sender_tables import recipient_state
from nearcast.store.tables import (
    assignment,
    idempotency,
    match_log,
    message,
    other_send,
    ping_log,
    ping_seen,
    track,
    transition,
    visiting,
)
from nearcast.store.voucher_tables import voucher

GONE: tuple[Table, ...] = (
    contact,
    device,
    suppression,
    track,
    visiting,
    transition,
    event_delivery,
    message_event,
    contact_key,
    channel_pause,
    opt_out_review,
    reply,
    reservation,
    ping_seen,
    past_ping,
    idempotency,
    recipient_state,
)
"""Deleted, and after them the customer."""

BLANK: Mapping[Table, Mapping[str, Any]] = {
    match_log: {},
    message: {"text": "", "content": None, "provider_id": None, "provider_index": None},
    voucher: {},
    payment: {"description": ""},
    other_send: {},
    assignment: {},
}
"""Kept under the subject, with these columns emptied."""

_PROOF = ("location_consent", "marketing_consent")  # the rules whose findings say which consents a decision stood on


class Erasing:
    """One tenant's rows of a customer, wherever they are."""

    def __init__(self, connection: Connection, tenant: TenantId) -> None:
        self._connection, self._tenant = connection, tenant

    def erase(self, customer_id: CustomerId, subject: str) -> Mapping[str, int]:
        """Delete the customer and what is theirs, and put the subject in their place where rows stay; how many rows of
        each table. The customer must be held, and what is queued for them cancelled.
        """
        lock_names(
            self._connection, [door(self._tenant)]
        )  # whoever takes pings in at this moment comes before, or after
        self._forget_findings(customer_id)
        self._forget_bodies(customer_id)
        counts = {table.name: self._delete(table, customer_id) for table in GONE}
        for table, blank in BLANK.items():
            mine = (table.c.tenant_id == self._tenant) & (table.c.customer_id == customer_id)
            kept = update(table).where(mine).values(customer_id=subject, **blank)
            counts[table.name] = self._connection.execute(kept).rowcount
        counts[ping_log.name] = Pings(self._connection, self._tenant).forget(customer_id, subject)
        of_tenant = customer.c.tenant_id == self._tenant
        self._connection.execute(delete(customer).where(of_tenant, customer.c.id == customer_id))
        return counts

    def _delete(self, table: Table, customer_id: CustomerId) -> int:
        mine = (table.c.tenant_id == self._tenant) & (table.c.customer_id == customer_id)
        return self._connection.execute(delete(table).where(mine)).rowcount

    def _forget_bodies(self, customer_id: CustomerId) -> None:
        """The bytes that a provider sent of a person go, and of whoever else stands in them."""
        said = message_event.c.tenant_id == self._tenant, message_event.c.customer_id == customer_id
        bodies = select(message_event.c.raw_sha256).where(*said)
        theirs = raw_webhook.c.tenant_id == self._tenant, raw_webhook.c.sha256.in_(bodies)
        self._connection.execute(delete(raw_webhook).where(*theirs))

    def _forget_findings(self, customer_id: CustomerId) -> None:
        """What the rules saw of a person goes; what proves that they might be written to stays."""
        mine = (match_log.c.tenant_id == self._tenant) & (match_log.c.customer_id == customer_id)
        for row in self._connection.execute(select(match_log.c.seq, match_log.c.detail).where(mine)).all():
            proof = {rule: found for rule, found in row.detail.items() if rule in _PROOF}
            self._connection.execute(update(match_log).where(match_log.c.seq == row.seq).values(detail=proof))
