"""A message on its way, and what may become of it."""

from dataclasses import field, replace
from datetime import datetime, timedelta
from enum import StrEnum

from nearcast.domain.channel_event import Rank
from nearcast.domain.errors import InvalidInput
from nearcast.domain.ids import CampaignId, CustomerId, DecisionId, GeofenceId, MessageId, ShopId, VisitId
from nearcast.domain.reason import Reason
from nearcast.domain.sending import ProviderError, Template
from nearcast.domain.value import value


class MessageStatus(StrEnum):
    QUEUED = "queued"
    CLAIMED = "claimed"
    SENDING = "sending"
    ACCEPTED = "accepted"
    HELD = "held"
    SENT = "sent"
    DELIVERED = "delivered"
    READ = "read"
    FAILED = "failed"
    UNKNOWN = "unknown"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


_NEXT = {
    MessageStatus.QUEUED: {
        MessageStatus.CLAIMED,
        MessageStatus.CANCELLED,
        MessageStatus.EXPIRED,
        MessageStatus.UNKNOWN,
    },
    MessageStatus.CLAIMED: {
        MessageStatus.UNKNOWN,
        MessageStatus.QUEUED,
        MessageStatus.SENDING,
        MessageStatus.CANCELLED,
        MessageStatus.EXPIRED,
    },
    MessageStatus.SENDING: {
        MessageStatus.ACCEPTED,
        MessageStatus.HELD,
        MessageStatus.FAILED,
        MessageStatus.UNKNOWN,
        MessageStatus.QUEUED,
    },
}
_REPORTED = {
    Rank.HELD: MessageStatus.HELD,
    Rank.ACCEPTED: MessageStatus.ACCEPTED,
    Rank.SENT: MessageStatus.SENT,
    Rank.DELIVERED: MessageStatus.DELIVERED,
    Rank.READ: MessageStatus.READ,
}
_LADDER = (
    MessageStatus.HELD,
    MessageStatus.ACCEPTED,
    MessageStatus.SENT,
    MessageStatus.FAILED,
    MessageStatus.DELIVERED,
    MessageStatus.READ,
)
"""The further on, the more is known to have happened: what one device refused, another may still have shown."""


