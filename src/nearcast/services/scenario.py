"""The scenario file: its shape, units and defaults (CONTRACT, "Files"). What is written here is checked here; what the
words mean is the domain's.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from nearcast.domain.campaign import CampaignClass, CampaignState, Trigger
from nearcast.domain.consent import ConsentAction
from nearcast.domain.errors import InvalidInput
from nearcast.domain.policy import CalendarUnit, CapKind, PriorityScope
from nearcast.domain.visit import FirstSeen
from nearcast.services.billing import AmountShape, BillingShape, MoneyShape
from nearcast.services.documents import read_document
from nearcast.services.retention_settings import RetentionShape
from nearcast.services.scalars import MAX_SECONDS, Day, Id, Instant, Rank, Said, Seconds, Weekday
from nearcast.services.template_shape import TemplateShape
from nearcast.services.voucher_shape import VoucherShape


class Shape(BaseModel):
    """What is written from outside: unknown keys are refused, and nothing is taken for another type."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _absent_where_empty(cls, value: object) -> object:
        """A key without a value says as much as no key."""
        return {k: v for k, v in value.items() if v is not None} if isinstance(value, dict) else value


class TenantShape(Shape):
    id: Id = "tenant"
    timezone: str = "UTC"


class PresenceShape(Shape):
    """When a visit begins and ends; a key left out takes its profile's default, given here as raw / robust.

    dwell_s (never / 120): how long after its enter a visit has dwelt. lateness_s (60 / 300): how late a ping may be.
    gap_s (never / 1800): the silence that ends a visit. first_seen (enter): enter, or suppress for a visit that nobody
    hears of. cross_within_s (never): how long a way through a geofence may take between two pings outside.
    max_speed_mps (70): a faster way is no crossing, and robust doubts the ping. exit_margin_m (20): how far beyond its
    accuracy a ping must be to leave; raw has no margin.
    """

    profile: Literal["raw", "robust"] = "robust"
    dwell_s: Seconds | None = None
    lateness_s: Seconds | None = None
    gap_s: Annotated[float, Field(gt=0, le=MAX_SECONDS)] | None = None
    max_speed_mps: Annotated[float, Field(gt=0)] | None = None
    exit_margin_m: Seconds | None = None
    first_seen: Annotated[FirstSeen, Field(strict=False)] = FirstSeen.ENTER
    cross_within_s: Seconds | None = None


class PingRulesShape(Shape):
    max_age_s: Seconds = 300.0
    max_accuracy_m: Seconds = 75.0
    max_future_s: Seconds = 60.0


class WindowShape(Shape):
    from_: str = Field(alias="from")
    until: str
    days: list[Weekday] | None = None


