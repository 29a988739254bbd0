"""Names that providers have for people, each sealed, and found by its keyed hash alone."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, delete, select, update

from nearcast.domain.ids import CustomerId, TenantId
from nearcast.services.inbound_ports import SealedKey
from nearcast.store.dialect import among, insert_missing
from nearcast.store.inbound_tables import contact_key
from nearcast.store.page import chunks

_here = contact_key.c


class ContactKeys:
    """One tenant's names that providers have for customers."""

    def __init__(self, connection: Connection, tenant: TenantId) -> None:
        self._connection, self._tenant = connection, tenant

    def holders(self, key_indexes: Iterable[str]) -> list[CustomerId]:
        """The customers whom providers call by any of these names, by id."""
        found: set[CustomerId] = set()
        for some in chunks(sorted(set(key_indexes))):
            named = select(_here.customer_id).where(self._mine, among(_here.key_index, some))
            found |= {CustomerId(key) for key in self._connection.scalars(named)}
        return sorted(found)

    def known(self, names: Iterable[tuple[CustomerId, str]]) -> set[tuple[CustomerId, str]]:
        """Those of the customers and indexes of names that belong together."""
        asked, found = set(names), set[tuple[CustomerId, str]]()
        for some in chunks(sorted({index for _, index in asked})):
            there = select(_here.customer_id, _here.key_index).where(self._mine, among(_here.key_index, some))
            found |= {(CustomerId(row.customer_id), row.key_index) for row in self._connection.execute(there)}
        return found & asked

    def learn(self, keys: Iterable[SealedKey], at: datetime) -> None:
        """Keep names; those that are known stay as they are."""
        rows = [
            {
                "tenant_id": self._tenant,
                "kind": key.kind,
                "key_index": key.key_index,
                "customer_id": key.customer_id,
                "sealed": key.sealed,
                "learnt_at": at,
            }
            for key in sorted(keys, key=lambda key: (key.kind, key.key_index, key.customer_id))
        ]
        if rows:
            insert_missing(self._connection, contact_key, rows)

    def sealed_otherwise(self, key_id: str, *, limit: int) -> list[SealedKey]:
        """Names that are sealed with another key than that one, at most `limit`."""
        found = select(contact_key).where(self._mine, _here.sealed.not_like(f"%.{key_id}.%")).limit(limit)
        return [_key(row) for row in self._connection.execute(found)]

    def reseal(self, keys: Iterable[SealedKey]) -> None:
        """Write names that were sealed anew."""
        for key in keys:
            same = _here.kind == key.kind, _here.key_index == key.key_index, _here.customer_id == key.customer_id
            self._connection.execute(update(contact_key).where(self._mine, *same).values(sealed=key.sealed))

    def forget(self, customer_id: CustomerId, key_indexes: Iterable[str]) -> None:
        """A customer is not called by these names any more."""
        gone = self._mine, _here.customer_id == customer_id, among(_here.key_index, key_indexes)
        self._connection.execute(delete(contact_key).where(*gone))

    def of(self, customer_id: CustomerId) -> list[SealedKey]:
        """What providers call a customer."""
        theirs = select(contact_key).where(self._mine, _here.customer_id == customer_id)
        return [_key(row) for row in self._connection.execute(theirs.order_by(_here.kind, _here.key_index))]

    @property
    def _mine(self) -> Any:
        return _here.tenant_id == self._tenant


def _key(row: Row[Any]) -> SealedKey:
    return SealedKey(kind=row.kind, key_index=row.key_index, customer_id=CustomerId(row.customer_id), sealed=row.sealed)
