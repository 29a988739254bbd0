"""One text message, and what Twilio reports of it."""

import hmac
from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from urllib.parse import parse_qsl, urlencode, urlsplit

from nearcast.channels.attempts import Answered, refused_by_ourselves
from nearcast.channels.contents import as_text
from nearcast.channels.provider_http import Provider
from nearcast.channels.sms.refusals import refusal
from nearcast.domain.channel_event import ChannelEvent, Inbound, InboundKind, Preference, Rank, Receipt, Unparsed
from nearcast.domain.errors import InvalidInput
from nearcast.domain.sending import Accepted, Attempt, LearntKey, NotSent, Outbound, Purpose, Rejected, Unknown
from nearcast.domain.text_message import segments
from nearcast.services.channel_ports import BadSignature, Capability, ChannelHealth, Limits

_MOST_CHARACTERS = 1_600
_SHORTEST_S, _LONGEST_S = 1, 36_000
_RANKS: Mapping[str, Rank | None] = {
    "accepted": Rank.ACCEPTED,
    "scheduled": Rank.ACCEPTED,
    "queued": Rank.ACCEPTED,
    "sending": Rank.ACCEPTED,
    "sent": Rank.SENT,
    "delivered": Rank.DELIVERED,
    "read": Rank.READ,
    "undelivered": None,
    "failed": None,
    "canceled": None,
}
_WANTS = {"STOP": False, "START": True}


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """Who sends: a number or a name of letters as `sender`, or a messaging service by its id. `tokens` sign webhooks,
    the first of them asks: two while one takes the other's place. `webhook_url` is where Twilio is to report to.
    """

    sid: str
    tokens: Sequence[str] = field(repr=False)
    sender: str | None = None
    service_sid: str | None = None
    webhook_url: str | None = None

    def __post_init__(self) -> None:
        if (self.sender is None) == (self.service_sid is None):
            raise InvalidInput("needs a sender or a messaging service, and not both", place="NEARCAST_TWILIO_FROM")

    @property
    def hears_no_answer(self) -> bool:
        """Whether nobody can write back: to a name of letters there is no way."""
        return self.sender is not None and not self.sender.lstrip("+").isdigit()


