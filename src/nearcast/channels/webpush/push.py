"""One message to one browser, through whichever push service that browser names."""

import json
from base64 import urlsafe_b64encode
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import cached_property
from hashlib import sha256
from threading import Lock
from typing import Any

from nearcast.channels.attempts import Answered, attempted, refused_by_ourselves
from nearcast.channels.contents import as_text
from nearcast.channels.guarded_http import Guarded, NotAllowed
from nearcast.channels.one_way import OneWay
from nearcast.channels.webpush.keys import private_key
from nearcast.channels.webpush.subscription import Subscription, subscription
from nearcast.domain.errors import InvalidInput
from nearcast.domain.sending import (
    Accepted,
    Attempt,
    NotSent,
    Outbound,
    ProviderError,
    Rejected,
    RetryClass,
    Scope,
    Unknown,
)
from nearcast.services.channel_ports import Capability, ChannelHealth, Limits

PUSH_SERVICES = ("fcm.googleapis.com", "push.services.mozilla.com", "push.apple.com", "notify.windows.com")
_MOST_BYTES = 3_000
_MOST_CHARACTERS = 600
_LONGEST_TTL_S = 2_419_200  # four weeks, more than which some push services refuse
_SOON_S = 3_600
_MOST_SIGNED = 1_000
_SIGNED_FOR, _SIGNED_ANEW_BEFORE = timedelta(hours=12), timedelta(hours=6)
_REFUSALS: Mapping[int, tuple[RetryClass, Scope]] = {
    400: (RetryClass.BUG, Scope.REQUEST),
    401: (RetryClass.SENDER_STOP, Scope.SENDER),
    403: (RetryClass.SENDER_STOP, Scope.SENDER),
    404: (RetryClass.USER_UNREACHABLE, Scope.USER),
    410: (RetryClass.USER_UNREACHABLE, Scope.USER),
    413: (RetryClass.BUG, Scope.REQUEST),
    429: (RetryClass.THROTTLE, Scope.SENDER),
    503: (RetryClass.RETRY, Scope.REQUEST),
}


