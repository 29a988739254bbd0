"""All that deals with what comes in, put together."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from threading import Event

from nearcast.domain.ids import TenantId
from nearcast.services.accounts import Accounts
from nearcast.services.channel_ports import Adapter, WayOut, WaysOut, way_out
from nearcast.services.chat_start import ChatStart
from nearcast.services.confirmations import Confirmations
from nearcast.services.contacts import Contacts
from nearcast.services.conversation import Conversation, Handler, Question
from nearcast.services.cursors import Cursors
from nearcast.services.identities import Identities
from nearcast.services.opt_ins import OptIns
from nearcast.services.ports import Store
from nearcast.services.provider_webhooks import ProviderWebhooks
from nearcast.services.receipts import Receipts
from nearcast.services.replies import Replies
from nearcast.services.reviews import Reviews
from nearcast.services.sender_states import SenderStates
from nearcast.services.stops import Stops
from nearcast.services.terms import Terms
from nearcast.services.vault import Vault


@dataclass(frozen=True, slots=True, kw_only=True)
class Inbox:
    """What comes in, what follows from it, and what is answered. `arrived` is set when something has come in here."""

    webhooks: ProviderWebhooks
    receipts: Receipts
    replies: Replies
    reviews: Reviews
    identities: Identities
    arrived: Event

    def work_some(self, tenant_id: TenantId, now: datetime, present: Callable[[], datetime]) -> int:
        """Apply some of what came in, and answer some; how many pieces of work that were."""
        return self.receipts.apply_some(tenant_id, now) + self.replies.send_some(tenant_id, now, present)


@dataclass(frozen=True, slots=True, kw_only=True)
class InboxParts:
    """What it is made of. `handlers` answer what is not about getting messages, `questions` are what they may have
    asked; `dice` are from [0, 1).
    """

    vault: Vault
    contacts: Contacts
    terms: Terms
    cursors: Cursors
    ways: WaysOut
    adapters: Mapping[str, Adapter]
    senders: SenderStates
    dice: Callable[[], float]
    handlers: Callable[[Replies], Sequence[Handler]] = lambda replies: ()
    questions: Sequence[Question] = ()


def make_inbox(
    store: Store, whole: Store, parts: InboxParts, accounts: Accounts, verify_tokens: Mapping[str, str]
) -> Inbox:
    """The parts on a store, `whole` for those who work by themselves."""

    def through(channel: str) -> WayOut | None:
        return way_out(parts.ways, channel)

    vault, terms, arrived = parts.vault, parts.terms, Event()
    identities = Identities(vault, parts.contacts)
    replies = Replies(whole, vault, through, dice=parts.dice, senders=parts.senders)
    opt_ins = OptIns(terms, Confirmations(whole, terms), identities, replies)
    chat_start = ChatStart(terms, vault, parts.contacts, identities, replies)
    conversation = Conversation([chat_start, opt_ins, *parts.handlers(replies)], parts.questions)
    stops = Stops(terms, vault, identities, replies, conversation)
    webhooks = ProviderWebhooks(
        store, vault, accounts, identities, stops, parts.adapters, verify_tokens, arrived.set, knows=chat_start.knows
    )
    receipts = Receipts(
        whole,
        vault,
        identities,
        stops,
        parts.senders,
        conversation,
    )
    return Inbox(
        webhooks=webhooks,
        receipts=receipts,
        replies=replies,
        reviews=Reviews(store, vault, stops, parts.cursors),
        identities=identities,
        arrived=arrived,
    )
