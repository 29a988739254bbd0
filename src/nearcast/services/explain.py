"""Explain: every rule in order for one customer and one campaign at one instant.

Where the match log has a row of that instant, the row speaks. Elsewhere the rules are put to the facts as they stood;
then nothing is known of a ping, and the visit that was open says what place there was. A `Past` brings the facts, from
a replay's folder or from a store.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol
from zoneinfo import ZoneInfo

from nearcast.domain.campaign import Campaign, Trigger
from nearcast.domain.case import Candidate, Case, Facts, Gate, PingEvidence, Send
from nearcast.domain.customer import Shop
from nearcast.domain.decision import earliest_send, holdout_finding, judge, variant_finding
from nearcast.domain.ids import CampaignId, CustomerId, GeofenceId, MessageId, ShopId, VisitId
from nearcast.domain.local_time import zone
from nearcast.domain.reason import Reason
from nearcast.domain.sensitive import Sensitive
from nearcast.domain.visit import TransitionKind
from nearcast.services.report import as_json
from nearcast.services.scalars import Instant, parse_instant
from nearcast.services.world import Tenant


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """A message, or a ghost where `message_id` is None, and while it took up a slot: from `queued_at` to `freed_at`."""

    customer_id: CustomerId
    campaign_id: CampaignId
    shop_id: ShopId | None
    geofence_id: GeofenceId | None
    channel: str | None
    message_id: MessageId | None
    queued_at: Instant
    sent_at: Instant | None
    freed_at: Instant | None

    def as_of(self, at: datetime) -> Send | None:
        """What it was at that instant; None before it was queued and after it was freed."""
        if self.queued_at > at or (self.freed_at is not None and self.freed_at <= at):
            return None
        return Send(
            campaign_id=self.campaign_id,
            at=self.sent_at if self.sent_at is not None and self.sent_at <= at else self.queued_at,
            shop_id=self.shop_id,
            geofence_id=self.geofence_id,
            channel=self.channel,
            is_ghost=self.message_id is None,
            decided_at=self.queued_at,
            message_id=self.message_id,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What stood at one instant. `caveats` say what of it is not known, and what is taken instead."""

    tenant: Tenant
    campaign: Campaign
    shop: Shop
    facts: Facts
    caveats: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Passage:
    """One transition of the customer's."""

    kind: TransitionKind
    geofence_id: GeofenceId
    visit_id: VisitId


class Past(Protocol):
    """What is kept of one customer and one campaign."""

    @property
    def customer_id(self) -> CustomerId: ...
    @property
    def campaign_id(self) -> CampaignId: ...
    def standing(self, at: datetime, *, without: MessageId | None = None) -> Standing:
        """The facts as they stood at `at`, as if that message had never been."""

    def passages(self, until: datetime) -> Iterable[Passage]:
        """The customer's transitions up to and including that instant."""

    def is_of_shop(self, geofence_id: GeofenceId, shop_id: ShopId, at: datetime) -> bool:
        """Whether the geofence was that shop's."""

    def sensitive(self, geofence_id: GeofenceId, at: datetime) -> Sensitive | None:
        """The sensitive place that the geofence lay over."""


def explain_row(past: Past, row: Mapping[str, Any]) -> dict[str, Any]:
    """What a row of the match log says, its instants as text, and from when on it would have been a send."""
    decided_at = parse_instant(row["decided_at"])
    timezone = row["detail"]["spatial"]["timezone"]
    standing = past.standing(decided_at, without=row["message_id"])
    over = row["detail"].get("place_policy")
    sensitive = Sensitive(over["place_id"], over["category"]) if over else None
    here = zone(timezone) if timezone else None
    case = _case(standing, decided_at, row["geofence_id"], here=here, sensitive=sensitive)
    rules = [{"rule": rule, **detail} for rule, detail in row["detail"].items()]
    sent = row["outcome"] == "send"
    return {
        **{key: row[key] for key in ("customer_id", "campaign_id", "at", "decided_at")},
        "source": "match_log",
        **{key: row[key] for key in ("decision_id", "geofence_id", "outcome", "reason", "reasons")},
        "rules": [{"passed": "reason" not in rule, **rule} for rule in rules],
        "earliest_send": row["decided_at"] if sent else plain(earliest_send(case)),
        "caveats": [] if sent else list(standing.caveats),
    }


