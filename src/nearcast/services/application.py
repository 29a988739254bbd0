"""The live service's use cases in one bundle, with what they need already handed in."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from threading import Event

from nearcast.services.access import Access
from nearcast.services.audit import Audit
from nearcast.services.campaigns import Campaigns
from nearcast.services.compliance import Compliance
from nearcast.services.confirmations import Confirmations
from nearcast.services.conflicts import Conflicts
from nearcast.services.consents import Consents
from nearcast.services.contacts import Contacts
from nearcast.services.courier import Courier
from nearcast.services.customers import Customers
from nearcast.services.devices import Devices
from nearcast.services.engines import Engines
from nearcast.services.erasure import Erasure
from nearcast.services.evidence import Evidence
from nearcast.services.explain_live import Explanations
from nearcast.services.exporting import Exporting
from nearcast.services.fences import Fences
from nearcast.services.figures import Figures
from nearcast.services.health import Health, WorkerStatus, no_worker
from nearcast.services.importing import Importing
from nearcast.services.inbox import Inbox
from nearcast.services.intake import Intake
from nearcast.services.ledger_proof import LedgerProof
from nearcast.services.match_log import Decisions
from nearcast.services.messages import Messages
from nearcast.services.onboarding import Onboarding
from nearcast.services.once import Once
from nearcast.services.opt_outs import OptOuts
from nearcast.services.own_channels import OwnChannels
from nearcast.services.partitions import Partitions
from nearcast.services.patience import Patience
from nearcast.services.paying import Paying
from nearcast.services.personal_data import PersonalData
from nearcast.services.phones import Phones
from nearcast.services.ping_request import RequestReader
from nearcast.services.ports import Clock
from nearcast.services.provider_care import ProviderCare
from nearcast.services.reminders import Reminders
from nearcast.services.reservations import Reservations
from nearcast.services.retention import Retention
from nearcast.services.senders import Senders
from nearcast.services.sensitive_places import SensitivePlaces
from nearcast.services.shops import Shops
from nearcast.services.slots import Slots
from nearcast.services.staff import Staff
from nearcast.services.templates import Templates
from nearcast.services.tenants import Tenants
from nearcast.services.trials import Trials
from nearcast.services.usage import Usage
from nearcast.services.vouchers import Vouchers
from nearcast.services.webhooks import Webhooks


@dataclass(frozen=True, slots=True, kw_only=True)
class Application:
    """What the API, the console, the worker and the command line receive; none of them ever sees an adapter.

    `new_engines` makes engines that no other thread waits for, for whoever bears that name among all processes on the
    database. `pings_arrived` is set when pings have come in here. `worker_status` tells of the loops that this process
    runs. `connected` may keep connections open until the end. Where time `is_fast`, messages have no
    turns of their own: these are moments of real time.
    """

    clock: Clock
    is_fast: bool = False
    contacts: Contacts
    access: Access
    audit: Audit
    compliance: Compliance
    once: Once
    tenants: Tenants
    shops: Shops
    staff: Staff
    fences: Fences
    sensitive_places: SensitivePlaces
    campaigns: Campaigns
    trials: Trials
    conflicts: Conflicts
    customers: Customers
    personal_data: PersonalData
    erasure: Erasure
    consents: Consents
    confirmations: Confirmations
    devices: Devices
    onboarding: Onboarding
    opt_outs: OptOuts
    own_channels: OwnChannels
    patience: Patience
    phones: Phones
    ledger_proof: LedgerProof
    evidence: Evidence
    reminders: Reminders
    intake: Intake
    importing: Importing
    exporting: Exporting
    retention: Retention
    new_engines: Callable[[str], Engines]
    partitions: Partitions
    pings_arrived: Event
    explanations: Explanations
    read_native: RequestReader
    decisions: Decisions
    messages: Messages
    slots: Slots
    reservations: Reservations
    vouchers: Vouchers
    paying: Paying
    senders: Senders
    templates: Templates
    usage: Usage
    webhooks: Webhooks
    courier: Courier
    inbox: Inbox
    provider_care: ProviderCare
    connected: Sequence[object]
    figures: Figures
    health: Health
    worker_status: WorkerStatus = no_worker
