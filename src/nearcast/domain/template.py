"""A text that a provider has to approve before it may be sent, as it stands there (messaging reference §1.4, §2.5)."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import field, replace
from datetime import datetime, timedelta
from typing import Any

from nearcast.domain.channel_event import TemplateChange
from nearcast.domain.reason import Reason
from nearcast.domain.sender_state import Blocked
from nearcast.domain.value import value

PLACE = re.compile(r"\{\{\s*([A-Za-z0-9_]+)\s*\}\}")
"""Where a variable stands; its name is a number from 1 on in templates whose variables have an order."""

MARKETING = "MARKETING"
_APPROVED = {"APPROVED", "FLAGGED"}
_OVER = {"REJECTED", "DISABLED", "DELETED", "PENDING_DELETION", "ARCHIVED"}
_RED = "RED"
_ASK_AGAIN = timedelta(minutes=5)


def part_of(components: Sequence[Mapping[str, Any]], kind: str) -> Mapping[str, Any]:
    """The component of that kind; an empty one where there is none."""
    return next((each for each in components if str(each.get("type", "")).upper() == kind), {})


def buttons_of(components: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Its buttons in their order."""
    return list(part_of(components, "BUTTONS").get("buttons") or ())


def places(text: str) -> tuple[str, ...]:
    """The names of a text's variables, each once."""
    return tuple(dict.fromkeys(PLACE.findall(text)))


@value(kw_only=True)
class MessageTemplate:
    """One template in one language. `status`, `category` and `quality` are in the provider's words, each with when that
    was said. Since a refusal at `stopped_at` it is not sent, whatever its status, until the provider says anew that it
    may be. `components` are as they were written.
    """

    name: str
    language: str
    provider_id: str | None = None
    status: str
    category: str
    quality: str | None = None
    components: tuple[Mapping[str, Any], ...] = field(default=(), hash=False)
    ttl_s: int | None = None
    status_at: datetime
    category_at: datetime
    quality_at: datetime | None = None
    stopped_at: datetime | None = None
    stop_code: str | None = None

    @property
    def key(self) -> tuple[str, str]:
        return self.name, self.language

    @property
    def body(self) -> str:
        return str(part_of(self.components, "BODY").get("text", ""))

    @property
    def variables(self) -> tuple[str, ...]:
        """The names of the variables of its body, in their order."""
        found = places(self.body)
        return tuple(sorted(found, key=int)) if self.is_positional else found

    @property
    def is_positional(self) -> bool:
        """Whether its variables have an order and no names."""
        return all(name.isdigit() for name in places(self.body))

    @property
    def has_header_variable(self) -> bool:
        return bool(places(str(part_of(self.components, "HEADER").get("text", ""))))

    @property
    def shows_end(self) -> bool:
        """Whether it is an offer for a limited time, which shows when that is over."""
        offer = part_of(self.components, "LIMITED_TIME_OFFER").get("limited_time_offer")
        return isinstance(offer, Mapping) and offer.get("has_expiration") is True

    @property
    def is_marketing(self) -> bool:
        """Whether the provider has filed it under marketing, whatever it was asked for."""
        return self.category == MARKETING

    @property
    def is_usable(self) -> bool:
        return self.status in _APPROVED and self.quality != _RED and self.stopped_at is None

    def buttons(self, kind: str) -> tuple[int, ...]:
        """Where its buttons of a kind stand that take a parameter: of addresses only those with a variable."""
        return tuple(
            n
            for n, each in enumerate(buttons_of(self.components))
            if str(each.get("type", "")).upper() == kind and (kind != "URL" or PLACE.search(str(each.get("url", ""))))
        )

    def blocks(self, now: datetime) -> Blocked | None:
        """Whether a message of it must wait, or can never go."""
        if self.is_usable:
            return None
        return Blocked(reason=Reason.TEMPLATE_NOT_APPROVED, until=None if self.status in _OVER else now + _ASK_AGAIN)

    def changed(self, change: TemplateChange) -> "MessageTemplate":
        """After news of it; what is older than what is known changes nothing."""
        after = self
        if change.status is not None and _is_news(change.at, self.status_at):
            after = replace(after, status=change.status, status_at=change.at)
            if change.status in _APPROVED and _is_news(change.at, self.stopped_at):
                after = replace(after, stopped_at=None, stop_code=None)
        if change.category is not None and _is_news(change.at, self.category_at):
            after = replace(after, category=change.category, category_at=change.at)
        if change.quality is not None and _is_news(change.at, self.quality_at):
            after = replace(after, quality=change.quality, quality_at=change.at)
        return after

    def stopped(self, code: str, began_at: datetime) -> "MessageTemplate":
        """After a message of it that left at `began_at` was refused for its sake. What the provider said
        since counts for more.
        """
        if began_at < max(self.status_at, self.stopped_at or self.status_at):
            return self
        return replace(self, stopped_at=began_at, stop_code=code)


def _is_news(at: datetime, known_at: datetime | None) -> bool:
    """Providers tell the time in whole seconds, so what they say of the second that we know of may well be newer."""
    return known_at is None or at >= known_at.replace(microsecond=0)
