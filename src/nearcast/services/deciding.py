"""Opportunities become verdicts; every one leaves a row, and the one that wins a message."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import numpy as np

from nearcast.domain.campaign import Campaign, Trigger
from nearcast.domain.case import Candidate, PingEvidence
from nearcast.domain.customer import Shop
from nearcast.domain.decision import Outcome, Verdict, decide
from nearcast.domain.ids import CustomerId, DecisionId, decision_id, message_id, run_opportunity, transition_opportunity
from nearcast.domain.message import Message, MessageStatus
from nearcast.domain.ping import Fix
from nearcast.domain.position import Position
from nearcast.domain.sensitive import Sensitive
from nearcast.domain.visit import Transition, TransitionKind
from nearcast.geo.geodesy import distance_m
from nearcast.geo.zones import zone_of
from nearcast.services.promising import promised
from nearcast.services.voucher_codes import until
from nearcast.services.world import World

_TRIGGERS = {
    TransitionKind.ENTER: Trigger.ENTER,
    TransitionKind.DWELL: Trigger.DWELL,
    TransitionKind.EXIT: Trigger.EXIT,
}


def transition_candidates(world: World, transition: Transition, now: datetime) -> list[Candidate]:
    """One candidate for each campaign that this transition concerns; none for a geofence that is gone by now."""
    trigger = _TRIGGERS.get(transition.kind)
    geofence = world.geofences.at(transition.geofence_id, transition.at)
    if trigger is None or geofence is None or world.geofences.at(transition.geofence_id, now) is None:
        return []
    campaigns = world.campaigns.triggered(trigger, geofence)
    if not campaigns:  # of most transitions nobody wants to know, and a name takes a while to make
        return []
    sensitive = world.sensitive.over(geofence)
    opportunity = transition_opportunity(transition.visit_id, transition.kind)
    evidence = _evidence(transition.fix) if transition.fix else None
    return [
        Candidate(
            campaign=campaign,
            shop=world.shops[campaign.shop_id],
            opportunity_id=opportunity,
            trigger=trigger,
            at=transition.at,
            geofence_id=geofence.id,
            visit_id=transition.visit_id,
            ping=evidence,
            sensitive=sensitive,
        )
        for campaign in campaigns
    ]


def with_distances(candidates: Sequence[tuple[Candidate, Fix | None]]) -> list[Candidate]:
    """Candidates with how far their shops are from the pings behind them, which only rivals are asked for."""
    if len(candidates) < 2:
        return [candidate for candidate, _ in candidates]
    return [replace(candidate, distance_m=_distance_m(candidate.shop, fix)) for candidate, fix in candidates]


def run_candidate(
    world: World,
    campaign: Campaign,
    customer_id: CustomerId,
    due_at: datetime,
    seen: Fix,
    distance_m: float | None,
    sensitive: Sensitive | None = None,
) -> Candidate:
    """A due run's entry for one customer, last seen at that fix."""
    return Candidate(
        campaign=campaign,
        shop=world.shops[campaign.shop_id],
        opportunity_id=run_opportunity(world.tenant.id, campaign.id, customer_id, due_at),
        trigger=Trigger.SCHEDULE,
        at=due_at,
        ping=PingEvidence(key="run", recorded_at=seen.at, accuracy_m=seen.accuracy_m, zone=None),
        distance_m=distance_m,
        sensitive=sensitive,
    )


def decide_and_keep(
    world: World, customer_id: CustomerId, candidates: Sequence[Candidate], now: datetime
) -> list[Message]:
    """Decide all candidates of one customer at `now`; keep the rows, the reservations and the message, if one won.

    A candidate is decided once: a transition that was taken back and is found again gives no second row.
    """
    named = {decision_id(candidate.opportunity_id, candidate.campaign.id): candidate for candidate in candidates}
    fresh = named.keys() - world.decided - world.decided_before(set(named))
    named = {key: candidate for key, candidate in named.items() if key in fresh}
    if not named:
        return []
    world.decided |= fresh
    facts = world.facts(customer_id, {candidate.campaign.id for candidate in named.values()}, now)
    queued = []
    decision = decide(list(named.values()), facts, world.tenant.policy, now)
    world.assignments[customer_id] += decision.assignments
    for key, verdict in zip(named, decision.verdicts, strict=True):
        message = None
        if verdict.outcome in (Outcome.SEND, Outcome.DEFER):
            message = message_of(world, customer_id, key, verdict, now)
            world.keep(message)
            queued.append(message)
        elif verdict.outcome is Outcome.HOLDOUT:
            world.other_sends[customer_id].append(verdict.candidate.as_send(now, is_ghost=True))
        world.rows.append(_row(customer_id, key, verdict, message, now))
    return queued


