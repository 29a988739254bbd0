"""The rule book: one function per rule, each saying what it saw and what it makes of it.

A rule sees a `Case` and nothing else. RULES is the order in which the first refusal gives the reason
(campaigns reference §5.1; suppression before consent).
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any, TypeAlias
from zoneinfo import ZoneInfo

from nearcast.domain.campaign import NOTHING_SPENT, CampaignState, Trigger, WhenHeld
from nearcast.domain.case import Candidate, Case, Finding, Gate, Send
from nearcast.domain.consent import LOCATION, NEARBY, ConsentState, ConsentStatus, consent_state
from nearcast.domain.local_time import instant, local_day
from nearcast.domain.policy import CapKind, CapScope, FrequencyCap
from nearcast.domain.price import Money
from nearcast.domain.quiet_hours import Silence, silence
from nearcast.domain.reason import Reason

Rule: TypeAlias = Callable[[Case], Iterator[Finding]]


def add_findings(findings: list[Finding], rule: Rule, case: Case) -> None:
    """Add what a rule found; a rule that nobody set passes and saw nothing."""
    before = len(findings)
    findings.extend(rule(case))
    if len(findings) == before:
        findings.append(_SAW_NOTHING[rule])


_LOCATION_REASONS = {ConsentStatus.LIVE: None, ConsentStatus.EXPIRED: Reason.CONSENT_LOCATION_EXPIRED}


def location_consent(case: Case) -> Iterator[Finding]:
    state = consent_state(case.facts.consents, LOCATION, now=case.consents_as_of)
    reason = _LOCATION_REASONS.get(state.status, Reason.CONSENT_LOCATION_MISSING)
    seen, overdue = _reminder(case, state, Reason.CONSENT_LOCATION_EXPIRED)
    detail = {"status": state.status, "event_ids": state.event_ids, **seen}
    yield Finding("location_consent", detail, reason or overdue)


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
    yield Finding("spatial", detail)


def place_policy(case: Case) -> Iterator[Finding]:
    over = case.candidate.sensitive
    if over is not None:
        yield Finding("place_policy", {"category": over.category, "place_id": over.place_id}, Reason.SENSITIVE_LOCATION)


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
    if shop.opening_hours is None and not shop.closed_on and not shop.hours_on:
        return
    hours = shop.hours
    inside = hours.covers(case.now, shop.zone)
    opens_at = None if inside else hours.next_start(case.now, shop.zone)
    detail = {"opening_hours": shop.opening_hours and shop.opening_hours.text, "next_start": opens_at}
    yield Finding("shop_open", detail, None if inside else Reason.SHOP_CLOSED, until=opens_at)


def suppression(case: Case) -> Iterator[Finding]:
    listed = case.campaign.channel in case.facts.customer.suppressed
    yield Finding("suppression", {"listed": listed}, Reason.SUPPRESSED_ADDRESS if listed else None)


_MARKETING_REASONS = {
    ConsentStatus.MISSING: Reason.CONSENT_MARKETING_MISSING,
    ConsentStatus.UNCONFIRMED: Reason.CONSENT_UNCONFIRMED,
    ConsentStatus.EXPIRED: Reason.CONSENT_MARKETING_EXPIRED,
    ConsentStatus.WITHDRAWN: Reason.CONSENT_WITHDRAWN,
    ConsentStatus.LIVE: None,
}


def marketing_consent(case: Case) -> Iterator[Finding]:
    campaign = case.campaign
    asked = {"channel": campaign.channel, "sender": campaign.sender}
    state = consent_state(case.facts.consents, NEARBY, **asked, now=case.consents_as_of)
    reason = _MARKETING_REASONS[state.status]
    seen, overdue = _reminder(case, state, Reason.CONSENT_MARKETING_EXPIRED)
    detail = {
        "status": state.status,
        "channel": campaign.channel,
        "sender": campaign.sender,
        "event_ids": state.event_ids,
        "valid_until": state.valid_until,
        **seen,
    }
    yield Finding("marketing_consent", detail, reason or overdue)


def _reminder(case: Case, state: ConsentState, expired: Reason) -> tuple[dict[str, Any], Reason | None]:
    """When the customer is due to be reminded of a live consent, and the reason where that is over and blocks."""
    rule = case.policy.consent_reminder
    if rule is None or not state.is_live or state.told_at is None:
        return {}, None
    due_at = rule.due_at(state.told_at)
    return {"reminder_due_at": due_at}, expired if rule.blocks and case.now >= due_at else None


def address(case: Case) -> Iterator[Finding]:
    channel, reachable = case.campaign.channel, case.facts.customer.reachable
    missing = reachable is not None and channel not in reachable
    yield Finding("address", {"channel": channel}, Reason.NO_ADDRESS if missing else None)


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
    fence, rest_s = case.candidate.geofence_id, case.campaign.fence_cooldown_s
    if fence is None or not rest_s:
        return
    last = max((send.at for send in case.sends if send.geofence_id == fence), default=None)
    until = None if last is None else last + timedelta(seconds=rest_s)
    yield _rest("fence_cooldown", Reason.FENCE_COOLDOWN, {"last_sent_at": last, "rest_s": rest_s}, until, case.now)


def re_eligibility(case: Case) -> Iterator[Finding]:
    rest_s, days, zone = case.campaign.re_eligibility_s, case.campaign.re_eligibility_days, case.zones[0][0]
    if not (rest_s or days):
        return
    last = max((send.at for send in case.sends if send.campaign_id == case.campaign.id), default=None)
    until = None if last is None else last + timedelta(seconds=rest_s)
    if last is not None and until is not None and days:
        until = max(until, instant(local_day(last, zone) + timedelta(days=days), 0, zone))
    detail = {"last_sent_at": last, "rest_s": rest_s, **({"rest_days": days} if days else {})}
    yield _rest("re_eligibility", Reason.RE_ELIGIBILITY, detail, until, case.now)


def _rest(rule: str, reason: Reason, detail: dict[str, Any], until: datetime | None, now: datetime) -> Finding:
    if until is None or now >= until:
        return Finding(rule, detail)
    return Finding(rule, {**detail, "until": until}, reason, until=until)


def quiet_hours(case: Case) -> Iterator[Finding]:
    customer = case.facts.customer
    said = [hours for hours in (case.policy.quiet_hours, customer.quiet_hours) if hours]
    if not said and customer.paused_until is None:
        return
    zones = [zone for zone, _ in case.zones]
    found = silence(said, case.now, zones, channel=case.campaign.channel, paused_until=customer.paused_until)
    detail: dict[str, Any] = {"timezones": [zone.key for zone in zones]}
    if found is None:
        yield Finding("quiet_hours", detail)
        return
    detail |= {"until": found.until, "by": list(_asked_by(found, zones))}
    if found.is_paused:
        detail["paused_until"] = customer.paused_until
    reason, defers = Reason.QUIET_HOURS, case.campaign.on_quiet is WhenHeld.DEFER
    if defers and (found.until is None or case.expires_at <= found.until):
        reason, defers = Reason.EXPIRES_BEFORE_QUIET_END, False
    decided_in = case.zones[found.rules[0][0] if found.rules else 0]
    yield Finding("quiet_hours", detail, reason, until=found.until, holds=defers, zone=decided_in)


def _asked_by(found: Silence, zones: Sequence[ZoneInfo]) -> Iterator[dict[str, Any]]:
    """Who asks for silence by which zone's clocks, jurisdictions of one zone together."""
    names: dict[tuple[int, str], list[str]] = {}
    for n, rule in found.rules:
        names.setdefault((n, rule.source), []).extend([rule.name] if rule.name else [])
    for (n, source), named in names.items():
        yield {"source": source, "timezone": zones[n].key, **({"names": named} if named else {})}


