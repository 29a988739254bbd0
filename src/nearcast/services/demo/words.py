"""What the page calls things: a message that waits or has arrived, and why nothing was sent to you, or to somebody."""

from nearcast.domain.message import MessageStatus
from nearcast.domain.reason import Reason
from nearcast.services.telling import sentence

ON_ITS_WAY = (MessageStatus.QUEUED, MessageStatus.CLAIMED, MessageStatus.SENDING, MessageStatus.HELD)
ARRIVED = (MessageStatus.ACCEPTED, MessageStatus.SENT, MessageStatus.DELIVERED, MessageStatus.READ)

_DID = {
    Reason.CONSENT_MARKETING_MISSING,
    Reason.CONSENT_UNCONFIRMED,
    Reason.CONSENT_WITHDRAWN,
    Reason.FENCE_COOLDOWN,
    Reason.RE_ELIGIBILITY,
}
_IS = {Reason.NOT_IN_AUDIENCE, Reason.HOLDOUT_GLOBAL, Reason.HOLDOUT_CAMPAIGN}
_YOURS = {Reason.SUPPRESSED_ADDRESS: "your number is suppressed: you said stop"}


def told_why(reason: str, *, is_you: bool) -> str:
    """A reason in plain words, with whom it is about where it is about a person.

    >>> told_why("consent_withdrawn", is_you=False), told_why("not_in_audience", is_you=True)
    ('they took consent back', "you are not in the campaign's audience")
    """
    if is_you and reason in _YOURS:
        return _YOURS[Reason(reason)]
    if reason in _DID:
        return f"{'you' if is_you else 'they'} {sentence(reason)}"
    if reason in _IS:
        return f"{'you' if is_you else 'they'} are {sentence(reason)}"
    return sentence(reason)
