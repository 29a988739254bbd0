"""A scenario's words become the domain's values; what does not fit is refused with its place in the file."""

from collections.abc import Callable, Collection, Container, Iterable, Mapping
from dataclasses import replace
from datetime import date, timedelta
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias
from zoneinfo import ZoneInfo

from nearcast.domain.campaign import Campaign, MoneyBudget, Offer, Schedule, Split, Trigger, Variant, WhenHeld
from nearcast.domain.consent import ConsentAction, ConsentEvent
from nearcast.domain.customer import Customer, Shop
from nearcast.domain.errors import InvalidInput
from nearcast.domain.geofence import Geofence
from nearcast.domain.ids import CampaignId, CustomerId, GeofenceId, ShopId, TenantId
from nearcast.domain.local_time import WEEKDAYS, LocalHours, LocalWindow, zone
from nearcast.domain.opening_hours import OpeningHours, windows_on
from nearcast.domain.policy import CapScope, ConsentReminder, FrequencyCap, Holdout, PingRules, Policy
from nearcast.domain.position import Position
from nearcast.domain.sending import Purpose
from nearcast.domain.throttle import Throttle
from nearcast.domain.visit import RAW, ROBUST, PresenceRules
from nearcast.geo.validate import geofences_from_collection
from nearcast.services.billing import price_table
from nearcast.services.geofences import GeofenceBook
from nearcast.services.price_bounds import most_prices
from nearcast.services.public_holidays import PublicHolidays
from nearcast.services.quiet_hours import customers_quiet_hours, quiet_hours_of
from nearcast.services.runs import check_cron
from nearcast.services.scenario import (
    CampaignShape,
    CapShape,
    ConsentShape,
    HoldoutShape,
    OfferShape,
    PresenceShape,
    ReminderShape,
    ScenarioShape,
    ShopShape,
    ThrottleShape,
    VariantShape,
    WindowShape,
    placed,
)
from nearcast.services.sensitive_book import SensitiveBook, sensitive_places
from nearcast.services.world import CampaignBook, Tenant, World

GeofenceReader: TypeAlias = Callable[[Path], list[Geofence]]


def assemble(
    shape: ScenarioShape,
    path: Path,
    read_geofences: GeofenceReader,
    note: Callable[[str], None],
    *,
    repair: bool,
    known: Collection[str] = (),
) -> World:
    """The world at the beginning of a scenario, before its events. InvalidInput names the path inside the file.

    `known` are geofences that exist elsewhere and that campaigns may name.
    """
    try:
        return _Assembly(shape, path, read_geofences, note, repair).world(known)
    except InvalidInput as error:
        raise error if error.place.startswith(str(path)) else error.within(str(path)) from error


