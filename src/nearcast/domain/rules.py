"""The rule book: one function per rule, each saying what it saw and what it makes of it.

A rule sees a `Case` and nothing else. RULES is the order in which the first refusal gives the reason
(campaigns reference §5.1; suppression before consent).
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from functools import cached_property
from typing import Any, TypeAlias
from zoneinfo import ZoneInfo

from nearcast.domain.campaign import Campaign, CampaignState, Trigger, WhenHeld
from nearcast.domain.consent import LOCATION, NEARBY, ConsentEvent, ConsentStatus, consent_state
from nearcast.domain.customer import Customer, Shop
from nearcast.domain.ids import CampaignId, GeofenceId, MessageId, ShopId, VisitId
from nearcast.domain.policy import CapKind, CapScope, FrequencyCap, Holdout, Policy
from nearcast.domain.reason import Reason


class Gate(StrEnum):
    """QUEUE: may a message be queued? DISPATCH: may a queued one still go, its own reservation and ping aside?"""

    QUEUE = "queue"
    DISPATCH = "dispatch"


class ZoneSource(StrEnum):
    PING_LOCATION = "ping_location"
    CUSTOMER_PROFILE = "customer_profile"
    LAST_LOCATION = "last_location"
    TENANT_DEFAULT = "tenant_default"


@dataclass(frozen=True, slots=True, kw_only=True)
class PingEvidence:
    """What is kept of the ping behind a transition: no position, only what rules need. `key` tells pings apart."""

    key: str
    recorded_at: datetime
    accuracy_m: float
    zone: ZoneInfo | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """One opportunity of one campaign. `no_opportunity` is for `explain`: why there was none at that instant.

    At DISPATCH `at` is the instant of queueing, and it carries its message's id and the expiry promised then.
    """

    campaign: Campaign
    shop: Shop
    opportunity_id: str
    trigger: Trigger
    at: datetime
    geofence_id: GeofenceId | None = None
    visit_id: VisitId | None = None
    ping: PingEvidence | None = None
    distance_m: float | None = None
    message_id: MessageId | None = None
    expires_at: datetime | None = None
    no_opportunity: Reason | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Send:
    """A message that takes up a slot, seen from the rules. A ghost is one that a hold-out kept from being sent.

    `at` is the instant of sending, before that the instant of queueing, while it `is_waiting`; `decided_at` is None for
    messages that nearcast did not decide.
    """

    campaign_id: CampaignId
    at: datetime
    shop_id: ShopId | None = None
    geofence_id: GeofenceId | None = None
    channel: str | None = None
    is_ghost: bool = False
    decided_at: datetime | None = None
    message_id: MessageId | None = None
    is_waiting: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """All that is known of one customer at one instant. `consents` are in ledger order; `budget_used` counts messages
    by campaign.
    """

    customer: Customer
    tenant_zone: ZoneInfo
    consents: tuple[ConsentEvent, ...] = ()
    sends: tuple[Send, ...] = ()
    budget_used: Mapping[CampaignId, int] = field(default_factory=dict)
    last_zone: ZoneInfo | None = None


@dataclass(frozen=True, kw_only=True)
class Case:
    """One candidate before the rules. What several rules ask of it is worked out once."""

    candidate: Candidate
    facts: Facts
    policy: Policy
    now: datetime
    gate: Gate

    @property
    def campaign(self) -> Campaign:
        return self.candidate.campaign

    @property
    def expires_at(self) -> datetime:
        return self.candidate.expires_at or self.now + timedelta(seconds=self.campaign.offer.expires_after_s)

    @cached_property
    def zones(self) -> list[tuple[ZoneInfo, ZoneSource]]:
        """Every zone that may be the customer's, the best known first; the tenant's where nothing else is known."""
        ping = self.candidate.ping if self.gate is Gate.QUEUE else None
        known = [
            (ping.zone if ping else None, ZoneSource.PING_LOCATION),
            (self.facts.customer.zone, ZoneSource.CUSTOMER_PROFILE),
            (self.facts.last_zone if ping is None or ping.zone is None else None, ZoneSource.LAST_LOCATION),
        ]
        found = [
            (zone, source) for n, (zone, source) in enumerate(known) if zone and zone not in [z for z, _ in known[:n]]
        ]
        return found or [(self.facts.tenant_zone, ZoneSource.TENANT_DEFAULT)]

    @cached_property
    def held_out_by(self) -> tuple[Holdout, Reason] | None:
        """The hold-out that this customer is in, whatever else is decided. Service messages are never held out."""
        if self.campaign.klass == "service":
            return None
        for holdout, reason in (
            (self.policy.holdout, Reason.HOLDOUT_GLOBAL),
            (self.campaign.holdout, Reason.HOLDOUT_CAMPAIGN),
        ):
            if holdout and holdout.holds_out(self.facts.customer.id):
                return holdout, reason
        return None

    @cached_property
    def sends(self) -> list[Send]:
        """The messages that count here: ghosts only for a customer who is held out here, too; not this message, nor
        those queued after it that still wait, for its reservation came first.
        """
        ghosts_count = self.held_out_by is not None
        return [send for send in self.facts.sends if (ghosts_count or not send.is_ghost) and not self._is_behind(send)]

    def _is_behind(self, send: Send) -> bool:
        own = self.candidate.message_id
        if own is None or send.message_id is None or send.decided_at is None:
            return False
        later = send.is_waiting and (send.decided_at, send.message_id) > (self.candidate.at, own)
        return later or send.message_id == own


@dataclass(frozen=True, slots=True)
class Finding:
    """What a rule saw. No reason: passed. `until` is when it would pass by itself; None where it never would.

    `holds` asks to wait until then instead of refusing. `zone` is the one that a local-time rule decided by.
    """

    rule: str
    detail: Mapping[str, Any]
    reason: Reason | None = None
    until: datetime | None = None
    holds: bool = False
    zone: tuple[ZoneInfo, ZoneSource] | None = None


Rule: TypeAlias = Callable[[Case], Iterator[Finding]]

_ENDLESS = timedelta(days=366)


def findings_of(rule: Rule, case: Case) -> tuple[Finding, ...]:
    """What a rule found; a rule that nobody set passes and saw nothing."""
    return tuple(rule(case)) or (Finding(rule.__name__, {}),)


def location_consent(case: Case) -> Iterator[Finding]:
    state = consent_state(case.facts.consents, LOCATION, now=case.now)
    reasons = {ConsentStatus.LIVE: None, ConsentStatus.EXPIRED: Reason.CONSENT_LOCATION_EXPIRED}
    reason = reasons.get(state.status, Reason.CONSENT_LOCATION_MISSING)
    yield Finding("location_consent", {"status": state.status, "event_ids": state.event_ids}, reason)


def ping_quality(case: Case) -> Iterator[Finding]:
    ping, rules = case.candidate.ping, case.policy.ping_rules
    if ping is None or case.gate is Gate.DISPATCH:
        return
    if case.candidate.trigger is not Trigger.SCHEDULE:  # a run has its own limit, seen_within_s
        age_s = (case.now - ping.recorded_at).total_seconds()
        stale = Reason.PING_STALE if age_s > rules.max_age_s else None
        yield Finding("ping_age", {"age_s": age_s, "max_age_s": rules.max_age_s}, stale)
    coarse = Reason.PING_INACCURATE if ping.accuracy_m > rules.max_accuracy_m else None
    yield Finding("ping_accuracy", {"accuracy_m": ping.accuracy_m, "max_accuracy_m": rules.max_accuracy_m}, coarse)


def spatial(case: Case) -> Iterator[Finding]:
    candidate, ping = case.candidate, case.candidate.ping
    timezone = ping.zone.key if ping and ping.zone else None
    detail = {"trigger": candidate.trigger, "geofence_id": candidate.geofence_id, "timezone": timezone}
    yield Finding("spatial", detail, candidate.no_opportunity)


def campaign_state(case: Case) -> Iterator[Finding]:
    active = case.campaign.state is CampaignState.ACTIVE
    yield Finding("campaign_state", {"state": case.campaign.state}, None if active else Reason.CAMPAIGN_INACTIVE)


def campaign_window(case: Case) -> Iterator[Finding]:
    start, end = case.campaign.active_from, case.campaign.active_until
    too_early = start is not None and case.now < start
    outside = too_early or (end is not None and case.now >= end)
    reason = Reason.OUTSIDE_WINDOW if outside else None
    yield Finding("campaign_window", {"from": start, "until": end}, reason, until=start if too_early else None)


def daypart(case: Case) -> Iterator[Finding]:
    hours, zone = case.campaign.dayparts, case.candidate.shop.zone
    if hours is None:
        return
    inside = hours.covers(case.now, zone)
    opens_at = None if inside else hours.next_start(case.now, zone)
    reason = None if inside else Reason.OUTSIDE_DAYPART
    yield Finding("daypart", {"timezone": zone.key, "next_start": opens_at}, reason, until=opens_at)


def shop_open(case: Case) -> Iterator[Finding]:
    shop = case.candidate.shop
    if shop.opening_hours is None and not shop.closed_on:
        return
    hours = shop.hours
    inside = hours.covers(case.now, shop.zone)
    opens_at = None if inside else hours.next_start(case.now, shop.zone)
    detail = {"opening_hours": shop.opening_hours and shop.opening_hours.text, "next_start": opens_at}
    yield Finding("shop_open", detail, None if inside else Reason.SHOP_CLOSED, until=opens_at)


def suppression(case: Case) -> Iterator[Finding]:
    listed = case.campaign.channel in case.facts.customer.suppressed
    yield Finding("suppression", {"listed": listed}, Reason.SUPPRESSED_ADDRESS if listed else None)


def marketing_consent(case: Case) -> Iterator[Finding]:
    campaign = case.campaign
    state = consent_state(case.facts.consents, NEARBY, channel=campaign.channel, sender=campaign.sender, now=case.now)
    reason = {
        ConsentStatus.MISSING: Reason.CONSENT_MARKETING_MISSING,
        ConsentStatus.UNCONFIRMED: Reason.CONSENT_UNCONFIRMED,
        ConsentStatus.EXPIRED: Reason.CONSENT_MARKETING_EXPIRED,
        ConsentStatus.WITHDRAWN: Reason.CONSENT_WITHDRAWN,
        ConsentStatus.LIVE: None,
    }[state.status]
    detail = {
        "status": state.status,
        "channel": campaign.channel,
        "sender": campaign.sender,
        "event_ids": state.event_ids,
        "valid_until": state.valid_until,
    }
    yield Finding("marketing_consent", detail, reason)


def audience(case: Case) -> Iterator[Finding]:
    campaign, tags = case.campaign, case.facts.customer.tags
    if not (campaign.audience_any or campaign.audience_all or campaign.audience_none):
        return
    fits = (
        (not campaign.audience_any or bool(tags & campaign.audience_any))
        and tags >= campaign.audience_all
        and not tags & campaign.audience_none
    )
    yield Finding("audience", {"tags": sorted(tags)}, None if fits else Reason.NOT_IN_AUDIENCE)


def fence_cooldown(case: Case) -> Iterator[Finding]:
    fence = case.candidate.geofence_id
    if fence is None or not case.campaign.fence_cooldown_s:
        return
    sent = [send.at for send in case.sends if send.geofence_id == fence]
    yield _rest("fence_cooldown", Reason.FENCE_COOLDOWN, sent, case.campaign.fence_cooldown_s, case.now)


def re_eligibility(case: Case) -> Iterator[Finding]:
    if case.campaign.re_eligibility_s:
        sent = [send.at for send in case.sends if send.campaign_id == case.campaign.id]
        yield _rest("re_eligibility", Reason.RE_ELIGIBILITY, sent, case.campaign.re_eligibility_s, case.now)


def _rest(rule: str, reason: Reason, sent_at: list[datetime], rest_s: float, now: datetime) -> Finding:
    last = max(sent_at, default=None)
    until = None if last is None else last + timedelta(seconds=rest_s)
    if until is None or now >= until:
        return Finding(rule, {"last_sent_at": last, "rest_s": rest_s})
    return Finding(rule, {"last_sent_at": last, "rest_s": rest_s, "until": until}, reason, until=until)


def quiet_hours(case: Case) -> Iterator[Finding]:
    hours = case.policy.quiet_hours
    if not hours.windows:
        return
    quiet = [zone for zone in case.zones if hours.covers(case.now, zone[0])]
    detail: dict[str, Any] = {"timezones": [zone.key for zone, _ in case.zones]}
    if not quiet:
        yield Finding("quiet_hours", detail)
        return
    quiet_until = case.now
    # the end in one zone may lie inside the quiet hours of another
    while ends := [end for zone, _ in case.zones if (end := hours.until(quiet_until, zone))]:
        quiet_until = max(ends)
        if quiet_until - case.now > _ENDLESS:
            break
    detail["until"] = quiet_until
    reason, defers = Reason.QUIET_HOURS, case.campaign.on_quiet is WhenHeld.DEFER
    if defers and case.expires_at <= quiet_until:
        reason, defers = Reason.EXPIRES_BEFORE_QUIET_END, False
    yield Finding("quiet_hours", detail, reason, until=quiet_until, holds=defers, zone=quiet[0])


_CAP_REASONS = {
    CapKind.ROLLING: Reason.CAP_ROLLING,
    CapKind.CALENDAR: Reason.CAP_CALENDAR,
    CapKind.MIN_GAP: Reason.CAP_MIN_GAP,
}


def frequency_caps(case: Case) -> Iterator[Finding]:
    zone = case.zones[0][0]
    caps = [(f"cap {cap.id}", cap) for cap in case.policy.caps]
    caps += [(f"campaign cap {cap.id}", cap) for cap in case.campaign.caps]
    for name, cap in caps:
        in_scope = _in_scope(cap, case.candidate)
        if in_scope is None:
            continue
        counted = cap.counted([send.at for send in case.sends if in_scope(send)], case.now, zone)
        detail = {"scope": cap.scope, "kind": cap.kind, "limit": cap.limit, "count": len(counted)}
        if len(counted) < cap.limit:
            yield Finding(name, detail)
            continue
        free_at = cap.free_at(counted, case.now, zone)
        holds = case.campaign.on_cap is WhenHeld.DEFER and free_at is not None and free_at < case.expires_at
        detail["free_at"] = free_at
        yield Finding(name, detail, _CAP_REASONS[cap.kind], until=free_at, holds=holds)


def _in_scope(cap: FrequencyCap, candidate: Candidate) -> Callable[[Send], bool] | None:
    campaign = candidate.campaign
    match cap.scope:
        case CapScope.CUSTOMER:
            return lambda send: True
        case CapScope.SHOP:
            return lambda send: send.shop_id == campaign.shop_id
        case CapScope.CAMPAIGN:
            return lambda send: send.campaign_id == campaign.id
        case CapScope.CHANNEL:
            return lambda send: send.channel == campaign.channel
        case CapScope.GEOFENCE:
            fence = candidate.geofence_id
            return (lambda send: send.geofence_id == fence) if fence is not None else None


def budget(case: Case) -> Iterator[Finding]:
    limit = case.campaign.budget_messages
    if limit is None:
        return
    reserved_here = 1 if case.gate is Gate.DISPATCH else 0
    used = case.facts.budget_used.get(case.campaign.id, 0) - reserved_here
    yield Finding("budget", {"limit": limit, "used": used}, Reason.BUDGET_EXHAUSTED if used >= limit else None)


RULES: tuple[Rule, ...] = (
    location_consent,
    ping_quality,
    spatial,
    campaign_state,
    campaign_window,
    daypart,
    shop_open,
    suppression,
    marketing_consent,
    audience,
    fence_cooldown,
    re_eligibility,
    quiet_hours,
    frequency_caps,
    budget,
)
