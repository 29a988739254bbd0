"""Customers as kept, and as the rules see them."""

import secrets
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, Executable, Row, false, func, select, true, union_all

from nearcast.domain.customer import Customer
from nearcast.domain.ids import CustomerId, TenantId
from nearcast.domain.local_time import zone
from nearcast.services.ports import Page
from nearcast.services.quiet_hours import kept_quiet_hours
from nearcast.store.customer_tables import contact, customer, suppression
from nearcast.store.dialect import insert_new, upsert
from nearcast.store.page import page_of
from nearcast.store.suppressions import IS_LISTED, PAUSED
from nearcast.store.theirs import rows_of, theirs

_READ = select(customer.c.id, customer.c.subject, customer.c.doc).where(theirs(customer, "id")).order_by(customer.c.id)
_HELD = _READ.with_only_columns(customer.c.id).with_for_update()
_FREE = _READ.with_only_columns(customer.c.id).with_for_update(skip_locked=True)
_CHANNELS = union_all(
    select(contact.c.customer_id, contact.c.channel, true().label("reaches"), IS_LISTED.label("listed")).where(
        theirs(contact)
    ),
    select(suppression.c.customer_id, suppression.c.channel, false(), true()).where(theirs(suppression)),
    PAUSED.add_columns(false(), true()),
)


class Customers:
    """`doc` is a customer as the API shows it, without its id and addresses: timezone, language, tags, attributes."""

    def __init__(self, connection: Connection, tenant: TenantId) -> None:
        self._connection, self._tenant = connection, tenant
        self._held: set[CustomerId] = set()

    def upsert(self, docs: Mapping[CustomerId, Mapping[str, Any]], at: datetime) -> None:
        """Write customers, new or changed; a new one gets a name for the ledger that says nothing of who it is."""
        rows = [self._row(key, doc, at) for key, doc in sorted(docs.items())]
        upsert(self._connection, customer, rows, keep=["subject", "created_at"])

    def insert(self, customer_id: CustomerId, doc: Mapping[str, Any], at: datetime) -> bool:
        """Write a customer unless there is one of that id; whether it was new."""
        return insert_new(self._connection, customer, self._row(customer_id, doc, at))

    def lock(self, customer_ids: Iterable[CustomerId], *, waits: bool = True) -> list[CustomerId]:
        """Hold customers until the transaction ends, in id order; those that exist, and that nobody else holds where
        this one does not wait.

        Whoever changes anything of a customer holds it first. One that does not exist has no consent, so that nothing
        can be sent to it.
        """
        asked = set(customer_ids)
        self._held.update(CustomerId(row.id) for row in self._rows(_HELD if waits else _FREE, asked - self._held))
        return sorted(asked & self._held)

    def get(self, customer_id: CustomerId) -> dict[str, Any] | None:
        """The document of a customer."""
        return self.documents([customer_id]).get(customer_id)

    def documents(self, customer_ids: Iterable[CustomerId]) -> dict[CustomerId, dict[str, Any]]:
        """The documents of customers; those that do not exist are left out."""
        return {CustomerId(row.id): row.doc for row in self._rows(_READ, customer_ids)}

    def subjects(self, customer_ids: Iterable[CustomerId]) -> dict[CustomerId, str]:
        """What the ledger knows customers by; those that do not exist are left out."""
        return {CustomerId(row.id): row.subject for row in self._rows(_READ, customer_ids)}

    def with_subject(self, subject: str) -> CustomerId | None:
        """Whom the ledger knows by that subject; None for a customer who is no more."""
        mine = (customer.c.tenant_id == self._tenant) & (customer.c.subject == subject)
        found: CustomerId | None = self._connection.scalar(select(customer.c.id).where(mine))
        return found

    def changed_at(self, customer_id: CustomerId) -> datetime | None:
        """When the document or the suppression of a customer was last written: what stood before is not kept. None for
        one that does not exist.
        """
        own = (customer.c.tenant_id == self._tenant) & (customer.c.id == customer_id)
        written: datetime | None = self._connection.scalar(select(customer.c.updated_at).where(own))
        mine = (suppression.c.tenant_id == self._tenant) & (suppression.c.customer_id == customer_id)
        listed: datetime | None = self._connection.scalar(select(func.max(suppression.c.at)).where(mine))
        return max(written, listed) if written and listed else written

    def load(self, customer_ids: Iterable[CustomerId]) -> dict[CustomerId, Customer]:
        """Customers as the rules see them, in id order; those that do not exist are left out."""
        channels = self._channels(customer_ids := set(customer_ids))
        return {
            CustomerId(key): _customer(key, doc, channels.get(key) or _Channels())
            for key, _, doc in self._rows(_READ, customer_ids)
        }

    def page(self, *, cursor: str | None = None, limit: int = 100) -> Page[tuple[CustomerId, dict[str, Any]]]:
        """Customers by id with their documents; the cursor is the last id."""
        found = select(customer).where(customer.c.tenant_id == self._tenant).order_by(customer.c.id).limit(limit + 1)
        if cursor is not None:
            found = found.where(customer.c.id > cursor)
        return page_of([(row.id, (CustomerId(row.id), row.doc)) for row in self._connection.execute(found)], limit)

    def _row(self, customer_id: CustomerId, doc: Mapping[str, Any], at: datetime) -> dict[str, Any]:
        if "contacts" in doc:
            raise ValueError("addresses are kept sealed, and not in the document")
        return {
            "tenant_id": self._tenant,
            "id": customer_id,
            "subject": secrets.token_hex(16),
            "doc": dict(doc),
            "created_at": at,
            "updated_at": at,
        }

    def _channels(self, customer_ids: Iterable[CustomerId]) -> "dict[CustomerId, _Channels]":
        """Where customers can be reached and where they must not be, without opening an address."""
        found: dict[CustomerId, _Channels] = {}
        for key, channel, reaches, is_suppressed in self._rows(_CHANNELS, customer_ids):
            channels = found.setdefault(key, _Channels())
            if reaches:
                channels.reachable.add(channel)
            if is_suppressed:
                channels.suppressed.add(channel)
        return found

    def _rows(self, statement: Executable, customer_ids: Iterable[CustomerId]) -> Iterator[Row[*tuple[Any, ...]]]:
        return rows_of(self._connection, statement, self._tenant, customer_ids)


@dataclass(slots=True)
class _Channels:
    reachable: set[str] = field(default_factory=set)
    suppressed: set[str] = field(default_factory=set)


def _customer(key: CustomerId, doc: Mapping[str, Any], channels: _Channels) -> Customer:
    timezone = doc.get("timezone")
    return Customer(
        id=key,
        zone=zone(timezone) if timezone else None,
        tags=frozenset(doc.get("tags") or ()),
        attributes=dict(doc.get("attributes") or {}),
        suppressed=frozenset(channels.suppressed),
        quiet_hours=kept_quiet_hours(doc),
        paused_until=None if doc.get("paused_until") is None else date.fromisoformat(doc["paused_until"]),
        reachable=frozenset(channels.reachable),
    )
