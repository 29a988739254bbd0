"""What providers tell us comes in: signed, kept once however often it is told, and opt-outs done before the answer.

Everything else is done afterwards: a provider waits a moment for its answer, and tells again what was not answered.
"""

import hashlib
import hmac
import logging
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime

from nearcast.domain.channel_event import ChannelEvent, Inbound, Preference, Receipt, Unparsed
from nearcast.domain.errors import InvalidInput, NotAllowed, NotFound
from nearcast.domain.ids import CustomerId, TenantId
from nearcast.domain.sending import RetryClass, tagged_message
from nearcast.services.accounts import Accounts
from nearcast.services.channel_ports import Acknowledging, Adapter
from nearcast.services.conversation import Heard
from nearcast.services.event_words import account_of, kind_of, sealed_event, what_of
from nearcast.services.figures import Figure
from nearcast.services.identities import Identities, recipient_of
from nearcast.services.inbound_ports import EventStatus, NewEvent, Origin
from nearcast.services.ports import Store, UnitOfWork
from nearcast.services.stops import Stops, said_of_messages
from nearcast.services.vault import Vault

_log = logging.getLogger(__name__)


class WrongToken(NotAllowed):
    """Somebody who wants to tell us things, and does not know what was agreed on."""

    code = "wrong_verify_token"


