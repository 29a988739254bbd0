"""The suppression list: customers by channel, and their addresses, which stay on it when the customer is gone."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, CompoundSelect, Connection, delete, exists, literal, or_, select, union

from nearcast.domain.ids import CustomerId, TenantId
from nearcast.services.contact_ports import EVERY_CHANNEL
from nearcast.store.customer_tables import contact, suppression
from nearcast.store.customer_tables import suppressed_address as listed
from nearcast.store.dialect import among, insert_into, insert_new, spoken, upsert
from nearcast.store.inbound_tables import channel_pause
from nearcast.store.page import chunks
from nearcast.store.theirs import rows_of, theirs

IS_LISTED = exists().where(
    listed.c.tenant_id == contact.c.tenant_id,
    listed.c.address_index == contact.c.address_index,
    or_(listed.c.channel == contact.c.channel, listed.c.channel == literal(EVERY_CHANNEL)),
)
"""Whether a contact's address stands on its channel's list, or on that of every channel."""

PAUSED = select(channel_pause.c.customer_id, channel_pause.c.channel).where(
    theirs(channel_pause), channel_pause.c.is_lifted.is_(False)
)
"""The customers who are paused for other reasons than their own word, and where."""

_LISTED = union(
    select(suppression.c.customer_id, suppression.c.channel).where(theirs(suppression)),
    select(contact.c.customer_id, contact.c.channel).where(theirs(contact), IS_LISTED),
)
_LISTED_OR_PAUSED: CompoundSelect[Any] = union(*_LISTED.selects, PAUSED)


class Suppressions:
    """One tenant's suppression list."""

    def __init__(self, connection: Connection, tenant: TenantId) -> None:
        self._connection, self._tenant = connection, tenant

    def add(self, customer_id: CustomerId, channel: str, at: datetime, *, reason: str | None = None) -> None:
        """Put a customer on a channel's list, and their address there; the customer need not exist."""
        row = {"tenant_id": self._tenant, "customer_id": customer_id, "channel": channel, "reason": reason, "at": at}
        upsert(self._connection, suppression, [row])
        self.list_addresses([customer_id])

    def remove(self, customer_id: CustomerId, channel: str) -> bool:
        """Take a customer and their address off a channel's list; whether either stood there. An address that was on
        the list of every channel stays on those of the customer's others.
        """
        of_customer = (suppression.c.tenant_id == self._tenant) & (suppression.c.customer_id == customer_id)
        gone = self._connection.execute(delete(suppression).where(of_customer, suppression.c.channel == channel))
        self._list(
            select(contact.c.tenant_id, contact.c.channel, contact.c.address_index, listed.c.reason, listed.c.at)
            .join(
                listed,
                (listed.c.tenant_id == contact.c.tenant_id) & (listed.c.address_index == contact.c.address_index),
            )
            .where(self._contacts_of([customer_id]), contact.c.channel != channel, listed.c.channel == EVERY_CHANNEL)
        )
        theirs = select(contact.c.address_index).where(self._contacts_of([customer_id]), contact.c.channel == channel)
        lifted = delete(listed).where(
            listed.c.tenant_id == self._tenant,
            listed.c.channel.in_([channel, EVERY_CHANNEL]),
            listed.c.address_index.in_(theirs),
        )
        return self._connection.execute(lifted).rowcount + gone.rowcount > 0

    def remove_said(self, customer_id: CustomerId, channel: str, *, reason: str, before: datetime) -> None:
        """Take a customer and their address off a channel's list where they were put on it for that reason until an
        instant.
        """
        own = suppression.c.tenant_id == self._tenant, suppression.c.customer_id == customer_id
        for table, mine in ((suppression, own), (listed, (listed.c.tenant_id == self._tenant,))):
            said = table.c.channel == channel, table.c.reason == reason, table.c.at <= before
            gone = delete(table).where(*mine, *said)
            if table is listed:
                theirs = select(contact.c.address_index).where(self._contacts_of([customer_id]))
                gone = gone.where(listed.c.address_index.in_(theirs))
            self._connection.execute(gone)

    def of(self, customer_ids: Iterable[CustomerId]) -> dict[CustomerId, frozenset[str]]:
        """The channels on whose lists customers stand, or their addresses there, and those on which they are paused;
        customers with none are left out.
        """
        return self._of(customer_ids, _LISTED_OR_PAUSED)

    def own(self, customer_id: CustomerId) -> frozenset[str]:
        """The channels on whose lists a customer stands, or their address there, whoever else paused them."""
        return self._of([customer_id], _LISTED).get(customer_id, frozenset())

    def _of(
        self, customer_ids: Iterable[CustomerId], standing: CompoundSelect[Any]
    ) -> dict[CustomerId, frozenset[str]]:
        found: dict[CustomerId, set[str]] = {}
        for customer_id, channel in rows_of(self._connection, standing, self._tenant, customer_ids):
            found.setdefault(customer_id, set()).add(channel)
        return {key: frozenset(channels) for key, channels in found.items()}

    def list_index(self, address_index: str, channel: str, at: datetime, *, reason: str) -> bool:
        """Put the address of nobody known on a channel's list; whether it did not stand there."""
        row = {"tenant_id": self._tenant, "address_index": address_index, "channel": channel}
        return insert_new(self._connection, listed, {**row, "reason": reason, "at": at})

    def list_addresses(self, customer_ids: Iterable[CustomerId]) -> None:
        """Put the addresses of customers on the lists on which these stand by name."""
        same = (suppression.c.tenant_id == contact.c.tenant_id) & (suppression.c.customer_id == contact.c.customer_id)
        for ids in chunks(sorted(set(customer_ids))):
            self._list(
                select(
                    contact.c.tenant_id,
                    contact.c.channel,
                    contact.c.address_index,
                    suppression.c.reason,
                    suppression.c.at,
                )
                .join(suppression, same & (suppression.c.channel == contact.c.channel))
                .where(self._contacts_of(ids))
            )

    def outlive(self, customer_id: CustomerId, at: datetime, *, reason: str) -> int:
        """Put every address of a customer on the list of every channel, so that they may go and it stays; how many.
        What was said of them before is forgotten.
        """
        indexes = sorted(
            set(self._connection.scalars(select(contact.c.address_index).where(self._contacts_of([customer_id]))))
        )
        of_address = listed.c.tenant_id == self._tenant, listed.c.address_index.in_(indexes)
        self._connection.execute(delete(listed).where(*of_address))
        row = {"tenant_id": self._tenant, "channel": EVERY_CHANNEL, "reason": reason, "at": at}
        upsert(self._connection, listed, [{**row, "address_index": index} for index in indexes])
        mine = (suppression.c.tenant_id == self._tenant) & (suppression.c.customer_id == customer_id)
        self._connection.execute(delete(suppression).where(mine))
        return len(indexes)

    def _list(self, rows: Any) -> None:
        names = ["tenant_id", "channel", "address_index", "reason", "at"]
        self._connection.execute(
            insert_into(spoken(self._connection), listed).from_select(names, rows).on_conflict_do_nothing()
        )

    def _contacts_of(self, ids: Iterable[CustomerId]) -> ColumnElement[bool]:
        mine = (contact.c.tenant_id == self._tenant) & among(contact.c.customer_id, ids)
        return mine & contact.c.address_index.is_not(None)
