"""A message as it is to leave: its content, and whom it goes to in the words of its way out.

Addresses are opened here and nowhere else on the way out; whoever knows customers by our own names gets no address.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from nearcast.domain.ids import CustomerId, TenantId
from nearcast.domain.message import Message
from nearcast.domain.sending import Outbound, Purpose, Recipient, Text
from nearcast.domain.template import MessageTemplate
from nearcast.domain.throttle import Throttle
from nearcast.services.channel_ports import Capability, WayOut, WaysOut, each_way_out
from nearcast.services.contact_ports import SealedContact
from nearcast.services.contacts import Contacts
from nearcast.services.identities import Identities
from nearcast.services.opt_out_links import OptOut, OptOutLinks
from nearcast.services.ports import UnitOfWork
from nearcast.services.sender_states import SenderStates
from nearcast.services.tap_ids import TapIds
from nearcast.services.template_filling import filled
from nearcast.services.template_ports import TemplateKey


@dataclass(frozen=True, slots=True)
class Kept:
    """What is kept of recipients and templates: addresses, still sealed, by customer and channel."""

    contacts: Mapping[tuple[CustomerId, str], SealedContact]
    templates: Mapping[TemplateKey, MessageTemplate]


@dataclass(frozen=True, slots=True, kw_only=True)
class PostRoom:
    """What messages need on their way out. Without `contacts` nobody has an address, without `opt_outs` no message has
    a link that ends it all; `senders` know what providers allow, and `identities` keep what they call people. `taps`
    make what comes back with a tap on a button. So many attempts as `at_once` go on at the same time.
    """

    contacts: Contacts | None = None
    opt_outs: OptOutLinks | None = None
    senders: SenderStates | None = None
    identities: Identities | None = None
    taps: TapIds | None = None
    at_once: int = 1


NO_ROOM = PostRoom()
"""For channels of our own."""


class Outlet:
    """The ways out of one tenant's messages."""

    def __init__(self, tenant_id: TenantId, ways: WayOut | WaysOut, room: PostRoom) -> None:
        self._tenant_id, self._room, self._way_out = tenant_id, room, each_way_out(ways)
        self.senders, self.identities, self.at_once = room.senders, room.identities, room.at_once

    def through(self, channel: str) -> WayOut | None:
        """The way out for a channel; None where it is not set up."""
        return self._way_out(channel)

    def throttles(self, uow: UnitOfWork, of_tenant: tuple[Throttle, ...], now: datetime) -> tuple[Throttle, ...]:
        """How fast messages may leave at `now`."""
        return of_tenant if self.senders is None else self.senders.throttles(uow, of_tenant, now)

    def kept(self, uow: UnitOfWork, messages: Collection[Message]) -> Kept:
        """The addresses of those whose messages need one, all on each channel, and the templates of the messages."""
        leaving = [each for each in messages if self.is_providers(each.channel) or self.through(each.channel) is None]
        customers = {message.customer_id for message in leaving if self._room.contacts is not None}
        contacts = uow.contacts.of(customers) if customers else {}
        named = {(each.template.name, each.template.language) for each in leaving if each.template is not None}
        return Kept(
            {(key, each.channel): each for key, all_of in contacts.items() for each in all_of},
            uow.templates.get(named) if named else {},
        )

    def outbound(self, message: Message, kept: Kept, now: datetime) -> Outbound | None:
        """What leaves at `now`; None for who has no address where one is needed. CannotOpen where our keys are
        others.
        """
        if not self.is_providers(message.channel):
            return self._leaving(message, kept, Recipient(user_id=message.customer_id), now)
        found = kept.contacts.get((message.customer_id, message.channel))
        if found is None or self._room.contacts is None:
            return None
        to = Recipient(address=self._room.contacts.opened(self._tenant_id, found))
        return self._leaving(message, kept, to, now)

    def _leaving(self, message: Message, kept: Kept, to: Recipient, now: datetime) -> Outbound:
        leaving = outbound(message, self._tenant_id, to, now)
        way, template = self.through(message.channel), message.template
        if template is not None and way is not None and Capability.TEMPLATE in way.capabilities:
            known = kept.templates.get((template.name, template.language))
            made = filled(
                replace(template, body=message.text), known, ends_at=message.expires_at, tap=self._tap_of(message)
            )
            leaving = replace(leaving, content=made)
        if self._room.opt_outs is None:
            return leaving
        ends = OptOut(
            tenant_id=self._tenant_id,
            customer_id=message.customer_id,
            channel=message.channel,
            sender=message.sender or self._tenant_id,
        )
        return replace(leaving, opt_out_url=self._room.opt_outs.url(ends))

    def person(self, to: Recipient) -> str:
        """Whom something goes to, by a name that says nothing and is the same for every tenant."""
        return "" if self._room.contacts is None else self._room.contacts.blind(to)

    def _tap_of(self, message: Message) -> Callable[[str], str] | None:
        """Makes what comes back with a tap on a button of this message that is for something."""
        taps = self._room.taps
        if taps is None:
            return None
        return lambda purpose: taps.make(self._tenant_id, purpose, message.id, for_whom=message.customer_id)

    def is_providers(self, channel: str) -> bool:
        """Whether messages of that channel leave through a provider, who knows nobody by our names."""
        way = self.through(channel)
        return way is not None and Capability.OWN_NAMES not in way.capabilities


def outbound(message: Message, tenant_id: TenantId, to: Recipient, now: datetime) -> Outbound:
    """A message to that recipient, as it leaves at `now`."""
    return Outbound(
        id=message.id,
        tenant_id=tenant_id,
        sender=message.sender or tenant_id,
        to=to,
        content=Text(body=message.text),
        purpose=Purpose.MARKETING,
        not_after=message.expires_at,
        ttl_s=(message.expires_at - now).total_seconds(),
        topic=message.campaign_id,
        channel=message.channel,
    )
