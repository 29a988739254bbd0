"""What Twilio's error codes mean for the attempts to come: https://www.twilio.com/docs/api/errors

The same code comes as the answer to a request or later with a status.
"""

from collections.abc import Mapping

from nearcast.domain.sending import ProviderError, RetryClass, Scope

_MEANS: Mapping[int, tuple[RetryClass, Scope]] = {
    10001: (RetryClass.SENDER_STOP, Scope.SENDER),  # account is not active
    20003: (RetryClass.SENDER_STOP, Scope.SENDER),  # wrong credentials
    20005: (RetryClass.SENDER_STOP, Scope.SENDER),  # account is not active
    20404: (RetryClass.SENDER_STOP, Scope.SENDER),  # no such account
    20429: (RetryClass.THROTTLE, Scope.SENDER),  # too many requests
    20500: (RetryClass.RETRY, Scope.REQUEST),
    20503: (RetryClass.RETRY, Scope.REQUEST),
    14107: (RetryClass.THROTTLE, Scope.SENDER),
    21211: (RetryClass.USER_UNREACHABLE, Scope.USER),  # invalid number
    21214: (RetryClass.USER_UNREACHABLE, Scope.USER),
    21217: (RetryClass.USER_UNREACHABLE, Scope.USER),
    21265: (RetryClass.USER_UNREACHABLE, Scope.USER),  # a short code
    21266: (RetryClass.BUG, Scope.REQUEST),  # to ourselves
    21408: (RetryClass.REPLAN, Scope.MARKET),  # the country is not permitted to us
    21606: (RetryClass.SENDER_STOP, Scope.SENDER),  # the sender is not one of ours
    21608: (RetryClass.BUG, Scope.REQUEST),  # a trial account writes to numbers it has verified
    21610: (RetryClass.USER_OPTOUT, Scope.USER),
    21611: (RetryClass.THROTTLE, Scope.SENDER),  # the sender's queue is full
    21612: (RetryClass.REPLAN, Scope.MARKET),  # no way from this sender to that number
    21614: (RetryClass.USER_UNREACHABLE, Scope.USER),  # a landline
    21617: (RetryClass.BUG, Scope.REQUEST),  # too long
    21635: (RetryClass.USER_UNREACHABLE, Scope.USER),  # a landline
    21660: (RetryClass.SENDER_STOP, Scope.SENDER),
    21703: (RetryClass.SENDER_STOP, Scope.SENDER),  # the messaging service has no sender
    30001: (RetryClass.THROTTLE, Scope.SENDER),  # queue overflow
    30002: (RetryClass.SENDER_STOP, Scope.SENDER),  # account suspended
    30003: (RetryClass.USER_UNREACHABLE, Scope.USER),
    30004: (RetryClass.USER_OPTOUT, Scope.USER),  # the carrier or the person has blocked us
    30005: (RetryClass.USER_UNREACHABLE, Scope.USER),
    30006: (RetryClass.USER_UNREACHABLE, Scope.USER),
    30007: (RetryClass.REPLAN, Scope.REQUEST),  # filtered for what it says
    30008: (RetryClass.RETRY, Scope.REQUEST),
    30034: (RetryClass.SENDER_STOP, Scope.SENDER),  # the number is not registered with US carriers
    30036: (RetryClass.REPLAN, Scope.REQUEST),  # its validity period is over
    30410: (RetryClass.RETRY, Scope.REQUEST),
    63038: (RetryClass.THROTTLE, Scope.SENDER),  # the account's limit of a day
}


def refusal(code: int | None, *, status: int = 400, retry_after_s: float | None = None) -> ProviderError:
    """What a code means; without one, what the HTTP status does."""
    by_status = (RetryClass.SENDER_STOP, Scope.SENDER) if status in (401, 403) else (RetryClass.BUG, Scope.REQUEST)
    if status == 429:
        by_status = (RetryClass.THROTTLE, Scope.SENDER)
    retry, scope = _MEANS.get(code or 0, by_status)
    said = str(code or f"http {status}")
    return ProviderError(provider="twilio", code=said, retry=retry, scope=scope, retry_after_s=retry_after_s)
