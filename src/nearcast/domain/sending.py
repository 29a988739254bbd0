"""One message as a channel is to send it, and what a single attempt came to (messaging reference §12).

All of it is plain values: rules and tests speak of them without a channel. None of them shows an address, a text or
a provider's id when it is printed.
"""

from dataclasses import field
from datetime import datetime
from enum import StrEnum
from typing import TypeAlias

from nearcast.domain.errors import InvalidInput
from nearcast.domain.ids import MessageId, TenantId
from nearcast.domain.value import value

_TAG = "nc1:"


class Purpose(StrEnum):
    """What a message is for; markets, prices and consent differ by it."""

    MARKETING = "marketing"
    UTILITY = "utility"
    SERVICE = "service"


@value(kw_only=True)
class Recipient:
    """Whom a message goes to, in the channel's own words: a number in E.164, an e-mail address, a push subscription, a
    chat. `user_id` is a provider's own name for a person who has shown no number. One of the two is there.
    """

    address: str | None = field(default=None, repr=False)
    user_id: str | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if self.address is None and self.user_id is None:
            raise InvalidInput("a recipient needs an address or a user id")


@value(kw_only=True)
class Button:
    """What can be tapped under a message; `id` comes back with the tap."""

    id: str = field(repr=False)
    title: str


@value(kw_only=True)
class Row:
    """One line of a list to choose from; `id` comes back with the choice."""

    id: str = field(repr=False)
    title: str = field(repr=False)
    description: str = field(default="", repr=False)


@value(kw_only=True)
class Text:
    """Free words, with buttons under them where the channel has any. `title` heads an e-mail or a push. With a
    `url_title` the address is a button with these words where the channel has such buttons.
    """

    body: str = field(repr=False)
    buttons: tuple[Button, ...] = ()
    title: str | None = field(default=None, repr=False)
    url: str | None = field(default=None, repr=False)
    url_title: str | None = None


@value(kw_only=True)
class Choice:
    """A list of which one row may be chosen; `label` opens it."""

    body: str = field(repr=False)
    label: str
    rows: tuple[Row, ...]


@value(kw_only=True)
class LocationRequest:
    """Asks for a position, which the answer carries."""

    body: str = field(repr=False)


@value(kw_only=True)
class Template:
    """A text that the provider has approved, with what stands in its places. `body` is what the customer reads, for
    channels that have no templates and for whoever explains the message. `header` stands in the place that its
    heading has, `header_image` is the address of the picture above it. `payloads` are those of its quick-reply buttons
    in their order, `url_suffix` that of its address button, `code` that of its copy-code button; `button_indexes` says
    which of the template's buttons these are, in the order payloads, code, address, where they are not simply the first
    ones. `taps` are what its quick-reply buttons are for, where its campaign says so. `ends_at` is shown by a
    limited-time offer. `is_marketing` is what the provider has filed it under; None where that is the message's
    purpose.
    """

    name: str
    language: str
    variables: tuple[str, ...] = field(default=(), repr=False)
    variable_names: tuple[str, ...] = ()
    header: str | None = field(default=None, repr=False)
    header_image: str | None = None
    payloads: tuple[str, ...] = field(default=(), repr=False)
    url_suffix: str | None = field(default=None, repr=False)
    code: str | None = field(default=None, repr=False)
    button_indexes: tuple[int, ...] = ()
    taps: tuple[str, ...] = ()
    ends_at: datetime | None = None
    is_marketing: bool | None = None
    body: str = field(default="", repr=False)


Content: TypeAlias = Text | Choice | LocationRequest | Template


@value(kw_only=True)
class Outbound:
    """What is to leave once. Nothing of it may be sent from `not_after` on; `ttl_s` is how long the provider may go on
    trying where it can be told. `reply_to` is the provider's name for the message that this one answers.
    `opt_out_url` ends it all with one click. Of several with one `topic` only the newest matters to whoever gets them.
    `channel` is the one that the message names, for whoever stands in for it.
    """

    id: MessageId
    tenant_id: TenantId
    sender: str
    to: Recipient
    content: Content
    purpose: Purpose
    not_after: datetime
    ttl_s: float | None = None
    reply_to: str | None = field(default=None, repr=False)
    opt_out_url: str | None = field(default=None, repr=False)
    topic: str | None = None
    channel: str = ""

    @property
    def tag(self) -> str:
        """What a provider gives back with every receipt: the message's own id behind a mark of ours."""
        return _TAG + self.id


def tagged_message(tag: str | None) -> MessageId | None:
    """The message that a tag names; None for a tag of somebody else's."""
    return MessageId(tag.removeprefix(_TAG)) if tag is not None and tag.startswith(_TAG) else None


class RetryClass(StrEnum):
    """What a provider's refusal means for the attempts to come (messaging reference §10)."""

    RETRY = "retry"
    PAIR_WAIT = "pair_wait"
    THROTTLE = "throttle"
    USER_COOLDOWN = "user_cooldown"
    USER_OPTOUT = "user_optout"
    USER_UNREACHABLE = "user_unreachable"
    REPLAN = "replan"
    TEMPLATE_STOP = "template_stop"
    SENDER_STOP = "sender_stop"
    BUG = "bug"


class Scope(StrEnum):
    """What else a refusal holds for, besides the one request."""

    REQUEST = "request"
    USER = "user"
    PAIR = "pair"
    TEMPLATE = "template"
    SENDER = "sender"
    MARKETING = "marketing"
    """All marketing of the sender, and nothing else."""
    TOKEN = "token"  # noqa: S105
    """All of the sender, until it proves itself with another token, or the same may do more."""
    MARKET = "market"


@value(kw_only=True)
class ProviderError:
    """A refusal in the provider's own code. Its words are not kept: they may hold an address. `is_news_of_template`
    where it shows that what we know of its template is old.
    """

    provider: str
    code: str
    retry: RetryClass
    scope: Scope = Scope.REQUEST
    retry_after_s: float | None = None
    is_news_of_template: bool = False


@value(kw_only=True)
class LearntKey:
    """Another name that a provider has for the recipient; `kind` is wa_id, bsuid, parent_bsuid, tg_chat…"""

    kind: str
    key: str = field(repr=False)


@value(kw_only=True)
class Accepted:
    """The provider has taken the message, which is not yet to say that it arrives; held back where `is_held`. It costs
    so many `prices`: more than one where it goes in segments.
    """

    provider_id: str | None = field(default=None, repr=False)
    prices: int = 1
    is_held: bool = False
    learnt: tuple[LearntKey, ...] = ()


@value(kw_only=True)
class Rejected:
    """The provider has refused the message: it does not arrive."""

    error: ProviderError


@value(kw_only=True)
class NotSent:
    """Nothing left this machine. `is_final` where another attempt would come to the same."""

    reason: str
    retry_after_s: float | None = None
    is_final: bool = False


@value(kw_only=True)
class Unknown:
    """Nobody can tell whether the provider has the message."""

    reason: str


Attempt: TypeAlias = Accepted | Rejected | NotSent | Unknown
