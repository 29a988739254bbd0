"""Customers as kept, and as the rules see them."""

import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, false, func, select, true, union_all

from nearcast.domain.customer import Customer
from nearcast.domain.ids import CustomerId, TenantId
from nearcast.domain.local_time import zone
from nearcast.services.ports import Page
from nearcast.services.quiet_hours import kept_quiet_hours
from nearcast.store.customer_tables import contact, customer, suppression
from nearcast.store.dialect import among, insert_new, upsert
from nearcast.store.page import chunks, page_of
from nearcast.store.suppressions import is_listed, paused_channels


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
        for ids in chunks(sorted(asked - self._held)):
            found = self._where(ids).with_only_columns(customer.c.id).order_by(customer.c.id)
            found = found.with_for_update(skip_locked=not waits)
            self._held.update(map(CustomerId, self._connection.scalars(found)))
        return sorted(asked & self._held)

    def get(self, customer_id: CustomerId) -> dict[str, Any] | None:
        """The document of a customer."""
        found: dict[str, Any] | None = self._connection.scalar(
            self._where([customer_id]).with_only_columns(customer.c.doc)
        )
        return found

    def documents(self, customer_ids: Iterable[CustomerId]) -> dict[CustomerId, dict[str, Any]]:
        """The documents of customers; those that do not exist are left out."""
        found: dict[CustomerId, dict[str, Any]] = {}
        for ids in chunks(sorted(set(customer_ids))):
            found |= {CustomerId(row.id): row.doc for row in self._connection.execute(self._where(ids))}
        return found

    def subjects(self, customer_ids: Iterable[CustomerId]) -> dict[CustomerId, str]:
        """What the ledger knows customers by; those that do not exist are left out."""
        found: dict[CustomerId, str] = {}
        for ids in chunks(sorted(set(customer_ids))):
            found |= {CustomerId(row.id): row.subject for row in self._connection.execute(self._where(ids))}
        return found

    def with_subject(self, subject: str) -> CustomerId | None:
        """Whom the ledger knows by that subject; None for a customer who is no more."""
        mine = (customer.c.tenant_id == self._tenant) & (customer.c.subject == subject)
        found: CustomerId | None = self._connection.scalar(select(customer.c.id).where(mine))
        return found

    def changed_at(self, customer_id: CustomerId) -> datetime | None:
        """When the document or the suppression of a customer was last written: what stood before is not kept. None for
        one that does not exist.
        """
        written: datetime | None = self._connection.scalar(
            self._where([customer_id]).with_only_columns(customer.c.updated_at)
        )
        mine = (suppression.c.tenant_id == self._tenant) & (suppression.c.customer_id == customer_id)
        listed: datetime | None = self._connection.scalar(select(func.max(suppression.c.at)).where(mine))
        return max(written, listed) if written and listed else written

    def load(self, customer_ids: Iterable[CustomerId]) -> dict[CustomerId, Customer]:
        """Customers as the rules see them, in id order; those that do not exist are left out."""
        ids = sorted(set(customer_ids))
        found: dict[CustomerId, Customer] = {}
        for chunk in chunks(ids):
            channels = _channels(self._connection, self._tenant, chunk)
            for row in self._connection.execute(self._where(chunk).order_by(customer.c.id)).all():
                key = CustomerId(row.id)
                found[key] = _customer(key, row.doc, channels.get(key, _Channels()))
        return found

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

    def _where(self, ids: Sequence[CustomerId]) -> Any:
        return select(customer).where(customer.c.tenant_id == self._tenant, among(customer.c.id, ids))


@dataclass(slots=True)
class _Channels:
    reachable: set[str] = field(default_factory=set)
    suppressed: set[str] = field(default_factory=set)


def _channels(connection: Connection, tenant: TenantId, ids: Sequence[CustomerId]) -> dict[CustomerId, _Channels]:
    """Where customers can be reached and where they must not be, without opening an address."""
    mine = (contact.c.tenant_id == tenant) & among(contact.c.customer_id, ids)
    by_address = select(contact.c.customer_id, contact.c.channel, true().label("reaches"), is_listed().label("listed"))
    by_name = select(suppression.c.customer_id, suppression.c.channel, false().label("reaches"), true().label("listed"))
    named = (suppression.c.tenant_id == tenant) & among(suppression.c.customer_id, ids)
    paused = paused_channels(tenant, ids).add_columns(false().label("reaches"), true().label("listed"))
    found: dict[CustomerId, _Channels] = {}
    for key, channel, reaches, is_suppressed in connection.execute(
        union_all(by_address.where(mine), by_name.where(named), paused)
    ):
        channels = found.setdefault(CustomerId(key), _Channels())
        if reaches:
            channels.reachable.add(channel)
        if is_suppressed:
            channels.suppressed.add(channel)
    return found


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