class _Assembly:
    def __init__(
        self,
        shape: ScenarioShape,
        path: Path,
        read_geofences: GeofenceReader,
        note: Callable[[str], None],
        repair: bool,
    ) -> None:
        self.shape, self.path, self.read_geofences, self.note, self.repair = shape, path, read_geofences, note, repair
        self.zone: ZoneInfo = placed("tenant.timezone", lambda: zone(shape.tenant.timezone))
        self.shops: dict[ShopId, Shop] = _by_id("shops", (self._shop(n) for n in range(len(shape.shops))))

    def world(self, known: Collection[str]) -> World:
        shape = self.shape
        customers = _by_id("customers", (self._customer(n) for n in range(len(shape.customers))))
        geofences = GeofenceBook(self._geofences(), self.zone_of_shop)
        coming = {str(_feature_id(e.geofence_put)) for e in shape.events if e.geofence_put is not None} | set(known)
        campaigns = _by_id("campaigns", (self._campaign(n, geofences, coming) for n in range(len(shape.campaigns))))
        rules = shape.ping_rules
        policy = Policy(
            quiet_hours=quiet_hours_of(shape.platform, shape.policy),
            caps=_caps(shape.policy.caps, "policy.caps", CapScope.CUSTOMER),
            holdout=_holdout(shape.policy.holdout, "policy.holdout"),
            priorities=shape.policy.priorities,
            ping_rules=PingRules(
                max_age_s=rules.max_age_s, max_accuracy_m=rules.max_accuracy_m, max_future_s=rules.max_future_s
            ),
            consent_reminder=_reminder(shape.consent_reminder),
        )
        tenant = Tenant(
            id=TenantId(shape.tenant.id),
            zone=self.zone,
            policy=policy,
            presence=_presence(shape.presence),
            dispatch_delay_s=shape.dispatch.delay_s,
            throttles=_throttles(shape.throttles),
        )
        return World(
            tenant=tenant,
            shops=self.shops,
            campaigns=CampaignBook(campaigns),
            customers=customers,
            geofences=geofences,
            sensitive=SensitiveBook(sensitive_places(shape.sensitive_places, place="sensitive_places")),
        )

    def zone_of_shop(self, shop_id: ShopId | None) -> ZoneInfo:
        """Whose wall clock a geofence's active hours are read by: its shop's, else the tenant's."""
        shop = self.shops.get(shop_id) if shop_id is not None else None
        return shop.zone if shop else self.zone

    def _shop(self, n: int) -> Shop:
        shape, place = self.shape.shops[n], f"shops[{n}]"
        said = shape.opening_hours
        hours = placed(f"{place}.opening_hours", lambda: OpeningHours.parse(said)) if said else None
        lat, lon = shape.lat, shape.lon
        return Shop(
            id=ShopId(shape.id),
            name=shape.name or shape.id,
            zone=_zone(shape.timezone, f"{place}.timezone") or self.zone,
            position=placed(place, lambda: Position(lat, lon)) if lat is not None and lon is not None else None,
            opening_hours=hours,
            closed_on=frozenset(shape.closed_on),
            hours_on=_hours_on(shape, place),
            holidays=_holidays(shape, hours, place),
            rank=shape.rank,
        )

    def _customer(self, n: int) -> Customer:
        shape = self.shape.customers[n]
        return Customer(
            id=CustomerId(shape.id),
            zone=_zone(shape.timezone, f"customers[{n}].timezone"),
            tags=frozenset(shape.tags),
            attributes=shape.attributes,
            suppressed=frozenset(shape.suppressed),
            quiet_hours=customers_quiet_hours(shape.quiet_hours, place=f"customers[{n}].quiet_hours"),
            paused_until=shape.paused_until,
        )

    def _geofences(self) -> list[Geofence]:
        source = self.shape.geofences
        if source is None:
            return []
        if isinstance(source, str):
            return self.read_geofences(self.path.parent / source)
        return geofences_from_collection(source, place="geofences", repair=self.repair, note=self.note)

    def _campaign(self, n: int, geofences: GeofenceBook, coming: set[str]) -> Campaign:
        shape, place = self.shape.campaigns[n], f"campaigns[{n}]"
        if shape.shop_id not in self.shops:
            raise InvalidInput(f"there is no shop {shape.shop_id!r}", place=f"{place}.shop_id")
        for k, geofence_id in enumerate(shape.geofence_ids or ()):
            if GeofenceId(geofence_id) not in geofences and geofence_id not in coming:
                raise InvalidInput(f"there is no geofence {geofence_id!r}", place=f"{place}.geofence_ids[{k}]")
        build: Callable[[], Campaign] = lambda: self._as_campaign(shape, place)  # noqa: E731 - a thunk to place errors
        campaign: Campaign = placed(place, build)
        return campaign

    def _as_campaign(self, shape: CampaignShape, place: str) -> Campaign:
        ids = shape.geofence_ids
        return Campaign(
            id=CampaignId(shape.id),
            shop_id=ShopId(shape.shop_id),
            trigger=shape.trigger.on,
            channel=shape.channel,
            channels=_channels(shape),
            sender=shape.sender or self.shape.tenant.id,
            offer=_offer(shape.offer),
            split=_split(shape),
            geofence_ids=frozenset(map(GeofenceId, ids)) if ids else None,
            state=shape.state,
            active_from=shape.active.from_,
            active_until=shape.active.until,
            dayparts=_hours(shape.dayparts, "dayparts"),
            schedule=self._schedule(shape),
            audience_any=frozenset(shape.audience.tags_any),
            audience_all=frozenset(shape.audience.tags_all),
            audience_none=frozenset(shape.audience.tags_none),
            priority=shape.priority,
            klass=shape.klass,
            re_eligibility_s=shape.re_eligibility_s,
            re_eligibility_days=shape.re_eligibility_days,
            fence_cooldown_s=shape.fence_cooldown_s,
            caps=_caps(shape.caps, "caps", CapScope.CAMPAIGN),
            budget_messages=shape.budget.messages,
            budget_money=self._money(shape),
            holdout=_holdout(shape.holdout, "holdout"),
            on_cap=WhenHeld.DEFER if shape.on_cap == "hold" else WhenHeld.DROP,
            on_quiet=WhenHeld.DEFER if shape.on_quiet == "defer" else WhenHeld.DROP,
            is_fallback=shape.fallback,
        )

    def _money(self, shape: CampaignShape) -> MoneyBudget | None:
        said = shape.budget.amount
        if said is None:
            return None
        each = price_table(self.shape.billing).highest(shape.channel, Purpose.MARKETING, said.currency)
        if each is None:
            raise InvalidInput(
                f"no price of channel {shape.channel!r} is known in {said.currency}: name it in billing.prices",
                place="budget.amount",
            )
        split = _split(shape)
        offers = [_offer(shape.offer), *(one.offer for one in (split.variants if split else ()) if one.offer)]
        most = most_prices(shape.channel, offers, self.shops[ShopId(shape.shop_id)].name)
        return MoneyBudget(said.as_money(), each.times(most))

    def _schedule(self, shape: CampaignShape) -> Schedule | None:
        schedule = shape.schedule
        if schedule is None:
            return None
        placed("schedule.cron", lambda: check_cron(schedule.cron))
        shop = self.shops[ShopId(shape.shop_id)]
        if schedule.within_m is not None and shop.position is None and shape.trigger.on is Trigger.SCHEDULE:
            raise InvalidInput(f"shop {shop.id!r} has no position to measure from", place="schedule.within_m")
        return Schedule(
            cron=schedule.cron,
            zone=_zone(schedule.timezone, "schedule.timezone") or shop.zone,
            seen_within_s=schedule.seen_within_s,
            within_m=schedule.within_m,
            catch_up_s=schedule.catch_up_s,
        )


