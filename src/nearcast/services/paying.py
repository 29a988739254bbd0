"""All that deals with payments, put together."""

from dataclasses import dataclass

from nearcast.services.contacts import Contacts
from nearcast.services.cursors import Cursors
from nearcast.services.deposits import PaidPlaces
from nearcast.services.payment_changes import PaymentChanges
from nearcast.services.payment_chat import PaymentChat
from nearcast.services.payment_events import PaymentEvents
from nearcast.services.payment_ports import PaymentPort
from nearcast.services.payment_work import PaymentWork
from nearcast.services.payments import Payments
from nearcast.services.ports import Store
from nearcast.services.pseudonyms import Pseudonyms
from nearcast.services.replies import Replies
from nearcast.services.terms import Terms
from nearcast.services.vault import Vault


@dataclass(frozen=True, slots=True, kw_only=True)
class Paying:
    """What shops ask for, what the provider tells, and what it is asked."""

    requests: Payments
    events: PaymentEvents
    work: PaymentWork


@dataclass(frozen=True, slots=True, kw_only=True)
class PayingParts:
    """What it is made of; `port` None where no provider is set up."""

    port: PaymentPort | None
    vault: Vault
    contacts: Contacts
    terms: Terms
    replies: Replies
    pseudonyms: Pseudonyms
    cursors: Cursors


def make_paying(store: Store, whole: Store, parts: PayingParts) -> Paying:
    """The parts on a store, `whole` for those who work by themselves."""
    chat = PaymentChat(parts.contacts, parts.terms, parts.replies)
    changes = PaymentChanges(chat, [PaidPlaces(chat, parts.terms)])
    is_set_up = parts.port is not None
    return Paying(
        requests=Payments(store, changes, chat, parts.pseudonyms, parts.cursors, is_set_up=is_set_up),
        events=PaymentEvents(store, parts.vault, parts.port, changes),
        work=PaymentWork(whole, parts.port, changes, chat),
    )