def _evidence(fix: Fix) -> PingEvidence:
    return PingEvidence(
        key=f"{fix.at.isoformat()} {fix.device_id or ''}",
        recorded_at=fix.at,
        accuracy_m=fix.accuracy_m,
        zone=zone_of(fix.position),
    )


def _distance_m(shop: Shop, fix: Fix | None) -> float | None:
    return None if shop.position is None or fix is None else distances_m(shop.position, [fix.position])[0]


def distances_m(origin: Position, positions: Iterable[Position]) -> list[float]:
    """WGS 84 geodesic distances from one place to many."""
    lat_deg, lon_deg = np.array([(p.lat_deg, p.lon_deg) for p in positions]).reshape(-1, 2).T
    here = np.full(len(lat_deg), origin.lat_deg), np.full(len(lat_deg), origin.lon_deg)
    found: list[float] = distance_m(*here, lat_deg, lon_deg).tolist()
    return found


def message_of(world: World, customer_id: CustomerId, key: DecisionId, verdict: Verdict, now: datetime) -> Message:
    """The message that a verdict to send, or to send later, comes to; `key` is that of its row in the match log."""
    candidate, campaign = verdict.candidate, verdict.candidate.campaign
    deferred = verdict.outcome is Outcome.DEFER
    reached_at = now + timedelta(seconds=world.tenant.dispatch_delay_s)
    not_before = max(verdict.not_before or now, reached_at)
    named = message_id(world.tenant.id, campaign.id, customer_id, candidate.opportunity_id, campaign.channel)
    said = _said(world, customer_id, verdict, now)
    said |= promised(world, customer_id, named, verdict, leaves_at=not_before, now=now)
    return Message(
        id=named,
        decision_id=key,
        customer_id=customer_id,
        campaign_id=campaign.id,
        shop_id=campaign.shop_id,
        geofence_id=candidate.geofence_id,
        visit_id=candidate.visit_id,
        channel=campaign.channel,
        sender=campaign.sender,
        priority=campaign.precedence,
        text=verdict.offer.render(said),
        template=verdict.offer.render_template(said),
        status=MessageStatus.QUEUED,
        queued_at=now,
        not_before=not_before,
        expires_at=verdict.expires_at,
        is_deferred=deferred,
        consent_event_ids=verdict.consent_event_ids,
        variant=verdict.variant,
    )


def _said(world: World, customer_id: CustomerId, verdict: Verdict, now: datetime) -> dict[str, str]:
    """What fills the places of the offer; instants in the shop's wall-clock time, dated if it is another day."""
    shop = verdict.candidate.shop
    ends_at = until(verdict.expires_at.astimezone(shop.zone), now.astimezone(shop.zone))
    customer = world.customers.get(customer_id)
    values = {f"customer.{key}": value for key, value in (customer.attributes if customer else {}).items()}
    return values | {"shop.name": shop.name, "expires_at": ends_at}


def _row(
    customer_id: CustomerId, key: DecisionId, verdict: Verdict, message: Message | None, now: datetime
) -> dict[str, Any]:
    """A match-log row (CONTRACT, `match_log.ndjson`)."""
    candidate = verdict.candidate
    return {
        "decision_id": key,
        "customer_id": customer_id,
        "campaign_id": candidate.campaign.id,
        "geofence_id": candidate.geofence_id,
        "shop_id": candidate.campaign.shop_id,
        "trigger": candidate.trigger,
        "at": candidate.at,
        "decided_at": now,
        "outcome": verdict.outcome,
        "reason": verdict.reason,
        "reasons": verdict.reasons,
        "detail": verdict.detail,
        "not_before": verdict.not_before,
        "expires_at": verdict.expires_at,
        "tz_used": verdict.timezone,
        "tz_source": verdict.zone_source,
        "would_have_sent": verdict.would_have_sent,
        "winner_campaign_id": verdict.winner_campaign_id,
        "message_id": message.id if message else None,
    }
