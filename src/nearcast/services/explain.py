"""Explain: every rule in order for one customer and one campaign at one instant.

Where the match log has a row of that instant, the row speaks. Elsewhere the rules are put to the facts as they stood;
then nothing is known of a ping and of a place, and the rules that ask for one neither pass nor refuse. A `Past` brings
the facts, from a replay's folder or from a store.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol
from zoneinfo import ZoneInfo

from nearcast.domain.campaign import Campaign
from nearcast.domain.case import Candidate, Case, Facts, Finding, Gate, PingEvidence, Send
from nearcast.domain.customer import Shop
from nearcast.domain.decision import (
    channels_tried,
    earliest_send,
    holdout_finding,
    judge,
    on_its_channel,
    variant_finding,
)
from nearcast.domain.ids import CampaignId, CustomerId, GeofenceId, MessageId, ShopId
from nearcast.domain.local_time import zone
from nearcast.domain.reason import Reason
from nearcast.domain.sensitive import Sensitive
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


class Past(Protocol):
    """What is kept of one customer and one campaign."""

    @property
    def customer_id(self) -> CustomerId: ...
    @property
    def campaign_id(self) -> CampaignId: ...
    def standing(self, at: datetime, *, without: MessageId | None = None) -> Standing:
        """The facts as they stood at `at`, as if that message had never been."""

    def against(self, channel: str, at: datetime) -> Reason | None:
        """What stands in the way of a channel for everybody; None where nothing does, or nobody knows."""


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
        "channels": _channels(past, case, decided_at),
        "earliest_send": row["decided_at"] if sent else plain(earliest_send(on_its_channel(case))),
        "caveats": [] if sent else list(standing.caveats),
    }


def explain_instant(past: Past, at: datetime) -> dict[str, Any]:
    """What the rules say of the facts at an instant of which the match log has no row."""
    standing = past.standing(at)
    as_asked = _case(standing, at)
    case = on_its_channel(as_asked)
    findings = [*judge(case).findings, *filter(None, [holdout_finding(case), variant_finding(case)])]
    reasons = [finding.reason for finding in findings if finding.reason]
    return {
        "customer_id": past.customer_id,
        "campaign_id": past.campaign_id,
        "at": plain(at),
        "decided_at": None,
        "source": "facts",
        "decision_id": None,
        "geofence_id": None,
        "outcome": "no_match",
        "reason": plain(reasons[0]) if reasons else None,
        "reasons": plain(reasons),
        "rules": [_UNKNOWN.get(finding.rule) or _told(finding) for finding in findings],
        "channels": _channels(past, as_asked, at),
        "earliest_send": plain(earliest_send(case)),
        "caveats": list(standing.caveats),
    }


_UNKNOWN = {rule: {"rule": rule, "passed": None, "status": "unknown"} for rule in ("spatial", "place_policy")}
"""Where somebody was is told by a row, or by nothing."""


def _channels(past: Past, case: Case, at: datetime) -> list[dict[str, Any]]:
    """The channels in the order in which they are tried, each with its own answer. The first that nothing speaks
    against takes the message; where all that does is that its sender is stopped, the message waits there.
    """
    return [
        {"channel": channel, "reasons": plain([*reasons, *filter(None, [past.against(channel, at)])])}
        for channel, reasons in channels_tried(case)
    ]


def _told(finding: Finding) -> dict[str, Any]:
    said = plain({**finding.detail, "reason": finding.reason})
    return {"rule": finding.rule, "passed": finding.reason is None, **said}


def _case(
    standing: Standing,
    at: datetime,
    geofence_id: GeofenceId | None = None,
    *,
    here: ZoneInfo | None = None,
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
        sensitive=sensitive,
    )
    return Case(candidate=candidate, facts=standing.facts, policy=standing.tenant.policy, now=at, gate=Gate.QUEUE)


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
