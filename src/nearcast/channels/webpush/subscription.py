"""What a browser gives to be reached by: where to post to, and what to encrypt with."""

import json
from base64 import urlsafe_b64decode
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey

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
        return f"{parts.scheme}://{self.host}" + (f":{parts.port}" if parts.port else "")

    @property
    def host(self) -> str:
        """The push service's, in lower case."""
        return urlsplit(self.endpoint).hostname or ""


def subscription_address(said: str) -> str:
    """What a browser said of itself as an address; InvalidInput as `subscription`."""
    return subscription(said).address


def subscription(address: str) -> Subscription:
    """The subscription that an address of this channel is; InvalidInput, which does not show it, where it is none."""
    try:
        said = json.loads(address)
        found = Subscription(said["endpoint"], said["keys"]["p256dh"], said["keys"]["auth"])
        parts = urlsplit(found.endpoint)
        is_web = parts.scheme in ("http", "https") and parts.port != 0 and "@" not in parts.netloc
        is_plain = (
            len(found.endpoint) <= _LONGEST_ENDPOINT and found.endpoint.isascii() and found.endpoint.isprintable()
        )
        EllipticCurvePublicKey.from_encoded_point(SECP256R1(), _read(found.p256dh))
        is_whole = is_web and is_plain and len(_read(found.auth)) == 16
    except (ValueError, KeyError, TypeError, AttributeError):
        raise InvalidInput("is not a push subscription", place="address") from None
    if not is_whole or not found.host or ":" in found.host:
        raise InvalidInput("is not a push subscription", place="address")
    return found


def _read(said: str) -> bytes:
    return urlsafe_b64decode(said + "=" * (-len(said) % 4))
