"""The consent ledger: lines are added, and never changed or taken out."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, func, or_, select

from nearcast.domain.consent import ConsentAction, ConsentEvent, in_ledger_order
from nearcast.domain.ids import CustomerId, TenantId
from nearcast.services.ports import LedgerLine
from nearcast.store.dialect import insert_new
from nearcast.store.page import chunks
from nearcast.store.tables import consent_event


class Consents:
    """One tenant's ledger."""

    def __init__(self, connection: Connection, tenant: TenantId) -> None:
        self._connection, self._tenant = connection, tenant

    def append(self, line: LedgerLine) -> bool:
        """Add a line; False where one with its event id stands already, which is left as it is.

        The customer must exist.
        """
        event = line.event
        row = {
            "tenant_id": self._tenant,
            "event_id": event.event_id,
            "customer_id": event.customer_id,
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
            mine = consent_event.c.tenant_id == self._tenant
            lines = select(consent_event).where(mine, consent_event.c.customer_id.in_(ids))
            for row in self._connection.execute(lines.order_by(consent_event.c.seq)):
                found.setdefault(CustomerId(row.customer_id), []).append(_event(row))
        return {customer_id: in_ledger_order(events) for customer_id, events in found.items()}

    def lines(self, customer_id: CustomerId) -> list[LedgerLine]:
        """The lines of a customer with their evidence, in the order in which they were added."""
        mine = (consent_event.c.tenant_id == self._tenant) & (consent_event.c.customer_id == customer_id)
        found = self._connection.execute(select(consent_event).where(mine).order_by(consent_event.c.seq))
        return [
            LedgerLine(event=_event(row), recorded_at=row.recorded_at, notice=row.notice, source=row.source)
            for row in found
        ]

    def changing(self, after: datetime, until: datetime) -> list[CustomerId]:
        """Customers with an event dated in (after, until], or a consent that ends there, by id."""
        at, ends = consent_event.c.at, consent_event.c.valid_until
        due = or_((at > after) & (at <= until), (ends > after) & (ends <= until))
        found = select(consent_event.c.customer_id).where(consent_event.c.tenant_id == self._tenant, due).distinct()
        return [CustomerId(key) for key in self._connection.scalars(found.order_by(consent_event.c.customer_id))]

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
