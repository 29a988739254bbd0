"""Who is due to be reminded of what they agreed to: once a year, unless the tenant says otherwise."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from nearcast.domain.consent import ConsentEvent
from nearcast.domain.ids import CustomerId, TenantId
from nearcast.domain.policy import ConsentReminder
from nearcast.services.catalogue import assembled
from nearcast.services.consents import states_of
from nearcast.services.ports import Page, Store, UnitOfWork

YEARLY = ConsentReminder(timedelta(days=365))
_CUSTOMERS_AT_ONCE = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Reminder:
    """A consent that its customer should have been reminded of by `due_at`; they last heard of it at `told_at`."""

    customer_id: CustomerId
    purpose: str
    channel: str | None
    sender: str | None
    told_at: datetime
    due_at: datetime

    def row(self) -> dict[str, Any]:
        """As the API shows it."""
        return {name: getattr(self, name) for name in self.__slots__}


class Reminders:
    """The reminders of tenants. Sending one is the operator's; `reminded` in the ledger says that it was."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def due(self, tenant_id: TenantId, now: datetime, *, cursor: str | None = None, limit: int = 100) -> Page[Reminder]:
        """Live consents whose reminder is due at `now`, by customer; the cursor is the last customer. A page holds all
        of a customer's, and may hold a few more than `limit`.
        """
        found: list[Reminder] = []
        with self._store.reading(tenant_id) as uow:
            rule = assembled(uow.catalogue, tenant_id).tenant.policy.consent_reminder or YEARLY
            while True:
                ids = uow.consents.told_by(now - rule.every, after=cursor, limit=_CUSTOMERS_AT_ONCE)
                for key, events in self._events(uow, ids):
                    if len(found) >= limit:
                        return Page(found, cursor)
                    found += _due(key, events, rule, now)
                    cursor = key
                if len(ids) < _CUSTOMERS_AT_ONCE:
                    return Page(found)

    def _events(self, uow: UnitOfWork, ids: list[CustomerId]) -> list[tuple[CustomerId, list[ConsentEvent]]]:
        events = uow.consents.of(ids)
        return [(key, events.get(key, [])) for key in ids]


def _due(key: CustomerId, events: list[ConsentEvent], rule: ConsentReminder, now: datetime) -> list[Reminder]:
    return [
        Reminder(
            customer_id=key,
            purpose=purpose,
            channel=channel,
            sender=sender,
            told_at=state.told_at,
            due_at=rule.due_at(state.told_at),
        )
        for (purpose, channel, sender), state in states_of(events, now)
        if state.is_live and state.told_at is not None and rule.due_at(state.told_at) <= now
    ]
