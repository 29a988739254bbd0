"""Addresses, each sealed, and found by its keyed hash alone."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Row, Select, delete, insert, select, tuple_, update

from nearcast.domain.ids import CustomerId, TenantId
from nearcast.services.contact_ports import SealedContact
from nearcast.store.customer_tables import contact
from nearcast.store.dialect import among
from nearcast.store.page import chunks
from nearcast.store.theirs import rows_of, theirs

_OF = select(contact).where(theirs(contact)).order_by(contact.c.customer_id, contact.c.channel)


class Contacts:
    """One tenant's addresses, one for each customer and channel."""

    def __init__(self, connection: Connection, tenant: TenantId) -> None:
        self._connection, self._tenant = connection, tenant

    def of(self, customer_ids: Iterable[CustomerId]) -> dict[CustomerId, list[SealedContact]]:
        """The addresses of customers by channel; those without any are left out."""
        found: dict[CustomerId, list[SealedContact]] = {}
        for row in rows_of(self._connection, _OF, self._tenant, customer_ids):
            found.setdefault(row.customer_id, []).append(_contact(row))
        return found

    def replace(self, contacts: Mapping[CustomerId, Sequence[SealedContact]]) -> None:
        """Write all addresses of customers, in place of those that they had. The customers must exist."""
        for ids in chunks(sorted(contacts)):
            mine = (contact.c.tenant_id == self._tenant) & among(contact.c.customer_id, ids)
            self._connection.execute(delete(contact).where(mine))
        rows = [self._row(kept) for _, all_of in sorted(contacts.items()) for kept in all_of]
        if rows:
            self._connection.execute(insert(contact), rows)

    def holders(self, address_index: str) -> list[CustomerId]:
        """Customers with that address on any channel, by id."""
        found = select(contact.c.customer_id).where(contact.c.tenant_id == self._tenant).distinct()
        found = found.where(contact.c.address_index == address_index).order_by(contact.c.customer_id)
        return [CustomerId(key) for key in self._connection.scalars(found)]

    def unsealed(self, *, limit: int) -> list[SealedContact]:
        """Addresses that were written before they were sealed, at most `limit`."""
        return self._contacts(self._mine().where(contact.c.address_index.is_(None)).limit(limit))

    def sealed_otherwise(self, key_id: str, *, after: SealedContact | None, limit: int) -> list[SealedContact]:
        """Addresses sealed with another key than that one, in the order of customers after one of them, at most
        `limit`.
        """
        place = contact.c.customer_id, contact.c.channel
        found = self._mine().where(contact.c.sealed.not_like(f"%.{key_id}.%"), contact.c.address_index.is_not(None))
        if after is not None:
            found = found.where(tuple_(*place) > (after.customer_id, after.channel))
        return self._contacts(found.order_by(*place).limit(limit))

    def reseal(self, before: SealedContact, after: SealedContact) -> bool:
        """Write an address sealed anew; False where it was changed meanwhile, and is left as it is."""
        same = contact.c.customer_id == before.customer_id, contact.c.channel == before.channel
        unchanged = update(contact).where(contact.c.tenant_id == self._tenant, *same, contact.c.sealed == before.sealed)
        written = unchanged.values(sealed=after.sealed, address_index=after.address_index)
        return self._connection.execute(written).rowcount == 1

    def _row(self, kept: SealedContact) -> dict[str, Any]:
        return {
            "tenant_id": self._tenant,
            "customer_id": kept.customer_id,
            "channel": kept.channel,
            "sealed": kept.sealed,
            "address_index": kept.address_index,
        }

    def _mine(self) -> Select[Any]:
        return select(contact).where(contact.c.tenant_id == self._tenant)

    def _contacts(self, statement: Select[Any]) -> list[SealedContact]:
        return [_contact(row) for row in self._connection.execute(statement)]


def _contact(row: Row[Any]) -> SealedContact:
    return SealedContact(
        customer_id=CustomerId(row.customer_id),
        channel=row.channel,
        sealed=row.sealed,
        address_index=row.address_index,
    )
