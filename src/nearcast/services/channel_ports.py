"""What messages leave through, and what a channel says of itself (messaging reference §12)."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import Flag, auto
from typing import Protocol, runtime_checkable

from nearcast.domain.channel_event import ChannelEvent
from nearcast.domain.errors import InvalidInput
from nearcast.domain.message import Message
from nearcast.domain.sending import Attempt, Outbound
from nearcast.domain.value import value


class Capability(Flag):
    """What planners may rely on."""

    TEXT = auto()
    TEMPLATE = auto()
    REPLY_BUTTONS = auto()
    LIST = auto()
    LOCATION_REQUEST = auto()
    INBOUND = auto()
    RECEIPT_SENT = auto()
    RECEIPT_DELIVERED = auto()
    RECEIPT_READ = auto()
    CLICK = auto()
    PLATFORM_OPT_OUT = auto()
    PROVIDER_STOP = auto()
    CALLBACK_TAG = auto()
    CLIENT_MESSAGE_ID = auto()
    TTL = auto()
    PRICE_IN_RECEIPT = auto()
    OWN_NAMES = auto()
    """It knows customers by our own names for them, and needs no address."""


@value(kw_only=True)
class Limits:
    """What a provider lets through; None for no limit. Lengths in characters, `per_s` messages of one sender,
    `pair_interval_s` between two to one person, `unique_recipients_24h` people in any 24 hours.
    """

    body: int
    buttons: int = 0
    rows: int = 0
    min_ttl_s: float | None = None
    max_ttl_s: float | None = None
    per_s: float | None = None
    pair_interval_s: float | None = None
    unique_recipients_24h: int | None = None


@value(kw_only=True)
class ChannelHealth:
    """Whether the provider lets us send; `what` says more, without addresses or secrets."""

    is_ready: bool
    what: str = ""


class BadSignature(InvalidInput):
    """A webhook that its provider has not signed."""

    code = "bad_signature"


class WayOut(Protocol):
    """What messages leave through."""

    @property
    def capabilities(self) -> Capability: ...
    def send(self, outbound: Outbound) -> Attempt:
        """One attempt without a hidden repetition, within a hard limit of time; many threads send at once. What is
        to be expected of a provider is an Attempt and never an exception.
        """


class Adapter(WayOut, Protocol):
    """One provider. It knows how to say things there and what is said back, and nothing of why or whether."""

    @property
    def name(self) -> str: ...
    @property
    def limits(self) -> Limits: ...
    def render(self, outbound: Outbound) -> bytes:
        """What would be sent; pure. InvalidInput for what the provider would refuse."""

    def verify(self, headers: Mapping[str, str], raw: bytes) -> None:
        """BadSignature unless the provider has signed exactly these bytes."""

    def parse(self, raw: bytes) -> Sequence[ChannelEvent]:
        """Everything that signed bytes report. Whatever is not understood comes back as Unparsed: never an exception
        for JSON.
        """

    def probe(self) -> ChannelHealth:
        """Ask the provider whether we may send; an unreachable one is not ready."""


@runtime_checkable
class WaysOut(Protocol):
    """A way out for each channel."""

    def through(self, channel: str) -> WayOut | None:
        """The way out for messages that name that channel; None where it is not set up."""


def each_way_out(ways: WayOut | WaysOut) -> Callable[[str], WayOut | None]:
    """As `way_out`, for many messages: which of the two it is takes long to tell."""
    return ways.through if isinstance(ways, WaysOut) else lambda _: ways


def way_out(ways: WayOut | WaysOut, channel: str) -> WayOut | None:
    """The way out for a channel. One alone is that for all of them."""
    return ways.through(channel) if isinstance(ways, WaysOut) else ways


@runtime_checkable
class Repeatable(Protocol):
    """A channel whose provider recognises a message by its id: sent twice, it arrives once."""

    def repeatable_s(self, message: Message) -> float:
        """For how many seconds after the first attempt; 0 for not at all."""


def repeatable_s(channel: object, message: Message) -> float:
    """For how many seconds after an attempt without an answer the same message may be sent again; 0 for never."""
    return channel.repeatable_s(message) if isinstance(channel, Repeatable) else 0.0


@runtime_checkable
class Acknowledging(Protocol):
    """A provider that reads something in the answer to its webhook."""

    def acknowledgement(self, events: Sequence[ChannelEvent]) -> Mapping[str, str]:
        """The answer to what reported these events, once they are kept."""


@runtime_checkable
class Closable(Protocol):
    """A channel that keeps connections open."""

    def close(self) -> None:
        """End what is open; nothing can be sent afterwards."""


def close_all(adapters: Iterable[object]) -> None:
    """End what any of them has open."""
    for adapter in adapters:
        if isinstance(adapter, Closable):
            adapter.close()