@value(kw_only=True)
class Message:
    """One offer to one customer. It takes up caps and budget from `queued_at` until it is cancelled, expires, or fails
    before a channel accepted it; that instant is `freed_at`. `not_before` is when the dispatcher may take it; of
    several it takes the one of highest `priority`. `sent_at` is when it began to be sent, and from then on what caps
    count by, until the channel has taken it and said when; None again where nothing can have left. `consent_event_ids`
    are the lines of the ledger that it rested on when it was last decided.

    `provider_id` is what its provider calls it. `error_code` and `error_class` say why it failed, in the provider's
    words and in ours. `delivered_at` and `read_at` are the first instants that a receipt gives. It is `text` that the
    customer reads; on a channel that knows templates it leaves as that `template`.

    With `repeat_until` an attempt may have reached the provider, which would recognise another one until then: such a
    message is never cancelled as if nobody had got it.
    """

    id: MessageId
    decision_id: DecisionId
    customer_id: CustomerId
    campaign_id: CampaignId
    shop_id: ShopId
    geofence_id: GeofenceId | None
    visit_id: VisitId | None
    channel: str
    text: str = field(repr=False)
    status: MessageStatus
    queued_at: datetime
    not_before: datetime
    expires_at: datetime
    is_deferred: bool = False
    sent_at: datetime | None = None
    freed_at: datetime | None = None
    reason: str | None = None
    consent_event_ids: tuple[str, ...] = ()
    variant: str | None = None
    sender: str | None = None
    priority: int = 0
    repeat_until: datetime | None = None
    template: Template | None = None
    provider_id: str | None = field(default=None, repr=False)
    error_code: str | None = None
    error_class: str | None = None
    delivered_at: datetime | None = None
    read_at: datetime | None = None

    def to(
        self,
        status: MessageStatus,
        *,
        reason: str | None = None,
        sent_at: datetime | None = None,
        not_before: datetime | None = None,
        freed_at: datetime | None = None,
        consent_event_ids: tuple[str, ...] | None = None,
    ) -> "Message":
        """The message in its next status; InvalidInput for a step that its state machine does not have."""
        if status not in _NEXT.get(self.status, ()):
            raise InvalidInput(f"message {self.id} is {self.status.value} and cannot become {status.value}")
        if self.repeat_until is not None and status in (MessageStatus.CANCELLED, MessageStatus.EXPIRED):
            status, reason, freed_at = MessageStatus.UNKNOWN, None, None
        is_back = status is MessageStatus.FAILED or (status is MessageStatus.QUEUED and self.repeat_until is None)
        has_come_back = self.status is MessageStatus.SENDING and is_back
        return replace(
            self,
            status=status,
            reason=reason,
            sent_at=None if has_come_back else sent_at or self.sent_at,
            not_before=not_before or self.not_before,
            freed_at=freed_at,
            is_deferred=self.is_deferred or not_before is not None,
            consent_event_ids=self.consent_event_ids if consent_event_ids is None else consent_event_ids,
        )

    def again(self, at: datetime, now: datetime, *, reason: Reason = Reason.CHANNEL_BUSY) -> "Message":
        """The message after an attempt at `now` that may be repeated at `at`: queued again, or, where its offer would
        be over by then, failed. One that may have arrived is unknown where the provider would not recognise it.
        """
        last_at = min(self.expires_at, self.repeat_until) if self.repeat_until is not None else self.expires_at
        if at < last_at:
            return replace(self.to(MessageStatus.QUEUED, reason=reason), not_before=at)
        if self.repeat_until is not None:
            return self.to(MessageStatus.UNKNOWN)
        return self.to(MessageStatus.FAILED, reason=Reason.RETRY_EXHAUSTED, freed_at=now)

    def reported(self, what: Rank | ProviderError, at: datetime, *, provider_id: str | None = None) -> "Message":
        """The message after a receipt of what had become of it at `at`. Receipts may come in any order, and again: the
        furthest rank counts, and who has it has it, though another device refused it. Whatever a receipt names has
        left: it is unknown no more, it is not sent again, and it takes up caps and budget; a failure after its provider
        took it gives nothing back. Cancelled and expired messages never left, and stay so.
        """
        if self.status in (MessageStatus.CANCELLED, MessageStatus.EXPIRED):
            return self
        if self.status is MessageStatus.FAILED and isinstance(what, ProviderError):
            return self if self.error_code is not None else self.failing(what)
        told = MessageStatus.FAILED if isinstance(what, ProviderError) else _REPORTED[what]
        delivered = at if told in (MessageStatus.DELIVERED, MessageStatus.READ) else None
        known = replace(
            self,
            status=max(self.status, told, key=_place),
            reason=None if self.has_not_left else self.reason,
            sent_at=self.sent_at or at,
            freed_at=None,
            repeat_until=None,
            provider_id=self.provider_id or provider_id,
            delivered_at=_first(self.delivered_at, delivered),
            read_at=_first(self.read_at, at if told is MessageStatus.READ else None),
        )
        return known.failing(what) if isinstance(what, ProviderError) and self.error_code is None else known

    def failing(self, error: ProviderError) -> "Message":
        """The message with why it did not arrive."""
        return replace(self, error_code=error.code, error_class=error.retry.value)

    @property
    def is_late(self) -> bool:
        """Whether it left, or came to who reads it, when its offer was over."""
        known = (self.sent_at, self.delivered_at, self.read_at)
        return any(at is not None and at >= self.expires_at for at in known)

    @property
    def has_not_left(self) -> bool:
        """Whether it can still be cancelled."""
        return self.status in (MessageStatus.QUEUED, MessageStatus.CLAIMED)

    @property
    def takes_slot(self) -> bool:
        """Whether it counts against caps, cooldowns and budget."""
        freed = (MessageStatus.CANCELLED, MessageStatus.EXPIRED)
        return self.status not in freed and not (self.status is MessageStatus.FAILED and self.sent_at is None)


def _place(status: MessageStatus) -> int:
    """How far a status is up the ladder; -1 for those from which a receipt leads onto it."""
    return _LADDER.index(status) if status in _LADDER else -1


def _first(known: datetime | None, told: datetime | None) -> datetime | None:
    return min((at for at in (known, told) if at is not None), default=None)


_FIRST_PAUSE_S, _LONGEST_PAUSE_S, _MOST_DOUBLINGS = 2.0, 300.0, 16


def next_attempt_at(now: datetime, attempt: int, dice: float) -> datetime:
    """When to try again after the `attempt`-th attempt, the first being 1: exponential backoff with full jitter, so
    that what failed together does not come back together. `dice` is from [0, 1).
    """
    longest_s = min(_LONGEST_PAUSE_S, _FIRST_PAUSE_S * 2.0 ** min(attempt - 1, _MOST_DOUBLINGS))
    return now + timedelta(seconds=dice * longest_s)
