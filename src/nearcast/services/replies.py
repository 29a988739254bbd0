"""Answers to people who wrote: queued beside the offers, sent once, never counted against anybody's caps.

Whoever wants nothing more on a channel gets nothing there but what they ask for themselves, as the one confirmation.
"""

import hashlib
import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import msgspec

from nearcast.domain.ids import CustomerId, MessageId, TenantId
from nearcast.domain.message import next_attempt_at
from nearcast.domain.sender_state import TRIAL_EVERY
from nearcast.domain.sending import (
    Accepted,
    Attempt,
    Choice,
    Content,
    LocationRequest,
    NotSent,
    Outbound,
    Purpose,
    Recipient,
    Rejected,
    RetryClass,
    Template,
    Text,
    Unknown,
)
from nearcast.services.channel_ports import WayOut
from nearcast.services.conversation import Heard
from nearcast.services.inbound_ports import Reply, ReplyStatus
from nearcast.services.ports import Store, UnitOfWork
from nearcast.services.sender_states import SenderStates
from nearcast.services.vault import Vault

_WINDOW = timedelta(hours=24)  # for so long after they wrote, people may be answered freely
_LEASE = timedelta(seconds=60)
_AT_ONCE, _MOST_ATTEMPTS = 20, 5
_KINDS: Mapping[str, type[Content]] = {
    "text": Text,
    "choice": Choice,
    "location_request": LocationRequest,
    "template": Template,
}
_NAMES = {kind: name for name, kind in _KINDS.items()}
_TRIED_AGAIN = (RetryClass.RETRY, RetryClass.PAIR_WAIT, RetryClass.THROTTLE)
_log = logging.getLogger(__name__)


