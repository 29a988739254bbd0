"""WhatsApp through Meta's Cloud API (messaging reference §1, §10–12)."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import field
from datetime import datetime

import httpx

from nearcast.channels.attempts import refused_by_ourselves
from nearcast.channels.whatsapp.errors import NAME
from nearcast.channels.whatsapp.graph import Graph, Lost, NotReached
from nearcast.channels.whatsapp.health import health
from nearcast.channels.whatsapp.limits import BODY, BUTTONS, ROWS
from nearcast.channels.whatsapp.outcome import outcome
from nearcast.channels.whatsapp.render import rendered
from nearcast.channels.whatsapp.routes import Routes
from nearcast.channels.whatsapp.signature import check_signature, is_same
from nearcast.channels.whatsapp.webhook import events_of
from nearcast.domain.channel_event import ChannelEvent
from nearcast.domain.reason import Reason
from nearcast.domain.sending import Attempt, NotSent, Outbound, Rejected, Unknown
from nearcast.domain.value import value
from nearcast.services.channel_ports import Capability, ChannelHealth, Limits
from nearcast.services.markets import is_market_blocked

_DAY_S = 86_400.0


@value(kw_only=True)
class Account:
    """A number at Meta, and what we prove ourselves with. `app_secrets` sign webhooks: the one in use and those that
    were before it. `marketing_api` says that the number may use the Marketing Messages API. A `token`
    that is renewed now and then is asked for.
    """

    base_url: str
    version: str
    phone_number_id: str
    token: str | Callable[[], str] = field(repr=False)
    app_secrets: tuple[str, ...] = field(default=(), repr=False)
    verify_token: str = field(default="", repr=False)
    marketing_api: bool = False


class WhatsApp:
    """One number. `now` tells which market rules hold, and when something came whose own time is not said."""

    name = NAME
    capabilities = (
        Capability.TEXT
        | Capability.TEMPLATE
        | Capability.REPLY_BUTTONS
        | Capability.LIST
        | Capability.LOCATION_REQUEST
        | Capability.INBOUND
        | Capability.RECEIPT_SENT
        | Capability.RECEIPT_DELIVERED
        | Capability.RECEIPT_READ
        | Capability.CLICK
        | Capability.PLATFORM_OPT_OUT
        | Capability.CALLBACK_TAG
        | Capability.PRICE_IN_RECEIPT
    )
    limits = Limits(
        body=BODY,
        buttons=BUTTONS,
        rows=ROWS,
        min_ttl_s=_DAY_S / 2,
        max_ttl_s=30 * _DAY_S,
        per_s=80,
        pair_interval_s=6,
        unique_recipients_24h=250,
    )

    def __init__(
        self, account: Account, *, now: Callable[[], datetime], transport: httpx.BaseTransport | None = None
    ) -> None:
        self._account, self._now = account, now
        self._graph = Graph(
            base_url=account.base_url, version=account.version, token=account.token, transport=transport
        )
        self._routes = Routes(has_marketing_api=account.marketing_api)

    def __repr__(self) -> str:
        return f"WhatsApp({self._account!r})"

    def render(self, outbound: Outbound) -> bytes:
        """The JSON that would be posted; InvalidInput names the place of what Meta would refuse, not the words."""
        return rendered(outbound, is_marketing=self._routes.is_marketing(outbound))

    @refused_by_ourselves
    def send(self, outbound: Outbound) -> Attempt:
        """One request, or none where it could only be refused."""
        if is_market_blocked(NAME, outbound.purpose, outbound.to, self._now()):
            return NotSent(reason=Reason.MARKET_BLOCKED, is_final=True)
        is_marketing = self._routes.is_marketing(outbound)
        body = rendered(outbound, is_marketing=is_marketing)
        way = "marketing_messages" if is_marketing else "messages"
        try:
            attempt = outcome(self._graph.post(f"{self._account.phone_number_id}/{way}", body))
        except NotReached:
            return NotSent(reason=Reason.CHANNEL_BUSY)
        except Lost as lost:
            return Unknown(reason=str(lost))
        if isinstance(attempt, Rejected):
            self._routes.learn(outbound, attempt.error)
        return attempt

    def verify(self, headers: Mapping[str, str], raw: bytes) -> None:
        """BadSignature unless one of the app's secrets has signed exactly these bytes."""
        check_signature(headers, raw, self._account.app_secrets)

    def is_subscription(self, mode: str | None, verify_token: str | None) -> bool:
        """Whether a request to send us webhooks from now on is ours."""
        return is_same(verify_token, self._account.verify_token) and mode == "subscribe"

    def parse(self, raw: bytes) -> Sequence[ChannelEvent]:
        """Every item of every change of every entry; what is not understood comes as Unparsed, each item by itself."""
        return events_of(raw, self._now())

    def probe(self) -> ChannelHealth:
        """What Meta says of the number: not ready where it is blocked or nobody answers."""
        try:
            return health(self._graph.get(self._account.phone_number_id, {"fields": "health_status"}))
        except (NotReached, Lost) as trouble:
            return ChannelHealth(is_ready=False, what=f"no answer: {trouble}")

    def close(self) -> None:
        """End what is open; nothing can be sent afterwards."""
        self._graph.close()
