"""Customers, and the channels on whose suppression lists they stand."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, delete, func, select

from nearcast.domain.customer import Customer
from nearcast.domain.ids import CustomerId, TenantId
from nearcast.domain.local_time import zone
from nearcast.services.ports import Page
from nearcast.services.quiet_hours import kept_quiet_hours
from nearcast.store.dialect import insert_new, upsert
from nearcast.store.page import chunks, page_of
from nearcast.store.tables import customer, suppression


class Customers:
    """`doc` is a customer as the API shows it, without its id: timezone, tags, attributes, contacts."""

    def __init__(self, connection: Connection, tenant: TenantId) -> None:
        self._connection, self._tenant = connection, tenant

    def upsert(self, docs: Mapping[CustomerId, Mapping[str, Any]], at: datetime) -> None:
        """Write customers, new or changed."""
        rows = [
            {"tenant_id": self._tenant, "id": key, "doc": dict(doc), "created_at": at, "updated_at": at}
            for key, doc in sorted(docs.items())
        ]
        upsert(self._connection, customer, rows, keep=["created_at"])

    def insert(self, customer_id: CustomerId, doc: Mapping[str, Any], at: datetime) -> bool:
        """Write a customer unless there is one of that id; whether it was new."""
        row = {"tenant_id": self._tenant, "id": customer_id, "doc": dict(doc), "created_at": at, "updated_at": at}
        return insert_new(self._connection, customer, row)

    def lock(self, customer_ids: Iterable[CustomerId]) -> list[CustomerId]:
        """Hold customers until the transaction ends, in id order; those that exist.

        Whoever changes anything of a customer holds it first. One that does not exist has no consent, so that nothing
        can be sent to it.
        """
        held: list[CustomerId] = []
        for ids in chunks(sorted(set(customer_ids))):
            found = self._where(ids).with_only_columns(customer.c.id).order_by(customer.c.id).with_for_update()
            held += map(CustomerId, self._connection.scalars(found))
        return held

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
        """Customers as the rules see them; those that do not exist are left out."""
        ids = sorted(set(customer_ids))
        listed = self._suppressed(ids)
        found: dict[CustomerId, Customer] = {}
        for chunk in chunks(ids):
            for row in self._connection.execute(self._where(chunk)):
                key = CustomerId(row.id)
                found[key] = _customer(key, row.doc, listed.get(key, frozenset()))
        return found

    def page(self, *, cursor: str | None = None, limit: int = 100) -> Page[tuple[CustomerId, dict[str, Any]]]:
        """Customers by id with their documents; the cursor is the last id."""
        found = select(customer).where(customer.c.tenant_id == self._tenant).order_by(customer.c.id).limit(limit + 1)
        if cursor is not None:
            found = found.where(customer.c.id > cursor)
        return page_of([(row.id, (CustomerId(row.id), row.doc)) for row in self._connection.execute(found)], limit)

    def suppress(self, customer_id: CustomerId, channel: str, at: datetime, *, reason: str | None = None) -> None:
        """Put a customer on a channel's suppression list; it need not exist."""
        row = {"tenant_id": self._tenant, "customer_id": customer_id, "channel": channel, "reason": reason, "at": at}
        upsert(self._connection, suppression, [row])

    def unsuppress(self, customer_id: CustomerId, channel: str) -> bool:
        """Take a customer off a channel's suppression list; whether it stood there."""
        mine = (suppression.c.tenant_id == self._tenant) & (suppression.c.customer_id == customer_id)
        return self._connection.execute(delete(suppression).where(mine, suppression.c.channel == channel)).rowcount > 0

    def suppressed(self, customer_id: CustomerId) -> frozenset[str]:
        """The channels on whose suppression lists a customer stands."""
        return self._suppressed([customer_id]).get(customer_id, frozenset())

    def _suppressed(self, customer_ids: Sequence[CustomerId]) -> dict[CustomerId, frozenset[str]]:
        listed: dict[CustomerId, set[str]] = {}
        for ids in chunks(customer_ids):
            mine = (suppression.c.tenant_id == self._tenant) & suppression.c.customer_id.in_(ids)
            for row in self._connection.execute(select(suppression).where(mine)):
                listed.setdefault(CustomerId(row.customer_id), set()).add(row.channel)
        return {key: frozenset(channels) for key, channels in listed.items()}

    def _where(self, ids: Sequence[CustomerId]) -> Any:
        return select(customer).where(customer.c.tenant_id == self._tenant, customer.c.id.in_(ids))


def _customer(key: CustomerId, doc: Mapping[str, Any], suppressed: frozenset[str]) -> Customer:
    timezone = doc.get("timezone")
    return Customer(
        id=key,
        zone=zone(timezone) if timezone else None,
        tags=frozenset(doc.get("tags") or ()),
        attributes=dict(doc.get("attributes") or {}),
        suppressed=suppressed,
        quiet_hours=kept_quiet_hours(doc),
        paused_until=None if doc.get("paused_until") is None else date.fromisoformat(doc["paused_until"]),
        reachable=frozenset(contact["channel"] for contact in doc.get("contacts") or () if contact.get("address")),
    )
