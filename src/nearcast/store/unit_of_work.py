"""One transaction of one tenant: what is read and written inside it happens together, or not at all."""

from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Any

from sqlalchemy import Connection, Engine

from nearcast.domain.ids import TenantId
from nearcast.services.figures import Figure, Figures
from nearcast.services.secret_ports import Sealing
from nearcast.store.allowances import Allowances
from nearcast.store.assignments import Assignments
from nearcast.store.audit import AuditTrail
from nearcast.store.budgets import Budgets
from nearcast.store.catalogue import Catalogue
from nearcast.store.confirmations import Confirmations
from nearcast.store.consents import Consents
from nearcast.store.contact_keys import ContactKeys
from nearcast.store.contacts import Contacts
from nearcast.store.costs import Costs
from nearcast.store.counters import Counters
from nearcast.store.customers import Customers
from nearcast.store.devices import Devices
from nearcast.store.dialect import narrow
from nearcast.store.duties import Duties
from nearcast.store.erasing import Erasing
from nearcast.store.events import Events
from nearcast.store.heard import MessageEvents
from nearcast.store.idempotency import Idempotency
from nearcast.store.keys import Keys
from nearcast.store.match_log import MatchLog
from nearcast.store.message_rows import NOT_SEALED
from nearcast.store.outbox import Outbox
from nearcast.store.past_pings import PastPings
from nearcast.store.pauses import OptOutReviews, Pauses
from nearcast.store.payments import Payments
from nearcast.store.pings import Pings
from nearcast.store.replies import Replies
from nearcast.store.reservations import Reservations, Slots
from nearcast.store.runs import Runs
from nearcast.store.senders import Senders
from nearcast.store.sends import Sends
from nearcast.store.staff import Staff
from nearcast.store.suppressions import Suppressions
from nearcast.store.templates import Templates
from nearcast.store.tracks import Tracks
from nearcast.store.transaction import Transaction
from nearcast.store.transitions import Transitions
from nearcast.store.vouchers import Vouchers


class SqlUnitOfWork(Transaction):
    """A `Transaction` with one attribute per noun, each of them of one tenant alone.

    `is_narrow`: the database itself lets no row of another tenant through, where it can.
    """

    catalogue: Catalogue
    customers: Customers
    contacts: Contacts
    suppressions: Suppressions
    erasing: Erasing
    consents: Consents
    confirmations: Confirmations
    devices: Devices
    tracks: Tracks
    transitions: Transitions
    match_log: MatchLog
    outbox: Outbox
    vouchers: Vouchers
    staff: Staff
    slots: Slots
    reservations: Reservations
    sends: Sends
    budgets: Budgets
    assignments: Assignments
    pings: Pings
    past_pings: PastPings
    runs: Runs
    keys: Keys
    idempotency: Idempotency
    counters: Counters
    audit: AuditTrail
    events: Events
    senders: Senders
    allowances: Allowances
    heard: MessageEvents
    contact_keys: ContactKeys
    pauses: Pauses
    reviews: OptOutReviews
    replies: Replies
    templates: Templates
    costs: Costs
    payments: Payments
    duties: Duties

    def __init__(
        self,
        engine: Engine,
        tenant_id: TenantId,
        *,
        read_only: bool = False,
        is_narrow: bool = False,
        figures: Figures | None = None,
        sealing: Sealing = NOT_SEALED,
    ) -> None:
        super().__init__(engine, read_only=read_only, first=partial(narrow, tenant=tenant_id) if is_narrow else None)
        self.tenant_id, self.sealing = tenant_id, sealing
        self._figures, self._told = figures, Counter[tuple[Figure, tuple[str, ...]]]()

    def __getattr__(self, name: str) -> Any:
        """A noun, made when it is first asked for: most transactions are about few of them."""
        if name not in _NOUNS:
            raise AttributeError(name)
        found = _NOUNS[name](self)
        setattr(self, name, found)
        return found

    def tell(self, figure: Figure, *labels: str, by: int = 1) -> None:
        """Count something that has happened once this is committed, and not before."""
        self._told[figure, labels] += by

    def commit(self) -> None:
        """As `Transaction`; what it takes from budgets and adds to counters comes last, for others wait for it."""
        self.budgets.settle()
        self.counters.settle()
        super().commit()
        if self._figures is not None:
            for (figure, labels), count in self._told.items():
                self._figures.add(figure, *labels, by=count)
        self._told.clear()


def _plain(noun: Callable[[Connection, TenantId], Any]) -> Callable[[SqlUnitOfWork], Any]:
    return lambda uow: noun(uow.connection, uow.tenant_id)


_NOUNS: dict[str, Callable[[SqlUnitOfWork], Any]] = {
    "catalogue": _plain(Catalogue),
    "customers": _plain(Customers),
    "contacts": _plain(Contacts),
    "suppressions": _plain(Suppressions),
    "erasing": _plain(Erasing),
    "consents": _plain(Consents),
    "confirmations": _plain(Confirmations),
    "devices": _plain(Devices),
    "tracks": _plain(Tracks),
    "transitions": _plain(Transitions),
    "match_log": _plain(MatchLog),
    "budgets": _plain(Budgets),
    "outbox": lambda uow: Outbox(uow.connection, uow.tenant_id, uow.budgets, uow.sealing),
    "staff": _plain(Staff),
    "slots": _plain(Slots),
    "reservations": _plain(Reservations),
    "vouchers": _plain(Vouchers),
    "sends": lambda uow: Sends(uow.connection, uow.tenant_id, uow.budgets),
    "assignments": _plain(Assignments),
    "pings": _plain(Pings),
    "past_pings": _plain(PastPings),
    "runs": _plain(Runs),
    "keys": _plain(Keys),
    "idempotency": _plain(Idempotency),
    "counters": _plain(Counters),
    "audit": _plain(AuditTrail),
    "events": _plain(Events),
    "senders": _plain(Senders),
    "allowances": _plain(Allowances),
    "heard": _plain(MessageEvents),
    "contact_keys": _plain(ContactKeys),
    "pauses": _plain(Pauses),
    "reviews": _plain(OptOutReviews),
    "replies": _plain(Replies),
    "templates": _plain(Templates),
    "costs": _plain(Costs),
    "payments": _plain(Payments),
    "duties": lambda uow: Duties(uow.connection),
}
