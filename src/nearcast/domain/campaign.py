"""A campaign: which offer goes to whom, where, when, and how often."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from itertools import accumulate
from zoneinfo import ZoneInfo

from nearcast.domain.errors import InvalidInput
from nearcast.domain.experiment import BUCKETS, bucket
from nearcast.domain.ids import CampaignId, GeofenceId, ShopId
from nearcast.domain.local_time import LocalHours
from nearcast.domain.offer_template import OfferTemplate, filled_in, placeholders
from nearcast.domain.policy import FrequencyCap, Holdout
from nearcast.domain.price import Money
from nearcast.domain.sending import Template
from nearcast.domain.voucher import VoucherTerms

_OFFER_NAMES = ("expires_at", "shop.name")
_VOUCHER_NAMES = ("voucher.code", "voucher.url", "voucher.until")


class Trigger(StrEnum):
    """What makes an opportunity: a transition of that kind, or a due run."""

    ENTER = "enter"
    DWELL = "dwell"
    EXIT = "exit"
    SCHEDULE = "schedule"


class CampaignState(StrEnum):
    DRAFT = "draft"
    ACTIVE = "active"
    PAUSED = "paused"
    ENDED = "ended"


class CampaignClass(StrEnum):
    """Competing campaigns rank by class first; set by the operator."""

    SERVICE = "service"
    LOYALTY = "loyalty"
    PROMO = "promo"

    @property
    def place(self) -> int:
        """Where it stands in that order: 0 goes first."""
        return list(CampaignClass).index(self)


class WhenHeld(StrEnum):
    """What becomes of a message that may not go now."""

    DROP = "drop"
    DEFER = "defer"


_LIFECYCLE = {
    "activate": ({CampaignState.DRAFT, CampaignState.PAUSED}, CampaignState.ACTIVE),
    "pause": ({CampaignState.ACTIVE}, CampaignState.PAUSED),
    "end": ({CampaignState.DRAFT, CampaignState.ACTIVE, CampaignState.PAUSED}, CampaignState.ENDED),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """The text, with {expires_at}, {shop.name}, {customer.…} and {voucher.…} filled in, and how long it holds after the
    decision. With a `voucher` each message brings a code of its own. The text is what customers read; with a `template`
    it is that of the provider where the channel has templates.
    """

    text: str
    expires_after_s: float = 1200.0
    voucher: VoucherTerms | None = None
    template: OfferTemplate | None = None

    def __post_init__(self) -> None:
        if self.expires_after_s <= 0:
            raise InvalidInput(f"expires_after_s {self.expires_after_s} is not above 0")
        self._check("text", self.text)
        for place, text in self.template.texts if self.template else ():
            self._check(f"template.{place}", text)

    def _check(self, place: str, text: str) -> None:
        for name in placeholders(text):
            if name in _VOUCHER_NAMES:
                if self.voucher is None:
                    raise InvalidInput(f"offer {place}: {{{name}}} needs a voucher")
                continue
            if name not in _OFFER_NAMES and not name.startswith("customer."):
                raise InvalidInput(f"offer {place}: {{{name}}} is none of {', '.join(_OFFER_NAMES)}, customer.…")

    def render(self, values: Mapping[str, str]) -> str:
        """The text as sent; a customer attribute that is not known leaves nothing."""
        return filled_in(self.text, values)

    def render_template(self, values: Mapping[str, str]) -> Template | None:
        """The template as sent, its places filled as those of the text are."""
        return None if self.template is None else self.template.render(values)


@dataclass(frozen=True, slots=True)
class Spent:
    """How many of a campaign's messages were booked, and for how many millionths of its currency together."""

    messages: int = 0
    micros: int = 0


NOTHING_SPENT = Spent()


@dataclass(frozen=True, slots=True)
class MoneyBudget:
    """A campaign may cost `amount` at most. Until what a message did cost is booked it counts for `each`, the most that
    any may cost, in all its segments.
    """

    amount: Money
    each: Money

    def __post_init__(self) -> None:
        if self.amount.currency != self.each.currency:
            raise InvalidInput(f"a budget in {self.amount.currency} has no prices in {self.each.currency}")

    def lasts_for(self, spent: Spent) -> int | None:
        """For how many messages, those booked included; None for any number."""
        if not self.each.micros:
            return None
        return spent.messages + max(0, self.amount.micros - spent.micros) // self.each.micros


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """One arm of an A/B test: its share is `weight` of all weights; without an offer it sends the campaign's."""

    name: str
    weight: int = 1
    offer: Offer | None = None