def explain_instant(past: Past, at: datetime) -> dict[str, Any]:
    """What the rules say of the facts at an instant of which the match log has no row."""
    standing = past.standing(at)
    geofence_id, no_opportunity = _place(past, standing.campaign, at)
    sensitive = None if geofence_id is None else past.sensitive(geofence_id, at)
    case = _case(standing, at, geofence_id, no_opportunity=no_opportunity, sensitive=sensitive)
    findings = [*judge(case).findings, *filter(None, [holdout_finding(case), variant_finding(case)])]
    reasons = [finding.reason for finding in findings if finding.reason]
    return {
        "customer_id": past.customer_id,
        "campaign_id": past.campaign_id,
        "at": plain(at),
        "decided_at": None,
        "source": "facts",
        "decision_id": None,
        "geofence_id": geofence_id,
        "outcome": "no_match",
        "reason": plain(reasons[0]),
        "reasons": plain(reasons),
        "rules": [
            {"rule": f.rule, "passed": f.reason is None, **plain({**f.detail, "reason": f.reason})} for f in findings
        ],
        "earliest_send": plain(earliest_send(case)),
        "caveats": list(standing.caveats),
    }


def _case(
    standing: Standing,
    at: datetime,
    geofence_id: GeofenceId | None,
    *,
    here: ZoneInfo | None = None,
    no_opportunity: Reason | None = None,
    sensitive: Sensitive | None = None,
) -> Case:
    """The candidate that the campaign's opportunity at that instant would be, with the facts as they stood."""
    candidate = Candidate(
        campaign=standing.campaign,
        shop=standing.shop,
        opportunity_id="",
        trigger=standing.campaign.trigger,
        at=at,
        geofence_id=geofence_id,
        ping=PingEvidence(key="", recorded_at=at, accuracy_m=0.0, zone=here) if here else None,
        no_opportunity=no_opportunity,
        sensitive=sensitive,
    )
    return Case(candidate=candidate, facts=standing.facts, policy=standing.tenant.policy, now=at, gate=Gate.QUEUE)


def _place(past: Past, campaign: Campaign, at: datetime) -> tuple[GeofenceId | None, Reason]:
    """The campaign's geofence that a visit was open in, and why there was no opportunity."""
    entered: dict[VisitId, GeofenceId] = {}
    dwelt: set[VisitId] = set()
    left: set[VisitId] = set()  # a visit of one instant is told exit first
    for passage in past.passages(at):
        if passage.kind is TransitionKind.EXIT:
            left.add(passage.visit_id)
        elif passage.kind is TransitionKind.ENTER:
            entered[passage.visit_id] = passage.geofence_id
        elif passage.kind is TransitionKind.DWELL:
            dwelt.add(passage.visit_id)

    def is_target(geofence_id: GeofenceId) -> bool:
        if campaign.geofence_ids is not None:
            return geofence_id in campaign.geofence_ids
        return past.is_of_shop(geofence_id, campaign.shop_id, at)

    inside = {visit: fence for visit, fence in entered.items() if visit not in left and is_target(fence)}
    here = min(inside.values(), default=None)
    if campaign.trigger is Trigger.SCHEDULE:
        return here, Reason.NO_TRANSITION
    if here is None:
        return None, Reason.OUTSIDE_FENCE
    waits = campaign.trigger is Trigger.DWELL and not dwelt & inside.keys()
    return here, Reason.DWELL_NOT_MET if waits else Reason.NO_TRANSITION


def taken_up(
    slots: Iterable[Slot],
    at: datetime,
    *,
    customer_id: CustomerId,
    campaign_id: CampaignId,
    without: MessageId | None,
) -> tuple[list[Send], int]:
    """What these took up at that instant: the customer's own, and how many messages of the campaign's budget."""
    own: list[Send] = []
    of_budget = 0
    for slot in slots:
        send = slot.as_of(at)
        if send is None or (without is not None and send.message_id == without):
            continue
        if slot.customer_id == customer_id:
            own.append(send)
        of_budget += slot.campaign_id == campaign_id and not send.is_ghost
    return own, of_budget


def plain(value: object) -> Any:
    """A value as JSON has it, instants as text."""
    return json.loads(as_json(value))
