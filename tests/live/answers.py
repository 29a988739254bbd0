"""What providers may answer, one of each kind."""

from nearcast.domain.reason import Reason
from nearcast.domain.sending import Accepted, NotSent, ProviderError, Rejected, RetryClass, Unknown

ACCEPTED = Accepted()
FAILED = Rejected(error=ProviderError(provider="scripted", code="400", retry=RetryClass.BUG))
UNKNOWN = Unknown(reason="timeout")
UNAVAILABLE = NotSent(reason=Reason.CHANNEL_UNAVAILABLE, is_final=True)
NOT_NOW = NotSent(reason="connection_refused")
ANSWERS = (ACCEPTED, FAILED, UNKNOWN, UNAVAILABLE, NOT_NOW)
