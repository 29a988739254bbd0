"""What a browser gives to be reached by: where to post to, and what to encrypt with."""

import json
from base64 import urlsafe_b64decode
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from nearcast.domain.errors import InvalidInput

_LONGEST_ENDPOINT = 1_500


@dataclass(frozen=True, slots=True)
class Subscription:
    """`endpoint` is a secret: who knows it and our key may post there. `p256dh` and `auth` are in base64url."""

    endpoint: str = field(repr=False)
    p256dh: str = field(repr=False)
    auth: str = field(repr=False)

    @property
    def address(self) -> str:
        """As it is kept: nothing else of what the browser said."""
        return json.dumps({"endpoint": self.endpoint, "keys": {"p256dh": self.p256dh, "auth": self.auth}})

    @property
    def origin(self) -> str:
        """The push service: scheme, host and port."""
        parts = urlsplit(self.endpoint)
        return f"{parts.scheme}://{parts.netloc}"


def subscription_address(said: str) -> str:
    """What a browser said of itself as an address; InvalidInput as `subscription`."""
    return subscription(said).address


def subscription(address: str) -> Subscription:
    """The subscription that an address of this channel is; InvalidInput, which does not show it, where it is none."""
    try:
        said = json.loads(address)
        found = Subscription(said["endpoint"], said["keys"]["p256dh"], said["keys"]["auth"])
        parts = urlsplit(found.endpoint)
        is_whole = parts.scheme in ("http", "https") and bool(parts.hostname) and "@" not in parts.netloc
        is_whole = is_whole and len(found.endpoint) <= _LONGEST_ENDPOINT and found.endpoint.isprintable()
        point, secret = _read(found.p256dh), _read(found.auth)
    except (ValueError, KeyError, TypeError, AttributeError):
        raise InvalidInput("is not a push subscription", place="address") from None
    if not is_whole or len(point) != 65 or point[:1] != b"\x04" or len(secret) != 16:
        raise InvalidInput("is not a push subscription", place="address")
    return found


def _read(said: str) -> bytes:
    return urlsafe_b64decode(said + "=" * (-len(said) % 4))
