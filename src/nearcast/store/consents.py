"""The consent ledger: lines are added, and never changed or taken out."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, func, or_, select

from nearcast.domain.consent import ConsentAction, ConsentEvent, in_ledger_order
from nearcast.domain.errors import NotFound
from nearcast.domain.ids import CustomerId, TenantId
from nearcast.services.ledger_ports import LedgerLine
from nearcast.store.dialect import insert_new
from nearcast.store.page import chunks
from nearcast.store.tables import consent_event, customer


class Consents:
    """One tenant's ledger."""

    def __init__(self, connection: Connection, tenant: TenantId) -> None:
        self._connection, self._tenant = connection, tenant
        self._customers = select(customer.c.subject).where(customer.c.tenant_id == tenant)
        of_customer = (consent_event.c.tenant_id == customer.c.tenant_id) & (
            consent_event.c.subject == customer.c.subject
        )
        whose = customer.c.id.label("customer_id")
        self._lines = (
            select(consent_event, whose)
            .join_from(consent_event, customer, of_customer)
            .where(customer.c.tenant_id == tenant)
        )

    def append(self, line: LedgerLine) -> bool:
        """Add a line; False where one with its event id stands already, which is left as it is.

        NotFound for a customer that does not exist.
        """
        event = line.event
        subject = self._connection.scalar(self._customers.where(customer.c.id == event.customer_id))
        if subject is None:
            raise NotFound(f"there is no customer {event.customer_id!r}")
        row = {
            "tenant_id": self._tenant,
            "event_id": event.event_id,
            "subject": subject,
            "purpose": event.purpose,
            "channel": event.channel,
            "sender": event.sender,
            "action": event.action.value,
            "at": event.at,
            "valid_until": event.valid_until,
            "recorded_at": line.recorded_at,
            "notice": line.notice,
            "source": line.source,
        }
        return insert_new(self._connection, consent_event, row)

    def of(self, customer_ids: Iterable[CustomerId]) -> dict[CustomerId, list[ConsentEvent]]:
        """The events of customers in ledger order; those without any are left out."""
        found: dict[CustomerId, list[ConsentEvent]] = {}
        for ids in chunks(sorted(set(customer_ids))):
            mine = self._lines.where(customer.c.id.in_(ids))
            for row in self._connection.execute(mine.order_by(consent_event.c.seq)):
                found.setdefault(CustomerId(row.customer_id), []).append(_event(row))
        return {customer_id: in_ledger_order(events) for customer_id, events in found.items()}

    def lines(self, customer_id: CustomerId) -> list[LedgerLine]:
        """The lines of a customer with their evidence, in the order in which they were added."""
        mine = self._lines.where(customer.c.id == customer_id).order_by(consent_event.c.seq)
        return [
            LedgerLine(event=_event(row), recorded_at=row.recorded_at, notice=row.notice, source=row.source)
            for row in self._connection.execute(mine)
        ]

    def changing(self, after: datetime, until: datetime) -> list[CustomerId]:
        """Customers with an event dated in (after, until], or a consent that ends there, by id."""
        at, ends = consent_event.c.at, consent_event.c.valid_until
        due = or_((at > after) & (at <= until), (ends > after) & (ends <= until))
        found = self._lines.with_only_columns(customer.c.id).where(due).distinct()
        return [CustomerId(key) for key in self._connection.scalars(found.order_by(customer.c.id))]

    def next_change(self, after: datetime) -> datetime | None:
        """The first instant after that one at which an event is dated or a consent ends."""
        found = []
        for column in (consent_event.c.at, consent_event.c.valid_until):
            mine = select(func.min(column)).where(consent_event.c.tenant_id == self._tenant, column > after)
            found.append(self._connection.scalar(mine))
        return min((at for at in found if at is not None), default=None)


def _event(row: Row[Any]) -> ConsentEvent:
    return ConsentEvent(
        event_id=row.event_id,
        customer_id=CustomerId(row.customer_id),
        purpose=row.purpose,
        action=ConsentAction(row.action),
        at=row.at,
        channel=row.channel,
        sender=row.sender,
        valid_until=row.valid_until,
    )