class Replies:
    """Queues answers in transactions of others, and sends them. `adapter` gives the channel of a name, None where it is
    not set up. `dice` are from [0, 1). While one of `senders` is stopped altogether, answers wait like all else.
    """

    def __init__(
        self,
        store: Store,
        vault: Vault,
        adapter: Callable[[str], WayOut | None],
        *,
        dice: Callable[[], float],
        senders: SenderStates | None = None,
    ) -> None:
        self._store, self._vault, self._adapter, self._dice = store, vault, adapter, dice
        self._senders = senders

    def reply(
        self,
        uow: UnitOfWork,
        *,
        tenant_id: TenantId,
        channel: str,
        to: Recipient,
        content: Content,
        in_reply_to: str | None,
        said_at: datetime,
        now: datetime,
        customer_id: CustomerId | None = None,
        sender: str | None = None,
        is_asked_for: bool = False,
        name: str = "",
    ) -> bool:
        """Queue an answer to what somebody said at `said_at`, with the provider's id of that as `in_reply_to`. It goes
        out within 24 hours of then, or not at all, and only what `is_asked_for` where they want no offers. False where
        an answer of that `name`, by default the id of what it answers, was queued before: there is one of each.
        `sender` is our number that they wrote to.
        """
        key = hashlib.sha256(json.dumps([tenant_id, channel, name or f"to {in_reply_to}"]).encode()).hexdigest()
        doc = {
            "to": msgspec.to_builtins(to),
            "sender": sender or tenant_id,
            "kind": _NAMES[type(content)],
            "content": msgspec.to_builtins(content),
            "in_reply_to": in_reply_to,
        }
        made = Reply(
            id=f"r-{self._vault.blind_index('', key)[:32]}",
            channel=channel,
            customer_id=customer_id,
            sealed=None,
            is_asked_for=is_asked_for,
            status=ReplyStatus.QUEUED,
            created_at=now,
            not_before=now,
            not_after=said_at + _WINDOW,
        )
        sealed = self._vault.seal_text(json.dumps(doc), of=of_reply(tenant_id, made.id))
        return uow.replies.insert(replace(made, sealed=sealed))

    def answer(
        self,
        uow: UnitOfWork,
        heard: Heard,
        content: Content,
        now: datetime,
        *,
        is_asked_for: bool = False,
        beside: str = "",
    ) -> bool:
        """As `reply`, to what was heard. `beside` says what it is about where more than one answer goes out."""
        inbound = heard.inbound
        return self.reply(
            uow,
            tenant_id=heard.tenant_id,
            channel=heard.channel,
            to=heard.sender,
            content=content,
            in_reply_to=inbound.provider_id,
            said_at=inbound.at,
            now=now,
            customer_id=heard.customers[0] if heard.customers else None,
            sender=inbound.received_by,
            is_asked_for=is_asked_for,
            name=f"{beside} to {inbound.provider_id}" if beside else "",
        )

    def send_some(self, tenant_id: TenantId, now: datetime, present: Callable[[], datetime]) -> int:
        """Take some of what may go at `now` in hand; how many replies."""
        with self._store.writing(tenant_id) as uow:
            uow.replies.rescue(now)
            claimed = uow.replies.claim(now, until=now + _LEASE, limit=_AT_ONCE)
            leaving = [each for each in claimed if not self._stays(uow, each, now)]
            uow.commit()
        for each in leaving:
            self._send(tenant_id, each, present)
        return len(claimed)

    def _stays(self, uow: UnitOfWork, claimed: Reply, now: datetime) -> bool:
        """Whether one that was claimed must not leave, which is written down."""
        status: ReplyStatus | None = None
        if now >= claimed.not_after:
            status = ReplyStatus.EXPIRED
        elif claimed.customer_id is not None and not claimed.is_asked_for:
            # who wants no marketing, by the provider's word, may well be answered
            is_over = claimed.channel in uow.suppressions.own(claimed.customer_id)
            status = ReplyStatus.CANCELLED if is_over else None
        if status is None:
            waits = None if self._senders is None else self._senders.blocks_answers(uow, claimed.channel, now)
            if waits is None or waits.until is None:
                return False
            waiting = replace(claimed, status=ReplyStatus.QUEUED, not_before=waits.until, reason=waits.reason.value)
            return uow.replies.settle(claimed, waiting)
        return uow.replies.settle(claimed, replace(claimed, status=status, sealed=None))

    def _send(self, tenant_id: TenantId, claimed: Reply, present: Callable[[], datetime]) -> None:
        began_at = present()
        attempt, at = self._attempt(tenant_id, claimed), present()
        after, provider_id = self._after(claimed, attempt, at), None
        if isinstance(attempt, Accepted) and attempt.provider_id is not None:
            provider_id = self._vault.blind_index("", attempt.provider_id)
        with self._store.writing(tenant_id) as uow:
            if self._senders is not None:
                self._senders.note_answer(uow, claimed.channel, attempt, began_at, at)
            uow.replies.settle(claimed, after, provider_index=provider_id)
            uow.commit()

    def _attempt(self, tenant_id: TenantId, claimed: Reply) -> Attempt:
        adapter = self._adapter(claimed.channel)
        if adapter is None:
            return NotSent(reason="channel_unavailable", is_final=True)
        try:
            return adapter.send(self._outbound(tenant_id, claimed))
        except Exception as error:
            # its text may hold an address or the answer's own text
            _log.error("channel %s raised %s for a reply", claimed.channel, type(error).__name__)
            return Unknown(reason="fault")

    def _after(self, claimed: Reply, attempt: Attempt, at: datetime) -> Reply:
        done = replace(claimed, sealed=None, sent_at=at)
        if isinstance(attempt, Accepted):
            return replace(done, status=ReplyStatus.ACCEPTED)
        if isinstance(attempt, NotSent | Rejected):
            reason = attempt.reason if isinstance(attempt, NotSent) else attempt.error.code
            again_at = self._again_at(claimed, attempt, at)
            if again_at is not None and again_at < claimed.not_after:
                return replace(claimed, status=ReplyStatus.QUEUED, not_before=again_at, reason=reason)
            return replace(done, sent_at=None, status=ReplyStatus.FAILED, reason=reason)
        return replace(done, status=ReplyStatus.UNKNOWN)

    def _again_at(self, claimed: Reply, attempt: NotSent | Rejected, at: datetime) -> datetime | None:
        is_over = attempt.is_final if isinstance(attempt, NotSent) else attempt.error.retry not in _TRIED_AGAIN
        if isinstance(attempt, Rejected) and attempt.error.retry is RetryClass.SENDER_STOP:
            return at + TRIAL_EVERY
        if is_over or claimed.attempt >= _MOST_ATTEMPTS:
            return None
        after_s = attempt.retry_after_s if isinstance(attempt, NotSent) else attempt.error.retry_after_s
        backed_off = next_attempt_at(at, claimed.attempt, self._dice())
        return backed_off if after_s is None else max(backed_off, at + timedelta(seconds=after_s))

    def _outbound(self, tenant_id: TenantId, claimed: Reply) -> Outbound:
        doc: dict[str, Any] = json.loads(
            self._vault.open_text(claimed.sealed or "", of=of_reply(tenant_id, claimed.id))
        )
        return Outbound(
            id=MessageId(claimed.id),
            tenant_id=tenant_id,
            sender=doc["sender"],
            to=msgspec.convert(doc["to"], Recipient),
            content=msgspec.convert(doc["content"], _KINDS[doc["kind"]]),
            purpose=Purpose.SERVICE,
            not_after=claimed.not_after,
            reply_to=doc["in_reply_to"],
            channel=claimed.channel,
        )


def of_reply(tenant_id: str, reply_id: str) -> str:
    """What a reply is sealed as."""
    return f"{len(tenant_id)}:{tenant_id}|reply|{reply_id}"