def consent_event(shape: ConsentShape, tenant: TenantId, event_id: str, *, place: str) -> ConsentEvent:
    """A ledger event; `at` must be known by now. The sender defaults to the tenant, except that a withdrawal without
    one covers all.
    """
    if shape.at is None:
        raise InvalidInput("is missing", place=f"{place}.at")
    at = shape.at
    default_sender = None if shape.action is ConsentAction.WITHDRAWN else tenant
    event: ConsentEvent = placed(
        place,
        lambda: ConsentEvent(
            event_id=event_id,
            customer_id=CustomerId(shape.customer_id),
            purpose=shape.purpose,
            action=shape.action,
            at=at,
            channel=shape.channel,
            sender=shape.sender or default_sender,
            valid_until=shape.valid_until,
        ),
    )
    return event


def _feature_id(feature: Mapping[str, Any]) -> object:
    properties = feature.get("properties")
    inner = properties.get("id") if isinstance(properties, Mapping) else None
    return feature.get("id") if inner is None else inner


def _by_id(kind: str, items: Iterable[Any]) -> dict[Any, Any]:
    found: dict[Any, Any] = {}
    places: dict[Any, int] = {}
    for n, item in enumerate(items):
        if item.id in found:
            raise InvalidInput(f"id {item.id!r} is already that of {kind}[{places[item.id]}]", place=f"{kind}[{n}].id")
        found[item.id], places[item.id] = item, n
    return found


def _zone(name: str | None, place: str) -> ZoneInfo | None:
    found: ZoneInfo | None = placed(place, lambda: zone(name)) if name is not None else None
    return found


def _throttles(shapes: list[ThrottleShape]) -> tuple[Throttle, ...]:
    found: dict[tuple[str, str | None], Throttle] = {}
    for n, shape in enumerate(shapes):
        place, key = f"throttles[{n}]", (shape.channel, shape.sender)
        if (shape.per_s is None) == (shape.per_min is None):
            raise InvalidInput("names one of per_s and per_min", place=place)
        if key in found:
            raise InvalidInput(f"there is one before for channel {shape.channel!r} and this sender", place=place)
        per_s = shape.per_s if shape.per_s is not None else (shape.per_min or 0.0) / 60
        found[key] = Throttle(channel=shape.channel, sender=shape.sender, per_s=per_s, burst=shape.burst)
    return tuple(found.values())


