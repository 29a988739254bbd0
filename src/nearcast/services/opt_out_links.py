"""A way out that takes one click: a link in every offer that ends offers of its sender on its channel, and does
nothing else.

Its token is sealed, kept nowhere, and never too old: whoever finds an old offer can still end it all (GDPR, Art. 7).
"""

import json
from dataclasses import dataclass

from nearcast.domain.errors import NotFound
from nearcast.domain.ids import CustomerId, TenantId
from nearcast.services.vault import CannotOpen, Seals

_OF = "opt-out link"


@dataclass(frozen=True, slots=True, kw_only=True)
class OptOut:
    """Which offers a link ends."""

    tenant_id: TenantId
    customer_id: CustomerId
    channel: str
    sender: str


class OptOutLinks:
    """Makes links that lead to the service at `public_url`."""

    def __init__(self, seals: Seals, public_url: str) -> None:
        self._seals, self._folder = seals, f"{public_url.rstrip('/')}/unsubscribe"

    def url(self, way: OptOut) -> str:
        """A link that ends these offers."""
        said = json.dumps([way.tenant_id, way.customer_id, way.channel, way.sender])
        return f"{self._folder}/{self._seals.seal_text(said, of=_OF)}"


def opened(seals: Seals, token: str) -> OptOut:
    """What the last part of a link ends; NotFound for what is no token of ours."""
    try:
        tenant_id, customer_id, channel, sender = json.loads(seals.open_text(token, of=_OF))
    except (CannotOpen, ValueError):
        raise NotFound("this link leads nowhere: it is not whole") from None
    return OptOut(tenant_id=TenantId(tenant_id), customer_id=CustomerId(customer_id), channel=channel, sender=sender)