_CAP_REASONS = {
    CapKind.ROLLING: Reason.CAP_ROLLING,
    CapKind.CALENDAR: Reason.CAP_CALENDAR,
    CapKind.MIN_GAP: Reason.CAP_MIN_GAP,
}


def frequency_caps(case: Case) -> Iterator[Finding]:
    zone = case.zones[0][0]
    sends = case.sends
    caps = [(f"cap {cap.id}", cap) for cap in case.policy.caps]
    caps += [(f"campaign cap {cap.id}", cap) for cap in case.campaign.caps]
    for name, cap in caps:
        in_scope = _in_scope(cap, case.candidate)
        if in_scope is None:
            continue
        sent_at = [send.at for send in sends if in_scope(send)]
        counted = cap.counted(sent_at, case.now, zone) if sent_at else sent_at
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
    spent, money = case.facts.spent.get(case.campaign.id, NOTHING_SPENT), case.campaign.budget_money
    limit = case.campaign.most_messages(spent)
    if limit is None:
        return
    reserved_here = 1 if case.gate is Gate.DISPATCH else 0
    used = case.facts.budget_used.get(case.campaign.id, 0) - reserved_here
    detail: dict[str, Any] = {"limit": limit, "used": used}
    if money is not None:
        booked = Money(spent.micros, money.amount.currency)
        detail |= {"amount": money.amount.text, "booked": booked.text, "reserved_each": money.each.text}
    yield Finding("budget", detail, Reason.BUDGET_EXHAUSTED if used >= limit else None)


RULES: tuple[Rule, ...] = (
    location_consent,
    ping_quality,
    spatial,
    place_policy,
    campaign_state,
    campaign_window,
    daypart,
    shop_open,
    suppression,
    marketing_consent,
    address,
    audience,
    fence_cooldown,
    re_eligibility,
    quiet_hours,
    frequency_caps,
    budget,
)
_SAW_NOTHING = {rule: Finding(rule.__name__, {}) for rule in RULES}