class QuietWindowShape(Shape):
    """[from, until) on the days on which it starts, `holiday` among them; without channels on all of them."""

    from_: str = Field(alias="from")
    until: str
    days: list[Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun", "holiday"]] | None = None
    channels: list[str] | None = None


class CapShape(Shape):
    id: Id
    scope: Literal["customer", "shop", "campaign", "geofence", "fence", "channel"] | None = None
    kind: Annotated[CapKind, Field(strict=False)]
    limit: Annotated[int, Field(ge=0)] = 1
    window_s: Seconds | None = None
    unit: Annotated[CalendarUnit, Field(strict=False)] | None = None
    week_starts: Weekday | None = None


class HoldoutShape(Shape):
    percent: float
    salt: str


class PolicyShape(Shape):
    """`holidays` names the region whose public holidays `holiday` means, like FR or DE-BE. With `jurisdictions` the
    hours of the countries and states that a customer may be in hold as well; a list of states narrows those of a zone.
    """

    quiet_hours: list[QuietWindowShape] = []
    holidays: str | None = None
    jurisdictions: bool | list[str] = False
    caps: list[CapShape] = []
    holdout: HoldoutShape | None = None
    priorities: Annotated[PriorityScope, Field(strict=False)] = PriorityScope.ACROSS_SHOPS


class SpecialHoursShape(Shape):
    """The hours of one date instead of the week's: `08:00-12:00`, or `off`."""

    on: Day
    hours: str


class ShopShape(Shape):
    id: Id
    name: str | None = None
    lat: float | None = None
    lon: float | None = None
    timezone: str | None = None
    opening_hours: str | None = None
    closed_on: list[Day] = []
    special_hours: list[SpecialHoursShape] = []
    country: str | None = None
    rank: Rank = 0
    deposit: AmountShape | None = None

    @model_validator(mode="after")
    def _has_a_whole_position(self) -> "ShopShape":
        if (self.lat is None) != (self.lon is None):
            raise ValueError("a position needs both lat and lon")
        return self


class CustomerShape(Shape):
    id: Id
    timezone: str | None = None
    tags: list[str] = []
    attributes: dict[str, str] = {}
    suppressed: list[str] = []
    quiet_hours: list[QuietWindowShape] = []
    paused_until: Day | None = None


class ConsentEventShape(Shape):
    """What a customer said, of one purpose."""

    purpose: str
    action: Annotated[ConsentAction, Field(strict=False)]
    at: Instant | None = None
    channel: str | None = None
    sender: Id | None = None
    valid_until: Instant | None = None


class ConsentShape(ConsentEventShape):
    customer_id: Id


class TriggerShape(Shape):
    on: Annotated[Trigger, Field(strict=False)]


class ActiveShape(Shape):
    from_: Instant | None = Field(default=None, alias="from")
    until: Instant | None = None


class ScheduleShape(Shape):
    cron: str
    timezone: str | None = None
    seen_within_s: Seconds | None = None
    within_m: Seconds | None = None
    catch_up_s: Seconds = 0.0


class AudienceShape(Shape):
    tags_any: list[str] = []
    tags_all: list[str] = []
    tags_none: list[str] = []


class OfferShape(Shape):
    text: str
    expires_after_s: Annotated[float, Field(gt=0, le=MAX_SECONDS)] = 1200.0
    voucher: VoucherShape | None = None
    template: TemplateShape | None = None


class VariantShape(Shape):
    """One arm of an A/B test; without an offer it sends the campaign's."""

    name: Annotated[str, StringConstraints(min_length=1, max_length=100)]
    weight: Annotated[int, Field(ge=0, le=10_000)] = 1
    offer: OfferShape | None = None


class BudgetShape(Shape):
    """At most so many messages, and at most so much money by the prices of the campaign's channel."""

    messages: Annotated[int, Field(ge=0)] | None = None
    amount: MoneyShape | None = None


class CampaignShape(Shape):
    id: Id
    name: str | None = None
    shop_id: Id
    geofence_ids: list[Id] | None = None
    trigger: TriggerShape
    state: Annotated[CampaignState, Field(strict=False)] = CampaignState.ACTIVE
    active: ActiveShape = ActiveShape()
    dayparts: list[WindowShape] = []
    schedule: ScheduleShape | None = None
    audience: AudienceShape = AudienceShape()
    channel: str
    channels: list[str] = []
    sender: Id | None = None
    offer: OfferShape
    variants: list[VariantShape] = []
    variant_salt: Id | None = None
    priority: Rank = 0
    klass: Annotated[CampaignClass, Field(strict=False)] = CampaignClass.PROMO
    re_eligibility_s: Seconds = 0.0
    re_eligibility_days: Annotated[int, Field(ge=0, le=10_000)] = 0
    fence_cooldown_s: Seconds = 0.0
    caps: list[CapShape] = []
    budget: BudgetShape = BudgetShape()
    holdout: HoldoutShape | None = None
    on_cap: Literal["drop", "hold"] = "drop"
    on_quiet: Literal["drop", "defer"] = "drop"
    fallback: bool = False


class PingShape(Shape):
    customer_id: Id
    lat: float
    lon: float
    accuracy_m: Seconds | None = None
    recorded_at: Instant | None = None
    ping_id: Id | None = None
    device_id: Id | None = None
    speed_mps: float | None = None


class CampaignActionShape(Shape):
    id: Id
    action: Literal["activate", "pause", "end"]


class SendShape(Shape):
    """A message that somebody else sent, or that was sent before the scenario begins."""

    campaign_id: Id
    status: Literal[
        "queued", "claimed", "sending", "accepted", "held", "sent", "delivered", "read", "failed", "unknown",
        "cancelled", "expired", "bounced", "transactional", "ghost",
    ]  # fmt: skip
    shop_id: Id | None = None
    geofence_id: Id | None = None
    channel: str | None = None


class PriorSendShape(SendShape):
    customer_id: Id


class EventShape(Shape):
    """Exactly one thing that happens at one instant."""

    at: Instant
    ping: PingShape | None = None
    consent: ConsentShape | None = None
    geofence_put: dict[str, Any] | None = None
    geofence_delete: Id | None = None
    campaign: CampaignActionShape | None = None
    prior_send: PriorSendShape | None = None

    @model_validator(mode="after")
    def _is_one_thing(self) -> "EventShape":
        kinds = ("ping", "consent", "geofence_put", "geofence_delete", "campaign", "prior_send")
        named = [kind for kind in kinds if getattr(self, kind) is not None]
        if len(named) != 1:
            raise ValueError(f"an event is one of {', '.join(kinds)}; this one has {', '.join(named) or 'none'}")
        return self


class DispatchShape(Shape):
    """How long the dispatcher takes to reach a queued message."""

    delay_s: Seconds = 0.0


class ControllerShape(Shape):
    """Who answers for the data of a tenant's customers, and their data protection officer, for the record of processing
    and the impact assessment. What is left out is not stated there.
    """

    name: Said | None = None
    address: Said | None = None
    contact: Said | None = None
    dpo: Said | None = None


class ReminderShape(Shape):
    """How often customers are reminded of what they agreed to, and whether an overdue reminder blocks messages."""

    every_days: Annotated[float, Field(gt=0, le=10_000)] = 365.0
    blocks: bool = False


class ThrottleShape(Shape):
    """How many messages may leave through a channel, for one sender or for all together."""

    channel: str
    sender: str | None = None
    per_s: Annotated[float, Field(gt=0)] | None = None
    per_min: Annotated[float, Field(gt=0)] | None = None
    burst: Annotated[int, Field(ge=1)] = 1


class SettingsShape(Shape):
    """The rules of one tenant."""

    tenant: TenantShape = TenantShape()
    presence: PresenceShape = PresenceShape()
    ping_rules: PingRulesShape = PingRulesShape()
    policy: PolicyShape = PolicyShape()
    dispatch: DispatchShape = DispatchShape()
    controller: ControllerShape = ControllerShape()
    consent_reminder: ReminderShape | None = None
    throttles: list[ThrottleShape] = []
    retention: RetentionShape = RetentionShape()
    billing: BillingShape = BillingShape()


class PlatformShape(Shape):
    """What holds for all tenants of an installation."""

    quiet_hours: list[QuietWindowShape] = []


class ScenarioShape(SettingsShape):
    """A whole case: who is there, what holds, what happens."""

    platform: PlatformShape = PlatformShape()
    shops: list[ShopShape] = []
    geofences: str | dict[str, Any] | None = None
    sensitive_places: dict[str, Any] | None = None
    customers: list[CustomerShape] = []
    consents: list[ConsentShape] = []
    campaigns: list[CampaignShape] = []
    events: list[EventShape] = []


def read_scenario(path: Path) -> ScenarioShape:
    """The scenario in a YAML or JSON file; InvalidInput names the path inside it and the value that is wrong."""
    document = read_document(path)
    if not isinstance(document, dict):
        raise InvalidInput("a scenario is a mapping", place=str(path))
    try:
        return ScenarioShape.model_validate(document)
    except ValidationError as error:
        raise InvalidInput(_first_fault(error), place=str(path)) from None


def _first_fault(error: ValidationError) -> str:
    """The first fault as `path: message (value)`, and how many more there are."""
    faults = error.errors(include_url=False)
    first = faults[0]
    path = dotted(first["loc"])
    if first["type"] == "extra_forbidden":
        said = "unknown key"
    elif first["type"] == "missing":
        said = "is missing"
    else:
        said = first["msg"].removeprefix("Value error, ")
        shown = "" if isinstance(first["input"], dict | list) else repr(first["input"])
        said += "" if shown in said else f" (got {shown[:80]})"
    more = f"; and {len(faults) - 1} more" if len(faults) > 1 else ""
    return f"{path}: {said}{more}" if path else f"{said}{more}"


def dotted(loc: tuple[str | int, ...]) -> str:
    """("campaigns", 0, "offer") as campaigns[0].offer."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in loc)
    return text.removeprefix(".")


def placed(place: str, build: Callable[[], Any]) -> Any:
    """What `build` makes; its complaints lead to `place`."""
    try:
        return build()
    except InvalidInput as error:
        raise error.within(place) from error