@dataclass(frozen=True, slots=True)
class Split:
    """An A/B test. Variants take the buckets of `salt` in their order. A weight of 0 takes nobody new."""

    salt: str
    variants: tuple[Variant, ...]

    def __post_init__(self) -> None:
        names = [variant.name for variant in self.variants]
        if len(set(names)) < len(names):
            raise InvalidInput(f"variants {', '.join(names)}: each needs a name of its own")
        if min(variant.weight for variant in self.variants) < 0 or not self._weight:
            raise InvalidInput("variants need weights of 0 or more that are not all 0")

    @property
    def _weight(self) -> int:
        return sum(variant.weight for variant in self.variants)

    def percent(self, variant: Variant) -> float:
        return 100 * variant.weight / self._weight

    def named(self, name: str) -> Variant | None:
        return next((variant for variant in self.variants if variant.name == name), None)

    def variant_for(self, customer_id: str) -> Variant:
        """By the hash alone, whatever was assigned before."""
        place = bucket(self.salt, customer_id) * self._weight
        ends = accumulate(variant.weight * BUCKETS for variant in self.variants)
        return next(variant for variant, end in zip(self.variants, ends, strict=True) if place < end)


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """Runs at the due instants of `cron` in `zone`, for customers seen at most `seen_within_s` ago and within
    `within_m` metres of the shop. A run missed by more than `catch_up_s` is not made up for.
    """

    cron: str
    zone: ZoneInfo
    seen_within_s: float | None = None
    within_m: float | None = None
    catch_up_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Campaign:
    """`geofence_ids` None means every fence of the shop; window bounds None are open; `active_until` is exclusive.

    Who got a message may get the next `re_eligibility_s` seconds later, and on the local day `re_eligibility_days`
    after that day: 24 hours refuse somebody who came at 8:30 and comes at 8:00 the next day, one day does not. Where it
    `is_fallback` and has lost an opportunity, it gets it after all if the winner's message is cancelled at dispatch.

    With `channels`, `channel` the first of them, each customer is written to on the first on which they can be reached
    and have agreed to be.
    """

    id: CampaignId
    shop_id: ShopId
    trigger: Trigger
    channel: str
    sender: str
    offer: Offer
    geofence_ids: frozenset[GeofenceId] | None = None
    state: CampaignState = CampaignState.ACTIVE
    active_from: datetime | None = None
    active_until: datetime | None = None
    dayparts: LocalHours | None = None
    schedule: Schedule | None = None
    audience_any: frozenset[str] = frozenset()
    audience_all: frozenset[str] = frozenset()
    audience_none: frozenset[str] = frozenset()
    priority: int = 0
    klass: CampaignClass = CampaignClass.PROMO
    re_eligibility_s: float = 0.0
    re_eligibility_days: int = 0
    fence_cooldown_s: float = 0.0
    caps: tuple[FrequencyCap, ...] = ()
    budget_messages: int | None = None
    budget_money: MoneyBudget | None = None
    holdout: Holdout | None = None
    split: Split | None = None
    on_cap: WhenHeld = WhenHeld.DROP
    on_quiet: WhenHeld = WhenHeld.DROP
    is_fallback: bool = False
    channels: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if (self.trigger is Trigger.SCHEDULE) and self.schedule is None:
            raise InvalidInput(f"campaign {self.id}: trigger schedule needs a schedule")
        if self.active_from and self.active_until and self.active_from >= self.active_until:
            raise InvalidInput(f"campaign {self.id}: active until is not after active from")
        for offer in self.offers:
            ends_at = offer.voucher.valid_until if offer.voucher else None
            if ends_at is not None and (self.active_until is None or self.active_until > ends_at):
                raise InvalidInput(f"campaign {self.id}: it is to end by the valid_until of its vouchers")

    @property
    def offers(self) -> tuple[Offer, ...]:
        """Its own offer and those of its variants."""
        variants = self.split.variants if self.split else ()
        return self.offer, *(each.offer for each in variants if each.offer is not None)

    @property
    def precedence(self) -> int:
        """The higher, the sooner its messages leave: by class, then by priority."""
        rank = len(CampaignClass) - 1 - self.klass.place
        return rank * 2**32 + max(-(2**31), min(self.priority, 2**31 - 1))

    def most_messages(self, spent: Spent = NOTHING_SPENT) -> int | None:
        """How many messages its budgets last for, those sent included; None for any number."""
        of_money = None if self.budget_money is None else self.budget_money.lasts_for(spent)
        return min((most for most in (self.budget_messages, of_money) if most is not None), default=None)

    def channels_after(self, channel: str) -> tuple[str, ...]:
        """Those that take the place of a channel on which somebody cannot be reached, in their order."""
        return self.channels[self.channels.index(channel) + 1 :] if channel in self.channels else ()

    def targets(self, geofence_id: GeofenceId, shop_id: ShopId | None) -> bool:
        """Whether that fence of that shop is one of the campaign's."""
        return geofence_id in self.geofence_ids if self.geofence_ids is not None else shop_id == self.shop_id

    def after(self, action: str) -> "Campaign":
        """The campaign after `activate`, `pause` or `end`; repeating one changes nothing, an ended one stays ended."""
        if action not in _LIFECYCLE:
            raise InvalidInput(f"{action!r} is none of {', '.join(_LIFECYCLE)}")
        sources, target = _LIFECYCLE[action]
        if self.state is target:
            return self
        if self.state not in sources:
            raise InvalidInput(f"campaign {self.id} is {self.state.value} and cannot {action}")
        return replace(self, state=target)