class ProviderWebhooks:
    """Takes in what the providers of `adapters` tell. `verify_tokens`, by channel, are what whoever sets a webhook up
    has to know. `arrived` is called when there is something to be done. `knows` tells whether a tenant knows somebody
    by what they write, who is nobody's customer by their address.
    """

    def __init__(
        self,
        store: Store,
        vault: Vault,
        accounts: Accounts,
        identities: Identities,
        stops: Stops,
        adapters: Mapping[str, Adapter],
        verify_tokens: Mapping[str, str],
        arrived: Callable[[], None],
        *,
        knows: Callable[[UnitOfWork, Inbound], bool] = lambda uow, inbound: False,
    ) -> None:
        self._store, self._vault, self._accounts, self._knows = store, vault, accounts, knows
        self._identities, self._stops = identities, stops
        self._adapters, self._verify_tokens, self._arrived = adapters, verify_tokens, arrived

    def challenge(self, channel: str, said: Mapping[str, str]) -> str:
        """The answer to who sets a webhook up: the challenge as it came. WrongToken for anybody else."""
        known = self._verify_tokens.get(channel)
        told = said.get("hub.verify_token", "").encode()
        is_known = hmac.compare_digest(told, (known or "").encode())
        if known is None or not is_known or said.get("hub.mode") != "subscribe" or "hub.challenge" not in said:
            raise WrongToken("the verify token is another one")
        return said["hub.challenge"]

    def take(self, channel: str, headers: Mapping[str, str], raw: bytes, now: datetime) -> Mapping[str, str]:
        """Keep what a provider tells, and do what cannot wait; what it is answered. NotFound for a channel that is not
        set up, BadSignature for bytes that its provider has not signed: of these nothing is kept.
        """
        adapter = self._adapters.get(channel)
        if adapter is None:
            raise NotFound(f"no channel {channel!r} is set up that anything could come from")
        adapter.verify(headers, raw)
        sha256 = hashlib.sha256(raw).hexdigest()
        events = _parsed(adapter, raw, sha256)
        strangers = False
        for account, some in _by_account(events).items():
            tenants = self._accounts.tenants(channel, account)
            strangers |= not tenants
            for tenant_id, theirs in self._shared_out(channel, tenants, some).items():
                self._keep(tenant_id, channel, theirs, raw, sha256, now)
        if strangers:
            self._quarantine(channel, raw, sha256, now)
        self._arrived()
        return adapter.acknowledgement(events) if isinstance(adapter, Acknowledging) else {}

    def _shared_out(
        self, channel: str, tenants: Sequence[TenantId], events: Sequence[ChannelEvent]
    ) -> dict[TenantId, list[ChannelEvent]]:
        """Which events are whose, where several tenants have one account: theirs whose messages and customers they are
        about, the first one's where they are nobody's.
        """
        if len(tenants) < 2:
            return {tenant_id: list(events) for tenant_id in tenants}
        shares: dict[TenantId, list[ChannelEvent]] = {tenant_id: [] for tenant_id in tenants}
        known: set[str] = set()
        for tenant_id in tenants:
            with self._store.reading(tenant_id) as uow:
                shares[tenant_id] = self._known(uow, events)
            known.update(event.key for event in shares[tenant_id])
        shares[tenants[0]] += [event for event in events if event.key not in known]
        return {tenant_id: theirs for tenant_id, theirs in shares.items() if theirs}

    def _known(self, uow: UnitOfWork, events: Sequence[ChannelEvent]) -> list[ChannelEvent]:
        receipts = [event for event in events if isinstance(event, Receipt)]
        tags = {tagged_message(event.tag) for event in receipts} - {None}
        ours = {*uow.heard.messages(filter(None, tags)), *uow.replies.existing(map(str, filter(None, tags)))}
        named = uow.outbox.named(event.provider_id for event in receipts if event.provider_id is not None)
        found: list[ChannelEvent] = []
        for event in events:
            if isinstance(event, Receipt):
                is_ours = tagged_message(event.tag) in ours or event.provider_id in named
            else:
                is_ours = isinstance(event, Inbound | Preference) and bool(
                    self._identities.customers(uow, event.sender_keys)
                )
                is_ours = is_ours or (isinstance(event, Inbound) and self._knows(uow, event))
            found += [event] if is_ours else []
        return found

    def _keep(
        self,
        tenant_id: TenantId,
        channel: str,
        events: Sequence[ChannelEvent],
        raw: bytes,
        sha256: str,
        now: datetime,
    ) -> None:
        rows = {self._vault.blind_index("event", f"{channel} {event.key}"): event for event in events}
        # where somebody is, is for whoever answers them alone
        has_place = any(isinstance(event, Inbound) and event.position for event in events)
        sealed = None if has_place else self._vault.seal_text(raw.decode("latin-1"), of=f"webhook {sha256}")
        made = [self._new_event(tenant_id, channel, index, event, now) for index, event in rows.items()]
        with self._store.writing(tenant_id) as uow:
            new = uow.heard.insert(made, now, raw_sha256=sha256)
            if not new:
                return
            uow.heard.keep_raw(sha256, channel, sealed, now)
            fresh = {index: event for index, event in rows.items() if index in new}
            self._do_at_once(uow, tenant_id, channel, fresh, now)
            for (kind, what), count in Counter((kind_of(each), what_of(each)) for each in fresh.values()).items():
                uow.tell(Figure.HEARD, channel, kind, what if kind == "receipt" else "", by=count)
            uow.commit()
        if unread := sum(isinstance(event, Unparsed) for event in fresh.values()):
            _log.error("channel %s: %d items of a webhook are not understood, and kept", channel, unread)

    def _new_event(self, tenant_id: TenantId, channel: str, index: str, event: ChannelEvent, now: datetime) -> NewEvent:
        is_unread = isinstance(event, Unparsed)
        return NewEvent(
            event_index=index,
            channel=channel,
            kind=kind_of(event),
            what=what_of(event),
            at=now if isinstance(event, Unparsed) else event.at,
            status=EventStatus.UNPARSED if is_unread else EventStatus.PENDING,
            sealed=sealed_event(self._vault, tenant_id, index, event),
            provider_index=self._provider_index(event) if isinstance(event, Receipt) else None,
            message_id=tagged_message(event.tag) if isinstance(event, Receipt) else None,
        )

    def _do_at_once(
        self, uow: UnitOfWork, tenant_id: TenantId, channel: str, events: Mapping[str, ChannelEvent], now: datetime
    ) -> None:
        """End messages to those who want none any more."""
        refused = {
            index: event
            for index, event in events.items()
            if isinstance(event, Receipt) and event.error and event.error.retry is RetryClass.USER_OPTOUT
        }
        concerned = {index: [customer] for index, customer in self._customers_of(uow, refused).items()}
        for index, event in events.items():
            if isinstance(event, Preference) or (isinstance(event, Inbound) and said_of_messages(event)):
                concerned[index] = self._identities.customers(uow, event.sender_keys)
        uow.customers.lock({customer for customers in concerned.values() for customer in customers})
        closed: dict[str, CustomerId | None] = {}
        for index in sorted(concerned, key=lambda index: _said_at(events[index])):
            event, customers = events[index], concerned[index]
            if isinstance(event, Inbound):
                heard = heard_of(tenant_id, channel, event, customers)
                is_closed = heard is not None and self._stops.hear(uow, heard, now)
            else:
                self._pause(uow, tenant_id, channel, event, customers, now)
                is_closed = isinstance(event, Preference)
            if is_closed:
                closed[index] = customers[0] if customers else None
                if isinstance(event, Inbound) and len(customers) == 1:
                    self._identities.learn_new(uow, tenant_id, {customers[0]: event.sender_keys}, now)
        uow.heard.close(closed)

    def _pause(
        self,
        uow: UnitOfWork,
        tenant_id: TenantId,
        channel: str,
        event: ChannelEvent,
        customers: Sequence[CustomerId],
        now: datetime,
    ) -> None:
        if isinstance(event, Preference) and event.wants_marketing:
            uow.pauses.lift(customers, channel, [Origin.PLATFORM], event.at)
        elif customers:
            uow.pauses.note(customers, channel, Origin.PLATFORM, _said_at(event))
            self._stops.pause(uow, tenant_id, customers, channel, now)

    def _customers_of(self, uow: UnitOfWork, refused: Mapping[str, Receipt]) -> dict[str, CustomerId]:
        """Whose messages these receipts are about, of those that are there."""
        tagged = {index: tagged_message(event.tag) for index, event in refused.items()}
        by_id = uow.heard.messages(filter(None, tagged.values()))
        named = uow.outbox.named(event.provider_id for event in refused.values() if event.provider_id is not None)
        by_id |= uow.heard.messages(named.values())
        found: dict[str, CustomerId] = {}
        for index, event in refused.items():
            for message_id in (named.get(event.provider_id or ""), tagged[index]):
                if message_id is not None and message_id in by_id:
                    found[index] = by_id[message_id]
        return found

    def _provider_index(self, event: Receipt) -> str | None:
        return None if event.provider_id is None else self._vault.blind_index("", event.provider_id)

    def _quarantine(self, channel: str, raw: bytes, sha256: str, now: datetime) -> None:
        sealed = self._vault.seal_text(raw.decode("latin-1"), of=f"quarantine {sha256}")
        if self._store.quarantine(sha256, channel, sealed, now):
            self._store.figures.add(Figure.HEARD, channel, "quarantined", "")
            _log.error("channel %s: a webhook is about an account that is nobody's here, and kept", channel)


def heard_of(tenant_id: TenantId, channel: str, inbound: Inbound, customers: Iterable[CustomerId]) -> Heard | None:
    """What came in, for those who answer; None where nobody is named whom an answer could go to."""
    try:
        sender = recipient_of(inbound.sender_keys)
    except InvalidInput:
        return None
    return Heard(tenant_id=tenant_id, channel=channel, inbound=inbound, customers=tuple(customers), sender=sender)


def _parsed(adapter: Adapter, raw: bytes, sha256: str) -> Sequence[ChannelEvent]:
    try:
        return adapter.parse(raw)
    except Exception as error:
        # signed and unreadable: kept, so that nothing is lost
        _log.error("channel %s cannot read what its provider signed: %s", adapter.name, type(error).__name__)
        return [Unparsed(key=f"u:{sha256}", what="body")]


def _by_account(events: Iterable[ChannelEvent]) -> dict[str | None, list[ChannelEvent]]:
    found: dict[str | None, list[ChannelEvent]] = {}
    for event in events:
        found.setdefault(account_of(event), []).append(event)
    return found


def _said_at(event: ChannelEvent) -> datetime:
    if isinstance(event, Unparsed):
        raise TypeError("what is not understood has no instant")
    return event.at
