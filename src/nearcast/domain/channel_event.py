"""What providers report: receipts, what people write back, and what changes on their side (messaging reference §2)."""

from datetime import datetime
from enum import IntEnum, StrEnum
from typing import TypeAlias

from nearcast.domain.position import Position
from nearcast.domain.sending import LearntKey, ProviderError
from nearcast.domain.value import value


class Rank(IntEnum):
    """How far a message has come. A receipt of a lower rank than the highest known changes nothing."""

    HELD = 0
    ACCEPTED = 1
    SENT = 2
    DELIVERED = 3
    READ = 4


@value(kw_only=True)
class Price:
    """What a provider says that a message counts as; how much that is stands in the dated rates."""

    category: str
    type: str


@value(kw_only=True)
class Receipt:
    """How far one message came at `at`, or, with an `error`, that it failed. Named by our `tag`, by the provider's own
    id, or by both. `key` tells it from every other event and is the same when it is delivered again. `received_by` is
    our own number or account there: that tells whose event it is.
    """

    key: str
    at: datetime
    rank: Rank | None
    provider_id: str | None = None
    tag: str | None = None
    error: ProviderError | None = None
    price: Price | None = None
    learnt: tuple[LearntKey, ...] = ()
    received_by: str | None = None


class InboundKind(StrEnum):
    TEXT = "text"
    BUTTON = "button"
    CHOICE = "choice"
    LOCATION = "location"
    OTHER = "other"


@value(kw_only=True)
class Inbound:
    """What a person wrote or tapped. `text` is what they see of it, `payload` the id of the button or row;
    `in_reply_to` is the provider's id of our message. `received_by` is our own number or account there.
    """

    key: str
    at: datetime
    kind: InboundKind
    sender_keys: tuple[LearntKey, ...]
    received_by: str
    provider_id: str
    text: str = ""
    payload: str | None = None
    position: Position | None = None
    in_reply_to: str | None = None


@value(kw_only=True)
class Preference:
    """Somebody told the provider itself whether they want marketing from us."""

    key: str
    at: datetime
    sender_keys: tuple[LearntKey, ...]
    received_by: str
    wants_marketing: bool


@value(kw_only=True)
class TemplateChange:
    """What became of a template on the provider's side; None for what it does not say."""

    key: str
    at: datetime
    name: str
    language: str
    status: str | None = None
    category: str | None = None
    quality: str | None = None
    reason: str | None = None
    received_by: str | None = None


@value(kw_only=True)
class SenderChange:
    """What became of a number or an account: `what` in the provider's word, and how many people a day it may reach."""

    key: str
    at: datetime
    sender: str
    what: str
    unique_recipients_24h: int | None = None
    is_stopped: bool = False


@value(kw_only=True)
class IdentityChange:
    """Somebody has another number, or another identity, from now on."""

    key: str
    at: datetime
    received_by: str
    before: tuple[LearntKey, ...]
    after: tuple[LearntKey, ...]


@value(kw_only=True)
class Unparsed:
    """A signed item that we do not understand; it is kept, sealed, and somebody is told."""

    key: str
    what: str
    received_by: str | None = None


ChannelEvent: TypeAlias = Receipt | Inbound | Preference | TemplateChange | SenderChange | IdentityChange | Unparsed