def _hours(shapes: list[WindowShape], place: str) -> LocalHours | None:
    windows: list[LocalWindow] = []
    for n, shape in enumerate(shapes):
        days = frozenset(WEEKDAYS.index(day) for day in shape.days or WEEKDAYS)
        windows.append(placed(f"{place}[{n}]", lambda s=shape, d=days: LocalWindow.parse(s.from_, s.until, d)))  # type: ignore[misc]
    return LocalHours(tuple(windows)) if windows else None


def _caps(shapes: list[CapShape], place: str, default_scope: CapScope) -> tuple[FrequencyCap, ...]:
    caps = (placed(f"{place}[{n}]", lambda s=shape: _cap(s, default_scope)) for n, shape in enumerate(shapes))  # type: ignore[misc]
    return tuple(_by_id(place, caps).values())


def _cap(shape: CapShape, default_scope: CapScope) -> FrequencyCap:
    scope = "geofence" if shape.scope == "fence" else shape.scope
    return FrequencyCap(
        id=shape.id,
        scope=CapScope(scope) if scope else default_scope,
        kind=shape.kind,
        limit=shape.limit,
        window_s=shape.window_s,
        unit=shape.unit,
        week_starts=None if shape.week_starts is None else WEEKDAYS.index(shape.week_starts),
    )


def _holdout(shape: HoldoutShape | None, place: str) -> Holdout | None:
    found: Holdout | None = placed(place, lambda: Holdout(shape.percent, shape.salt)) if shape else None
    return found


def _reminder(shape: ReminderShape | None) -> ConsentReminder | None:
    return None if shape is None else ConsentReminder(timedelta(days=shape.every_days), shape.blocks)


def _holidays(shape: ShopShape, hours: OpeningHours | None, place: str) -> Container[date]:
    """The public holidays where a shop stands, if its opening hours speak of them."""
    if hours is None or hours.on_holidays is None:
        return frozenset()
    if shape.country is None:
        raise InvalidInput("is needed where opening_hours speak of PH", place=f"{place}.country")
    found: Container[date] = placed(f"{place}.country", partial(PublicHolidays.of, shape.country))
    return found


def _hours_on(shape: ShopShape, place: str) -> dict[date, tuple[LocalWindow, ...]]:
    """The hours of single dates."""
    found: dict[date, tuple[LocalWindow, ...]] = {}
    for n, special in enumerate(shape.special_hours):
        if special.on in shape.closed_on:
            raise InvalidInput(f"{special.on} is in closed_on", place=f"{place}.special_hours[{n}].on")
        found[special.on] = placed(f"{place}.special_hours[{n}].hours", partial(windows_on, special.hours))
    return found


def _offer(shape: OfferShape) -> Offer:
    voucher = shape.voucher.as_terms() if shape.voucher else None
    template = shape.template.as_template() if shape.template else None
    return Offer(text=shape.text, expires_after_s=shape.expires_after_s, voucher=voucher, template=template)


def _channels(shape: CampaignShape) -> tuple[str, ...]:
    if shape.channels and (shape.channels[0] != shape.channel or len(set(shape.channels)) < len(shape.channels)):
        raise InvalidInput(f"begin with channel, {shape.channel!r}, and name each once", place="channels")
    return tuple(shape.channels)


def _split(shape: CampaignShape) -> Split | None:
    if not shape.variants:
        return None
    variants = (placed(f"variants[{n}].offer", partial(_variant, each)) for n, each in enumerate(shape.variants))
    salt = shape.variant_salt or f"variant:{shape.id}:v1"
    split: Split = placed("variants", partial(Split, salt, tuple(variants)))
    return split


def _variant(shape: VariantShape) -> Variant:
    return Variant(name=shape.name, weight=shape.weight, offer=_offer(shape.offer) if shape.offer else None)


def _presence(shape: PresenceShape) -> PresenceRules:
    said = {key: value for key, value in shape.model_dump(exclude={"profile"}).items() if value is not None}
    return replace(ROBUST if shape.profile == "robust" else RAW, **said)
