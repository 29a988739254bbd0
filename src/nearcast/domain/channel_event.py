"""What providers report: receipts, what people write back, and what changes on their side (messaging reference §2).

None of them shows a provider's id, a text or a position when it is printed.
"""

from dataclasses import field
from datetime import datetime
from enum import IntEnum, StrEnum
from typing import TypeAlias

from nearcast.domain.position import Position
from nearcast.domain.sending import LearntKey, ProviderError, Scope
from nearcast.domain.value import value

UNLIMITED = (1 << 31) - 1
"""More people a day than any provider has customers for."""


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

    key: str = field(repr=False)
    at: datetime
    rank: Rank | None
    provider_id: str | None = field(default=None, repr=False)
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
    FORM = "form"
    OTHER = "other"


@value(kw_only=True)
class Inbound:
    """What a person wrote or tapped. `text` is what they see of it, `payload` the id of the button or row, or all
    that a form says; `in_reply_to` is the provider's id of our message. `received_by` is our own number or account
    there.
    """

    key: str = field(repr=False)
    at: datetime
    kind: InboundKind
    sender_keys: tuple[LearntKey, ...]
    received_by: str
    provider_id: str = field(repr=False)
    text: str = field(default="", repr=False)
    payload: str | None = field(default=None, repr=False)
    position: Position | None = field(default=None, repr=False)
    in_reply_to: str | None = field(default=None, repr=False)


@value(kw_only=True)
class Preference:
    """Somebody told the provider itself whether they want marketing from us."""

    key: str = field(repr=False)
    at: datetime
    sender_keys: tuple[LearntKey, ...]
    received_by: str
    wants_marketing: bool


@value(kw_only=True)
class TemplateChange:
    """What became of a template on the provider's side; None for what it does not say."""

    key: str = field(repr=False)
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
    """What became of a number or an account: `what` in the provider's word, and how many people a day it may reach,
    which is UNLIMITED where there is no limit and None where that is not said. Where it is stopped, all of `scope` is.
    """

    key: str = field(repr=False)
    at: datetime
    sender: str
    what: str
    unique_recipients_24h: int | None = None
    is_stopped: bool = False
    scope: Scope = Scope.SENDER


@value(kw_only=True)
class IdentityChange:
    """Somebody has another number, or another identity, from now on."""

    key: str = field(repr=False)
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
