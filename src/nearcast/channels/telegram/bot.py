"""One message of a bot, and what Telegram reports. A bot cannot begin: people come to it, by a link that is theirs."""

import hmac
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import Any

from nearcast.channels.attempts import Answered, refused_by_ourselves
from nearcast.channels.contents import as_text
from nearcast.channels.provider_http import Provider
from nearcast.channels.telegram.updates import events, tapped
from nearcast.domain.channel_event import ChannelEvent, Unparsed
from nearcast.domain.errors import InvalidInput
from nearcast.domain.sending import (
    Accepted,
    Attempt,
    Choice,
    LocationRequest,
    Outbound,
    ProviderError,
    Purpose,
    Rejected,
    RetryClass,
    Scope,
    Unknown,
)
from nearcast.services.channel_ports import BadSignature, Capability, ChannelHealth, Limits

_MOST_CHARACTERS = 4_096
_MOST_BUTTONS = 10
_MOST_ID_BYTES = 64
_PER_S, _PAIR_INTERVAL_S = 30, 1.0
# Telegram tells these refusals apart in words alone
_BLOCKED = "blocked by the user"
_GONE = ("chat not found", "user is deactivated", "initiate conversation", "peer_id_invalid")


@dataclass(frozen=True, slots=True, kw_only=True)
class Bot:
    """`token` is `<id>:<secret>`; `secrets` are those of the webhook, of which every one counts."""

    token: str = field(repr=False)
    secrets: Sequence[str] = field(repr=False)

    @property
    def id(self) -> str:
        """The bot's own id, which is no secret."""
        return self.token.partition(":")[0]


class Telegram:
    """Adapter of the channel `telegram`. An address is the id of a person's chat with the bot. Threads may share it."""

    name = "telegram"
    capabilities = (
        Capability.TEXT | Capability.REPLY_BUTTONS | Capability.LIST | Capability.LOCATION_REQUEST | Capability.INBOUND
    ) | Capability.PLATFORM_OPT_OUT
    limits = Limits(
        body=_MOST_CHARACTERS,
        buttons=_MOST_BUTTONS,
        rows=_MOST_BUTTONS,
        per_s=_PER_S,
        pair_interval_s=_PAIR_INTERVAL_S,
    )

    def __init__(self, bot: Bot, provider: Provider, *, now: Callable[[], datetime]) -> None:
        self._bot, self._provider, self._now = bot, provider, now

    def render(self, outbound: Outbound) -> bytes:
        """The body of `sendMessage`."""
        return json.dumps(_message(outbound), ensure_ascii=False).encode(errors="replace")

    @refused_by_ourselves
    def send(self, outbound: Outbound) -> Attempt:
        """One attempt."""
        headers = {"Content-Type": "application/json"}
        answer = self._provider.post(
            f"/bot{self._bot.token}/sendMessage", content=self.render(outbound), headers=headers
        )
        return _outcome(answer) if isinstance(answer, Answered) else answer

    def verify(self, headers: Mapping[str, str], raw: bytes) -> None:
        """The secret that was told when the webhook was set; it stands for all of the request."""
        name = "x-telegram-bot-api-secret-token"
        said = next((value for key, value in headers.items() if key.lower() == name), "").encode(errors="replace")
        if not any(hmac.compare_digest(said, each.encode()) for each in self._bot.secrets if each):
            raise BadSignature("Telegram has not sent this")

    def parse(self, raw: bytes) -> Sequence[ChannelEvent]:
        """One update: what a person wrote, tapped or sent, or that they blocked the bot or came back."""
        try:
            update = json.loads(raw)
        except (ValueError, RecursionError):
            update = None
        if not isinstance(update, dict):
            return [Unparsed(key=f"u:{sha256(raw).hexdigest()[:32]}", what="body", received_by=self._bot.id)]
        return events(update, self._bot.id, self._now())

    def acknowledgement(self, events: Sequence[ChannelEvent]) -> Mapping[str, str]:
        """A tap's button waits until it is told that it was heard, which the answer itself can tell; what comes of that
        nobody hears: https://core.telegram.org/bots/api#making-requests-when-getting-updates
        """
        taps = (tap for each in events if (tap := tapped(each)) is not None)
        return next(({"method": "answerCallbackQuery", "callback_query_id": tap} for tap in taps), {})

    def probe(self) -> ChannelHealth:
        """Whether Telegram knows the bot."""
        answer = self._provider.get(f"/bot{self._bot.token}/getMe")
        if not isinstance(answer, Answered):
            return ChannelHealth(is_ready=False, what="Telegram cannot be reached")
        return ChannelHealth(is_ready=answer.said.get("ok") is True, what=f"status {answer.status}")


