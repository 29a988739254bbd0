"""Telegram's updates as events. Only private chats count: what is said in groups is not said to us.

Shapes: https://core.telegram.org/bots/api#update
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from nearcast.domain.channel_event import ChannelEvent, Inbound, InboundKind, Preference, Unparsed
from nearcast.domain.errors import InvalidInput
from nearcast.domain.position import Position
from nearcast.domain.sending import LearntKey

_TAP = "c:"
_WANTS = {"kicked": False, "member": True}


class _Chat(msgspec.Struct):
    id: int
    type: str = "private"


class _Location(msgspec.Struct):
    latitude: float
    longitude: float


class _Message(msgspec.Struct):
    message_id: int
    date: int
    chat: _Chat
    text: str = ""
    location: _Location | None = None
    reply_to_message: "_Message | None" = None


class _Tap(msgspec.Struct):
    id: str
    message: _Message | None = None
    data: str = ""


class _Member(msgspec.Struct):
    status: str


class _Membership(msgspec.Struct):
    chat: _Chat
    date: int
    new_chat_member: _Member


class _Update(msgspec.Struct):
    update_id: int
    message: _Message | None = None
    callback_query: _Tap | None = None
    my_chat_member: _Membership | None = None


def events(update: Mapping[str, Any], bot_id: str, now: datetime) -> Sequence[ChannelEvent]:
    """What an update that came `now` says to the bot of that id; Unparsed where it is of another kind or not of its
    shape.
    """
    try:
        said = msgspec.convert(update, _Update)
        found = _event(said, bot_id, now)
    except (InvalidInput, ValueError, OverflowError, OSError, RecursionError):
        found = None
    if found is not None:
        return [found]
    kinds = ",".join(sorted(name for name in map(str, update) if name != "update_id"))[:60]
    return [Unparsed(key=f"u:{bot_id}:{update.get('update_id')}", what=kinds or "update", received_by=bot_id)]


def tapped(event: ChannelEvent) -> str | None:
    """Telegram's id of a tap; None for everything else."""
    if not isinstance(event, Inbound) or event.kind is not InboundKind.BUTTON:
        return None
    return (event.provider_id or "").removeprefix(_TAP)


def _event(said: _Update, bot_id: str, now: datetime) -> ChannelEvent | None:
    if said.message is not None and said.message.chat.type == "private":
        return _written(said.message, bot_id)
    tap = said.callback_query
    if tap is not None and tap.message is not None and tap.message.chat.type == "private":
        about = tap.message
        return Inbound(
            key=f"c:{bot_id}:{tap.id}",
            at=now,  # a tap has no instant of its own
            kind=InboundKind.BUTTON,
            sender_keys=_keys(about.chat),
            received_by=bot_id,
            provider_id=f"{_TAP}{tap.id}",
            payload=tap.data,
            in_reply_to=_id(about),
        )
    met = said.my_chat_member
    if met is not None and met.chat.type == "private" and met.new_chat_member.status in _WANTS:
        return Preference(
            key=f"p:{bot_id}:{said.update_id}",
            at=_at(met.date),
            sender_keys=_keys(met.chat),
            received_by=bot_id,
            wants_marketing=_WANTS[met.new_chat_member.status],
        )
    return None


def _written(message: _Message, bot_id: str) -> Inbound:
    where, answers = message.location, message.reply_to_message
    kind = InboundKind.LOCATION if where else InboundKind.TEXT if message.text else InboundKind.OTHER
    return Inbound(
        key=f"m:{bot_id}:{_id(message)}",
        at=_at(message.date),
        kind=kind,
        sender_keys=_keys(message.chat),
        received_by=bot_id,
        provider_id=_id(message),
        text=message.text,
        position=Position(where.latitude, where.longitude) if where else None,
        in_reply_to=_id(answers) if answers else None,
    )


def _id(message: _Message) -> str:
    """A message's number counts within its chat alone."""
    return f"{message.chat.id}:{message.message_id}"


def _keys(chat: _Chat) -> tuple[LearntKey, ...]:
    return (LearntKey(kind="tg_chat", key=str(chat.id)),)


def _at(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
