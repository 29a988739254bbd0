"""A message on its way, and what may become of it."""

from dataclasses import replace
from datetime import datetime, timedelta
from enum import StrEnum

from nearcast.domain.errors import InvalidInput
from nearcast.domain.ids import CampaignId, CustomerId, DecisionId, GeofenceId, MessageId, ShopId, VisitId
from nearcast.domain.reason import Reason
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
    MessageStatus.SENDING: {MessageStatus.ACCEPTED, MessageStatus.FAILED, MessageStatus.UNKNOWN, MessageStatus.QUEUED},
}


@value(kw_only=True)
class Message:
    """One offer to one customer. It takes up caps and budget from `queued_at` until it is cancelled, expires, or fails
    before a channel accepted it; that instant is `freed_at`. `not_before` is when the dispatcher may take it; of
    several it takes the one of highest `priority`. `sent_at` is when it began to be sent, and from then on what caps
    count by, until the channel has taken it and said when; None again where nothing can have left. `consent_event_ids`
    are the lines of the ledger that it rested on when it was last decided.

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
    text: str
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

    def again(self, at: datetime, now: datetime) -> "Message":
        """The message after an attempt at `now` that may be repeated at `at`: queued again, or, where its offer would
        be over by then, failed. One that may have arrived is unknown where the provider would not recognise it.
        """
        last_at = min(self.expires_at, self.repeat_until) if self.repeat_until is not None else self.expires_at
        if at < last_at:
            return replace(self.to(MessageStatus.QUEUED, reason=Reason.CHANNEL_BUSY), not_before=at)
        if self.repeat_until is not None:
            return self.to(MessageStatus.UNKNOWN)
        return self.to(MessageStatus.FAILED, reason=Reason.RETRY_EXHAUSTED, freed_at=now)

    @property
    def has_not_left(self) -> bool:
        """Whether it can still be cancelled."""
        return self.status in (MessageStatus.QUEUED, MessageStatus.CLAIMED)

    @property
    def takes_slot(self) -> bool:
        """Whether it counts against caps, cooldowns and budget."""
        freed = (MessageStatus.CANCELLED, MessageStatus.EXPIRED)
        return self.status not in freed and not (self.status is MessageStatus.FAILED and self.sent_at is None)


_FIRST_PAUSE_S, _LONGEST_PAUSE_S, _MOST_DOUBLINGS = 2.0, 300.0, 16


def next_attempt_at(now: datetime, attempt: int, dice: float) -> datetime:
    """When to try again after the `attempt`-th attempt, the first being 1: exponential backoff with full jitter, so
    that what failed together does not come back together. `dice` is from [0, 1).
    """
    longest_s = min(_LONGEST_PAUSE_S, _FIRST_PAUSE_S * 2.0 ** min(attempt - 1, _MOST_DOUBLINGS))
    return now + timedelta(seconds=dice * longest_s)