def _message(outbound: Outbound) -> dict[str, Any]:
    if outbound.to.address is None:
        raise InvalidInput("has no chat", place="to")
    said: dict[str, Any] = {"chat_id": outbound.to.address}
    content = outbound.content
    if isinstance(content, LocationRequest):
        button = {"text": "📍", "request_location": True}
        keyboard = {"keyboard": [[button]], "resize_keyboard": True, "one_time_keyboard": True}
        said |= {"text": _checked(content.body), "reply_markup": keyboard}
    elif isinstance(content, Choice):
        said |= _with_buttons(content.body, [{"text": row.title, "callback_data": row.id} for row in content.rows])
    else:
        text = as_text(content, channel="Telegram", most=_MOST_CHARACTERS)
        buttons = [{"text": each.title, "callback_data": each.id} for each in text.buttons]
        if text.url is not None:
            buttons.append({"text": text.url_title or "↗", "url": text.url})
        if outbound.opt_out_url is not None and outbound.purpose is Purpose.MARKETING:
            buttons.append({"text": "STOP", "url": outbound.opt_out_url})
        said |= _with_buttons(text.body, buttons)
    if outbound.reply_to is not None and outbound.reply_to.rpartition(":")[2].isdigit():
        number = int(outbound.reply_to.rpartition(":")[2])
        said["reply_parameters"] = {"message_id": number, "allow_sending_without_reply": True}
    return said


def _with_buttons(body: str, buttons: Sequence[Mapping[str, str]]) -> dict[str, Any]:
    if len(buttons) > _MOST_BUTTONS:
        raise InvalidInput(f"has more than {_MOST_BUTTONS} buttons", place="content")
    if any(len(each.get("callback_data", "").encode()) > _MOST_ID_BYTES for each in buttons):
        raise InvalidInput(f"has a button whose id is longer than {_MOST_ID_BYTES} bytes", place="content")
    said: dict[str, Any] = {"text": _checked(body)}
    return {**said, "reply_markup": {"inline_keyboard": [[each] for each in buttons]}} if buttons else said


def _checked(body: str) -> str:
    if not body.strip() or len(body) > _MOST_CHARACTERS:
        raise InvalidInput(f"is empty or has more than {_MOST_CHARACTERS} characters", place="content.body")
    return body


def _outcome(answer: Answered) -> Attempt:
    said = answer.said
    if said.get("ok") is True:
        result = said.get("result")
        sent = result if isinstance(result, dict) else {}
        chat = sent.get("chat")
        chat_id = chat.get("id") if isinstance(chat, dict) else None
        if isinstance(sent.get("message_id"), int) and isinstance(chat_id, int):
            return Accepted(provider_id=f"{chat_id}:{sent['message_id']}")
        return Unknown(reason="no id in the answer")
    if said.get("ok") is not False:
        return Unknown(reason=f"status {answer.status}")
    code = said.get("error_code")
    code = code if isinstance(code, int) else answer.status
    parameters = said.get("parameters")
    wait = parameters.get("retry_after") if isinstance(parameters, dict) else None
    retry, scope = _meaning(code, str(said.get("description", "")).lower())
    return Rejected(
        error=ProviderError(
            provider="telegram",
            code=str(code),
            retry=retry,
            scope=scope,
            retry_after_s=float(wait) if isinstance(wait, int) and wait >= 0 else answer.retry_after_s,
        )
    )


def _meaning(code: int, words: str) -> tuple[RetryClass, Scope]:
    if _BLOCKED in words:
        return RetryClass.USER_OPTOUT, Scope.USER
    if code == 403 or any(each in words for each in _GONE):
        return RetryClass.USER_UNREACHABLE, Scope.USER
    if code == 429:
        return RetryClass.THROTTLE, Scope.SENDER
    if code in (401, 404):
        return RetryClass.SENDER_STOP, Scope.SENDER
    return (RetryClass.RETRY, Scope.REQUEST) if code >= 500 else (RetryClass.BUG, Scope.REQUEST)
