"""What becomes of a message after one attempt to send it (messaging reference §10)."""

from dataclasses import replace
from datetime import datetime, timedelta

from nearcast.domain.message import Message, MessageStatus
from nearcast.domain.reason import Reason
from nearcast.domain.sending import Accepted, Attempt, NotSent, ProviderError, Rejected, RetryClass, Unknown

_SHORTLY = timedelta(seconds=1)
_WAITS = {
    RetryClass.RETRY: Reason.CHANNEL_BUSY,
    RetryClass.PAIR_WAIT: Reason.PAIR_WAIT,
    RetryClass.THROTTLE: Reason.RATE_LIMITED,
    RetryClass.SENDER_STOP: Reason.SENDER_STOPPED,
    RetryClass.TEMPLATE_STOP: Reason.TEMPLATE_NOT_APPROVED,
    RetryClass.REPLAN: Reason.CHANNEL_BUSY,
}
"""Nothing of it has arrived, and it may yet: whether it may be sent then, senders and templates are asked again."""

_ENDS = {
    RetryClass.USER_COOLDOWN: Reason.USER_COOLDOWN,
    RetryClass.USER_OPTOUT: Reason.SUPPRESSED_ADDRESS,
    RetryClass.USER_UNREACHABLE: Reason.USER_UNREACHABLE,
    RetryClass.REPLAN: Reason.REJECTED_PERMANENT,
    RetryClass.BUG: Reason.REJECTED_PERMANENT,
}


def settled(message: Message, attempt: Attempt, now: datetime, *, again_at: datetime | None = None) -> Message:
    """A message after an attempt that ended at `now`, which may be repeated at `again_at`, at once without it, or when
    its provider says, but never when its offer is over.
    """
    again_at = again_at or now
    match attempt:
        case Accepted():
            status = MessageStatus.HELD if attempt.is_held else MessageStatus.ACCEPTED
            taken = message.to(status, sent_at=now)
            named = replace(taken, provider_id=attempt.provider_id, error_code=None, error_class=None)
            return replace(named, reason=message.reason)  # why it left on another channel than the first
        case Rejected(error=error):
            return _refused(message, error, now, again_at)
        case NotSent(is_final=True):
            return message.to(MessageStatus.FAILED, reason=attempt.reason, freed_at=now)
        case NotSent():
            return message.again(max(again_at, _asked_for(attempt.retry_after_s, now)), now)
        case Unknown() if message.repeat_until is not None:
            return message.again(again_at, now)
        case Unknown():
            return message.to(MessageStatus.UNKNOWN)


def _refused(message: Message, error: ProviderError, now: datetime, again_at: datetime) -> Message:
    is_waiting = error.retry in _WAITS
    if error.retry is RetryClass.REPLAN:  # by another route, where there is one, and once
        is_waiting = message.template is not None and message.error_class != RetryClass.REPLAN.value
    failing = message.failing(error)
    if not is_waiting:
        return failing.to(MessageStatus.FAILED, reason=_ENDS[error.retry], freed_at=now)
    if error.retry in (RetryClass.PAIR_WAIT, RetryClass.THROTTLE, RetryClass.REPLAN):
        again_at = now + _SHORTLY
    return failing.again(max(again_at, _asked_for(error.retry_after_s, now)), now, reason=_WAITS[error.retry])


def _asked_for(seconds: float | None, now: datetime) -> datetime:
    return now + timedelta(seconds=seconds or 0)
