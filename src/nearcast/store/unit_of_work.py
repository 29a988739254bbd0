"""One transaction of one tenant: what is read and written inside it happens together, or not at all."""

from collections import Counter
from functools import partial
from typing import Self

from sqlalchemy import Engine

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
from nearcast.store.pings import Pings
from nearcast.store.replies import Replies
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
        self.tenant_id, self._sealing = tenant_id, sealing
        self._figures, self._told = figures, Counter[tuple[Figure, tuple[str, ...]]]()

    def __enter__(self) -> Self:
        super().__enter__()
        connection, tenant_id = self.connection, self.tenant_id
        self.catalogue = Catalogue(connection, tenant_id)
        self.customers = Customers(connection, tenant_id)
        self.contacts = Contacts(connection, tenant_id)
        self.suppressions = Suppressions(connection, tenant_id)
        self.erasing = Erasing(connection, tenant_id)
        self.consents = Consents(connection, tenant_id)
        self.confirmations = Confirmations(connection, tenant_id)
        self.devices = Devices(connection, tenant_id)
        self.tracks = Tracks(connection, tenant_id)
        self.transitions = Transitions(connection, tenant_id)
        self.match_log = MatchLog(connection, tenant_id)
        self.budgets = Budgets(connection, tenant_id)
        self.outbox = Outbox(connection, tenant_id, self.budgets, self._sealing)
        self.staff = Staff(connection, tenant_id)
        self.vouchers = Vouchers(connection, tenant_id)
        self.sends = Sends(connection, tenant_id, self.budgets)
        self.assignments = Assignments(connection, tenant_id)
        self.pings = Pings(connection, tenant_id)
        self.past_pings = PastPings(connection, tenant_id)
        self.runs = Runs(connection, tenant_id)
        self.keys = Keys(connection, tenant_id)
        self.idempotency = Idempotency(connection, tenant_id)
        self.counters = Counters(connection, tenant_id)
        self.audit = AuditTrail(connection, tenant_id)
        self.events = Events(connection, tenant_id)
        self.senders = Senders(connection, tenant_id)
        self.allowances = Allowances(connection, tenant_id)
        self.heard = MessageEvents(connection, tenant_id)
        self.contact_keys = ContactKeys(connection, tenant_id)
        self.pauses = Pauses(connection, tenant_id)
        self.reviews = OptOutReviews(connection, tenant_id)
        self.replies = Replies(connection, tenant_id)
        self.templates = Templates(connection, tenant_id)
        self.costs = Costs(connection, tenant_id)
        return self

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