class WebPush(OneWay):
    """Adapter of the channel `webpush`. An address is what a browser's `PushSubscription` is as JSON. `contact` is who
    answers for us to push services, as `mailto:` or `https:`. Many threads may use it.

    Anybody may subscribe with a push service of their own. Only of `push_services`, by host or what a host ends in, is
    it believed that something is wrong with us, or that we are too fast; of others it is their subscription's fault.
    """

    name = "webpush"
    capabilities = Capability.TEXT | Capability.TTL | Capability.CLICK
    limits = Limits(body=_MOST_CHARACTERS, min_ttl_s=0, max_ttl_s=_LONGEST_TTL_S)

    def __init__(
        self,
        key: str,
        *,
        contact: str,
        http: Guarded,
        now: Callable[[], datetime],
        needs_tls: bool,
        push_services: Sequence[str] = PUSH_SERVICES,
    ) -> None:
        self._key, self._contact, self._http, self._now = private_key(key), contact, http, now
        self._needs_tls, self._push_services = needs_tls, push_services
        self._signed: dict[str, tuple[datetime, str]] = {}
        self._signing = Lock()

    def render(self, outbound: Outbound) -> bytes:
        """What the browser's service worker is told, before it is encrypted."""
        text = as_text(outbound.content, channel="a push", most=_MOST_CHARACTERS)
        said = {
            "id": outbound.id,
            "title": text.title,
            "body": text.body,
            "url": text.url,
            "topic": _topic(outbound),
            "expires_at_ms": int(outbound.not_after.timestamp() * 1000),
            "opt_out_url": outbound.opt_out_url,
        }
        payload = json.dumps(
            {name: value for name, value in said.items() if value is not None}, ensure_ascii=False
        ).encode(errors="replace")
        if len(payload) > _MOST_BYTES:
            raise InvalidInput(f"has more than {_MOST_BYTES} bytes", place="content")
        return payload

    @refused_by_ourselves
    def send(self, outbound: Outbound) -> Attempt:
        """One attempt; the push service gives up by itself when the offer is over."""
        payload, now = self.render(outbound), self._now()
        left_s = (outbound.not_after - now).total_seconds() if outbound.ttl_s is None else outbound.ttl_s
        ttl_s = int(min(max(left_s, 0), _LONGEST_TTL_S))
        try:
            to = subscription(outbound.to.address or "")
        except InvalidInput:
            return _refused("bad_subscription", RetryClass.USER_UNREACHABLE, Scope.USER)
        if self._needs_tls and not to.endpoint.startswith("https:"):
            return _refused("not_https", RetryClass.USER_UNREACHABLE, Scope.USER)
        headers = {
            "TTL": str(ttl_s),
            "Urgency": "high" if ttl_s <= _SOON_S else "normal",
            "Content-Encoding": "aes128gcm",
            "Content-Type": "application/octet-stream",
            "Authorization": self._authorization(to.origin, now),
            **({"Topic": topic} if (topic := _topic(outbound)) else {}),
        }
        try:
            answer = attempted(lambda: self._http.post(to.endpoint, headers, self._encrypted(payload, to)))
        except NotAllowed:
            return NotSent(reason="private_network", is_final=True)
        return self._outcome(answer, to.host) if isinstance(answer, Answered) else answer

    def probe(self) -> ChannelHealth:
        """There is nobody to ask: each browser has a push service of its own."""
        return ChannelHealth(is_ready=True, what="each browser names its own push service")

    def _outcome(self, answer: Answered, host: str) -> Attempt:
        status = answer.status
        if 200 <= status < 300:
            return Accepted()
        if status >= 500 and status not in _REFUSALS:
            return Unknown(reason=f"status {status}")
        retry, scope = _REFUSALS.get(status, (RetryClass.BUG, Scope.REQUEST))
        is_known = any(host == each or host.endswith(f".{each}") for each in self._push_services)
        if scope is Scope.SENDER and not is_known:
            scope = Scope.USER
            retry = RetryClass.RETRY if retry is RetryClass.THROTTLE else RetryClass.USER_UNREACHABLE
        return _refused(str(status), retry, scope, retry_after_s=answer.retry_after_s)

    def _encrypted(self, payload: bytes, to: Subscription) -> bytes:
        from pywebpush import WebPusher  # takes longer to load than all else, and most processes push nothing

        keys = {"p256dh": to.p256dh, "auth": to.auth}
        body: bytes = WebPusher({"endpoint": to.endpoint, "keys": keys}).encode(payload)["body"]
        return body

    def _authorization(self, origin: str, now: datetime) -> str:
        """Signed for that push service, and kept for some hours: each signature costs as much as a message."""
        with self._signing:
            until, header = self._signed.get(origin, (now, ""))
            if until - now < _SIGNED_ANEW_BEFORE or until - now > _SIGNED_FOR:
                until = now + _SIGNED_FOR
                claims = {"aud": origin, "exp": int(until.timestamp()), "sub": self._contact}
                header = self._vapid.sign(claims)["Authorization"]
                if len(self._signed) >= _MOST_SIGNED:
                    self._signed.clear()
                self._signed[origin] = until, header
            return header

    @cached_property
    def _vapid(self) -> Any:
        from py_vapid import Vapid02

        return Vapid02(self._key)


def _topic(outbound: Outbound) -> str | None:
    """At most 32 characters that tell nothing: a push service sees them."""
    if outbound.topic is None:
        return None
    return urlsafe_b64encode(sha256(f"{outbound.tenant_id}|{outbound.topic}".encode()).digest()[:24]).decode()


def _refused(code: str, retry: RetryClass, scope: Scope, *, retry_after_s: float | None = None) -> Rejected:
    return Rejected(
        error=ProviderError(provider="webpush", code=code, retry=retry, scope=scope, retry_after_s=retry_after_s)
    )
