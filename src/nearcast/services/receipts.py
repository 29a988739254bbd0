"""What providers told is applied: messages move on, people are heard, senders and templates change.

Receipts come before the attempt that they are about is written down, twice, and in any order. They are matched by our
tag first, by the provider's name for the message second; what names a message that nobody knows yet waits for it.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from nearcast.domain.channel_event import (
    ChannelEvent,
    IdentityChange,
    Inbound,
    Preference,
    Receipt,
    SenderChange,
    TemplateChange,
)
from nearcast.domain.errors import StoreUnavailable
from nearcast.domain.ids import CustomerId, MessageId, TenantId
from nearcast.domain.message import Message
from nearcast.domain.sending import LearntKey, ProviderError, Purpose, Rejected, RetryClass, tagged_message
from nearcast.services import templates
from nearcast.services.conversation import Conversation
from nearcast.services.costs import book_all
from nearcast.services.dropped import pause_dropped
from nearcast.services.event_words import opened_event
from nearcast.services.figures import Figure
from nearcast.services.identities import Identities
from nearcast.services.inbound_ports import EventStatus, KeptEvent, Origin, ReplyStatus, SettledEvent
from nearcast.services.ports import Store, UnitOfWork
from nearcast.services.provider_webhooks import heard_of
from nearcast.services.sender_states import Leaving, SenderStates, Tried
from nearcast.services.stops import Stops
from nearcast.services.vault import CannotOpen, Vault

_AT_ONCE = 1_000
_log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Batch:
    """Receipts with what they are about, while they are applied."""

    receipts: dict[int, Receipt] = field(default_factory=dict)
    message_of: dict[int, MessageId] = field(default_factory=dict)
    reply_of: dict[int, str] = field(default_factory=dict)
    customer_of: dict[MessageId, CustomerId] = field(default_factory=dict)


class Receipts:
    """Applies what came in for all tenants."""

    def __init__(
        self,
        store: Store,
        vault: Vault,
        identities: Identities,
        stops: Stops,
        senders: SenderStates,
        conversation: Conversation,
    ) -> None:
        self._store, self._vault, self._identities, self._stops = store, vault, identities, stops
        self._senders, self._conversation = senders, conversation

    def apply_some(self, tenant_id: TenantId, now: datetime) -> int:
        """Apply some of what is pending; how many events. Receipts together, everything else one by one: one that
        cannot be applied is kept as failed, and nobody else waits for it.
        """
        with self._store.writing(tenant_id) as uow:
            uow.heard.wake_orphans()
            kept = uow.heard.pending(limit=_AT_ONCE, are_receipts=True)
            if kept:
                self._apply_receipts(uow, tenant_id, kept, now)
            uow.commit()
        others = 0
        while others < _AT_ONCE and self._apply_one(tenant_id, now):
            others += 1
        return len(kept) + others

    def _apply_receipts(self, uow: UnitOfWork, tenant_id: TenantId, kept: Sequence[KeptEvent], now: datetime) -> None:
        batch, unreadable = self._matched(uow, tenant_id, kept)
        errors = _refusals(uow, batch)
        refused = [_refused(message, error, now) for message, error in errors]
        pause_dropped(uow, tenant_id, errors, now)
        learnt = self._identities.unknown(uow, _learnt(batch))
        # the catalogue before customers, these before senders, and these before messages, as everybody does
        uow.customers.lock({*learnt, *(each.leaving.customer_id for each in refused)})
        self._identities.learn(uow, tenant_id, learnt, now)
        if refused:
            self._senders.note(uow, refused, now)
        before = uow.outbox.hold(batch.message_of.values())
        after = dict(before)
        for key, message_id in batch.message_of.items():
            if message_id in after:
                after[message_id] = _reported(after[message_id], batch.receipts[key])
        uow.outbox.report((message, after[key]) for key, message in before.items())
        _tell(uow, before, after)
        self._follow(uow, tenant_id, batch, after, now)
        uow.replies.report({batch.reply_of[key]: _status(batch.receipts[key]) for key in batch.reply_of})
        uow.heard.settle(self._settled(each, batch, unreadable) for each in kept)

    def _matched(self, uow: UnitOfWork, tenant_id: TenantId, kept: Sequence[KeptEvent]) -> tuple[_Batch, set[int]]:
        batch, unreadable = _Batch(), set[int]()
        for each in kept:
            event = self._opened(tenant_id, each)
            if isinstance(event, Receipt):
                batch.receipts[each.id] = event
            else:
                unreadable.add(each.id)
        tagged = {key: tag for key, event in batch.receipts.items() if (tag := tagged_message(event.tag)) is not None}
        names = {event.provider_id for event in batch.receipts.values() if event.provider_id is not None}
        named = uow.outbox.named(names)
        replied = uow.replies.named(map(self._provider_index, names))
        batch.customer_of = uow.heard.messages([*tagged.values(), *named.values()])
        replies = uow.replies.existing(map(str, tagged.values()))
        for key, event in batch.receipts.items():
            message_id = tagged.get(key)
            if message_id not in batch.customer_of:
                message_id = named.get(event.provider_id or "")
            tag = tagged.get(key)
            reply_id = str(tag) if tag in replies else None
            if reply_id is None and event.provider_id is not None:
                reply_id = replied.get(self._provider_index(event.provider_id))
            if message_id is not None and message_id in batch.customer_of:
                batch.message_of[key] = message_id
            elif reply_id is not None:
                batch.reply_of[key] = reply_id
        return batch, unreadable

    def _follow(
        self,
        uow: UnitOfWork,
        tenant_id: TenantId,
        batch: _Batch,
        after: Mapping[MessageId, Message],
        now: datetime,
    ) -> None:
        """What else follows from receipts: who wants no more, what it costs."""
        costing = list[tuple[Message, Receipt]]()
        for key, message_id in batch.message_of.items():
            event, message = batch.receipts[key], after.get(message_id)
            if message is None:
                continue
            if event.error is None:
                costing.append((message, event))
                continue
            if event.error.retry is RetryClass.USER_OPTOUT:
                uow.pauses.note([message.customer_id], message.channel, Origin.PLATFORM, event.at)
                self._stops.pause(uow, tenant_id, [message.customer_id], message.channel, now)
        book_all(uow, costing)

    def _settled(self, kept: KeptEvent, batch: _Batch, unreadable: set[int]) -> SettledEvent:
        message_id = batch.message_of.get(kept.id)
        if kept.id in unreadable:
            return SettledEvent(id=kept.id, status=EventStatus.FAILED, keeps_words=True)
        if message_id is None and kept.id not in batch.reply_of:
            return SettledEvent(id=kept.id, status=EventStatus.ORPHAN, message_id=kept.message_id, keeps_words=True)
        customer_id = None if message_id is None else batch.customer_of[message_id]
        return SettledEvent(id=kept.id, status=EventStatus.APPLIED, message_id=message_id, customer_id=customer_id)

    def _apply_one(self, tenant_id: TenantId, now: datetime) -> bool:
        """Apply the next event that is no receipt; whether there was one."""
        kept: list[KeptEvent] = []
        try:
            with self._store.writing(tenant_id) as uow:
                kept = uow.heard.pending(limit=1, are_receipts=False)
                if not kept:
                    return False
                event = self._opened(tenant_id, kept[0])
                customers = self._apply(uow, tenant_id, kept[0].channel, event, now) if event else []
                status = EventStatus.FAILED if event is None else EventStatus.APPLIED
                about = customers[0] if customers else None
                done = SettledEvent(id=kept[0].id, status=status, customer_id=about, keeps_words=event is None)
                uow.heard.settle([done])
                uow.commit()
        except StoreUnavailable:
            raise
        except Exception as error:
            if not kept:
                raise
            # its text may hold what somebody wrote
            _log.error("an event of kind %s could not be applied: %s", kept[0].kind, type(error).__name__)
            with self._store.writing(tenant_id) as uow:
                uow.heard.settle([SettledEvent(id=kept[0].id, status=EventStatus.FAILED, keeps_words=True)])
                uow.commit()
        return True

    def _apply(
        self, uow: UnitOfWork, tenant_id: TenantId, channel: str, event: ChannelEvent, now: datetime
    ) -> Sequence[CustomerId]:
        """Do what follows from an event; whom it is about."""
        if isinstance(event, Inbound):
            return self._hear(uow, tenant_id, channel, event, now)
        if isinstance(event, IdentityChange):
            changed = self._identities.change(uow, tenant_id, channel, event, now)
            self._stops.pause(uow, tenant_id, changed, channel, now)
            return changed
        if isinstance(event, SenderChange):
            self._senders.change(uow, channel, event, now)
        elif isinstance(event, TemplateChange):
            templates.apply(uow, event, now)
        return self._identities.customers(uow, event.sender_keys) if isinstance(event, Preference) else ()

    def _hear(
        self, uow: UnitOfWork, tenant_id: TenantId, channel: str, event: Inbound, now: datetime
    ) -> Sequence[CustomerId]:
        customers = uow.customers.lock(self._identities.customers(uow, event.sender_keys))
        self._senders.heard_from(uow, customers, channel, now)
        if len(customers) == 1:  # of several nobody knows whose names these are
            self._identities.learn_new(uow, tenant_id, {customers[0]: event.sender_keys}, now)
        heard = heard_of(tenant_id, channel, event, customers)
        if heard is not None:
            self._conversation.handle(uow, heard, now)
        return customers

    def _opened(self, tenant_id: TenantId, kept: KeptEvent) -> ChannelEvent | None:
        try:
            return opened_event(self._vault, tenant_id, kept)
        except (CannotOpen, ValueError) as error:
            _log.error("an event of kind %s cannot be read: %s", kept.kind, type(error).__name__)
            return None

    def _provider_index(self, provider_id: str) -> str:
        return self._vault.blind_index("", provider_id)


def _reported(message: Message, event: Receipt) -> Message:
    told = event.error if event.error is not None else event.rank
    return message if told is None else message.reported(told, event.at, provider_id=event.provider_id)


def _learnt(batch: _Batch) -> dict[CustomerId, set[LearntKey]]:
    learnt: dict[CustomerId, set[LearntKey]] = {}
    for key, message_id in batch.message_of.items():
        learnt.setdefault(batch.customer_of[message_id], set()).update(batch.receipts[key].learnt)
    return learnt


def _refusals(uow: UnitOfWork, batch: _Batch) -> list[tuple[Message, ProviderError]]:
    """The messages that the batch says are refused, as they were before, and why."""
    found: list[tuple[Message, ProviderError]] = []
    for key, message_id in batch.message_of.items():
        error = batch.receipts[key].error
        message = None if error is None else uow.outbox.get(message_id)
        if error is not None and message is not None:
            found.append((message, error))
    return found


def _refused(message: Message, error: ProviderError, now: datetime) -> Tried:
    template = message.template
    leaving = Leaving(
        message_id=message.id,
        customer_id=message.customer_id,
        channel=message.channel,
        purpose=Purpose.MARKETING,
        template=None if template is None else (template.name, template.language),
    )
    return Tried(leaving=leaving, began_at=message.sent_at or now, attempt=Rejected(error=error))


def _status(event: Receipt) -> ReplyStatus:
    return ReplyStatus.ACCEPTED if event.error is None else ReplyStatus.FAILED


def _tell(uow: UnitOfWork, before: Mapping[MessageId, Message], after: Mapping[MessageId, Message]) -> None:
    for key, was in before.items():
        message = after[key]
        if message.status is not was.status:
            uow.tell(Figure.MESSAGES, message.channel, message.status.value)
        if message.is_late and not was.is_late:
            uow.tell(Figure.RECEIPTS, message.channel, "late")
        if message.error_class is not None and was.error_class is None:
            uow.tell(Figure.RECEIPTS, message.channel, message.error_class)