class Sms:
    """Adapter of the channel `sms`. Addresses are numbers in E.164. Many threads may use it."""

    name = "sms"
    limits = Limits(body=_MOST_CHARACTERS, min_ttl_s=_SHORTEST_S, max_ttl_s=_LONGEST_S)

    def __init__(self, account: Account, provider: Provider, *, now: Callable[[], datetime]) -> None:
        self._account, self._provider, self._now = account, provider, now
        self._path = f"/2010-04-01/Accounts/{account.sid}"

    @property
    def capabilities(self) -> Capability:
        """What is to be had depends on whether anybody can answer, and whether reports reach us."""
        found = Capability.TEXT | Capability.TTL | Capability.PROVIDER_STOP
        if not self._account.hears_no_answer:
            found |= Capability.INBOUND
        if self._account.webhook_url is not None:
            found |= Capability.RECEIPT_SENT | Capability.RECEIPT_DELIVERED
        return found

    def render(self, outbound: Outbound) -> bytes:
        """The form without how long it counts, which is told from the instant that it leaves."""
        return urlencode(self._form(outbound), errors="replace").encode()

    @refused_by_ourselves
    def send(self, outbound: Outbound) -> Attempt:
        """One attempt; Twilio gives up by itself when the offer is over. NotSent where too little is left of it."""
        form = self._form(outbound)
        left_s = (outbound.not_after - self._now()).total_seconds() if outbound.ttl_s is None else outbound.ttl_s
        if left_s < _SHORTEST_S:
            return NotSent(reason="over", is_final=True)
        form["ValidityPeriod"] = str(int(min(left_s, _LONGEST_S)))
        answer = self._provider.post(f"{self._path}/Messages.json", data=form)
        return _outcome(answer, segments(form["Body"])) if isinstance(answer, Answered) else answer

    def verify(self, headers: Mapping[str, str], raw: bytes) -> None:
        """HMAC-SHA1 over our address and the form's fields by name: https://www.twilio.com/docs/usage/security"""
        said = next((value for name, value in headers.items() if name.lower() == "x-twilio-signature"), "")
        fields = "".join(name + value for name, value in sorted(set(_fields(raw))))
        good = {
            _signature(token, address + fields)
            for token in self._account.tokens
            for address in _spellings(self._account.webhook_url or "")
        }
        given = said.encode(errors="replace")
        if self._account.webhook_url is None or not any(hmac.compare_digest(given, each) for each in good):
            raise BadSignature("Twilio has not signed this")

    def parse(self, raw: bytes) -> Sequence[ChannelEvent]:
        """A status of one message, or what a person wrote; with the latter, what they told Twilio itself by it."""
        said, now = dict(_fields(raw)), self._now()
        sid = said.get("MessageSid") or said.get("SmsSid") or ""
        status = said.get("MessageStatus") or said.get("SmsStatus") or ""
        if sid and status in _RANKS:
            return [self._receipt(said, sid, status, now)]
        if sid and said.get("From") and "Body" in said:
            return self._inbound(said, sid, now)
        return [
            Unparsed(
                key=f"u:{sid or sha256(raw).hexdigest()[:32]}:{status}", what="sms", received_by=said.get("AccountSid")
            )
        ]

    def probe(self) -> ChannelHealth:
        """Whether the account is active."""
        answer = self._provider.get(f"{self._path}.json")
        if not isinstance(answer, Answered):
            return ChannelHealth(is_ready=False, what="Twilio cannot be reached")
        status = answer.said.get("status")
        return ChannelHealth(is_ready=status == "active", what=f"account {status or answer.status}")

    def _form(self, outbound: Outbound) -> dict[str, str]:
        text = as_text(outbound.content, channel="a text message", most=_MOST_CHARACTERS)
        words = [text.body, *([text.url] if text.url else [])]
        if self._account.hears_no_answer and outbound.purpose is Purpose.MARKETING:
            if outbound.opt_out_url is None:
                raise InvalidInput("is missing: nobody can answer this sender with STOP", place="opt_out_url")
            words.append(f"STOP: {outbound.opt_out_url}")
        body = "\n".join(words)
        if len(body) > _MOST_CHARACTERS:
            raise InvalidInput(f"has more than {_MOST_CHARACTERS} characters with its links", place="content.body")
        if outbound.to.address is None:
            raise InvalidInput("has no number", place="to")
        form = {"To": outbound.to.address, "Body": body}
        if self._account.sender is not None:
            form["From"] = self._account.sender
        if self._account.service_sid is not None:
            form["MessagingServiceSid"] = self._account.service_sid
        if self._account.webhook_url is not None:
            form["StatusCallback"] = self._account.webhook_url
        return form

    def _receipt(self, said: Mapping[str, str], sid: str, status: str, now: datetime) -> Receipt:
        rank, code = _RANKS[status], said.get("ErrorCode", "")
        known = int(code) if code.isascii() and code.isdigit() else None
        return Receipt(
            key=f"s:{sid}:{status}",
            at=now,
            rank=rank,
            provider_id=sid,
            error=refusal(known) if rank is None else None,
            received_by=said.get("MessagingServiceSid") or said.get("From") or said.get("AccountSid"),
        )

    def _inbound(self, said: Mapping[str, str], sid: str, now: datetime) -> list[ChannelEvent]:
        keys = (LearntKey(kind="e164", key=said["From"]),)
        to = said.get("MessagingServiceSid") or said.get("To") or ""
        found: list[ChannelEvent] = []
        wants = _WANTS.get(said.get("OptOutType", "").upper())
        if wants is not None:
            found.append(Preference(key=f"p:{sid}", at=now, sender_keys=keys, received_by=to, wants_marketing=wants))
        kind = InboundKind.TEXT if said["Body"] else InboundKind.OTHER
        written = Inbound(
            key=f"m:{sid}", at=now, kind=kind, sender_keys=keys, received_by=to, provider_id=sid, text=said["Body"]
        )
        return [*found, written]


def _outcome(answer: Answered, prices: int) -> Attempt:
    said = answer.said
    if 200 <= answer.status < 300:
        sid = said.get("sid")
        if isinstance(sid, str) and sid:
            return Accepted(provider_id=sid, prices=prices)
        return Unknown(reason="no id in the answer")
    code = said.get("code")
    known = code if isinstance(code, int) and not isinstance(code, bool) else None
    if answer.status >= 500 and known is None:
        return Unknown(reason=f"status {answer.status}")
    return Rejected(error=refusal(known, status=answer.status, retry_after_s=answer.retry_after_s))


def _fields(raw: bytes) -> list[tuple[str, str]]:
    return parse_qsl(raw.decode(errors="replace"), keep_blank_values=True)


def _spellings(url: str) -> set[str]:
    """An address with its port and without: Twilio signs the one or the other."""
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
    bare = f"[{host}]" if ":" in host else host
    return {url, *(parts._replace(netloc=netloc).geturl() for netloc in (bare, f"{bare}:{port}"))}


def _signature(token: str, text: str) -> bytes:
    return b64encode(hmac.digest(token.encode(), text.encode(), "sha1"))
