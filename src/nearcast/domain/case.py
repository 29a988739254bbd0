"""What the rules see: one candidate, the facts of its customer, the policy, an instant; and what a rule finds."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from zoneinfo import ZoneInfo

from nearcast.domain.campaign import Campaign, CampaignClass, Offer, Spent, Trigger, Variant
from nearcast.domain.consent import ConsentEvent
from nearcast.domain.customer import Customer, Shop
from nearcast.domain.experiment import Assignment, first_arm, held_out_since
from nearcast.domain.ids import CampaignId, GeofenceId, MessageId, ShopId, VisitId
from nearcast.domain.policy import Holdout, Policy
from nearcast.domain.reason import Reason
from nearcast.domain.sensitive import Sensitive
from nearcast.domain.value import value, worked_out_once


class Gate(StrEnum):
    """QUEUE: may a message be queued? DISPATCH: may a queued one still go, its own reservation and ping aside?"""

    QUEUE = "queue"
    DISPATCH = "dispatch"


class ZoneSource(StrEnum):
    PING_LOCATION = "ping_location"
    CUSTOMER_PROFILE = "customer_profile"
    LAST_LOCATION = "last_location"
    TENANT_DEFAULT = "tenant_default"


@value(kw_only=True)
class PingEvidence:
    """What is kept of the ping behind a transition: no position, only what rules need. `key` tells pings apart."""

    key: str
    recorded_at: datetime
    accuracy_m: float
    zone: ZoneInfo | None


@value(kw_only=True)
class Candidate:
    """One opportunity of one campaign.

    `sensitive` is the sensitive place that its geofence lies over, or that a run's customer is in.
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
    sensitive: Sensitive | None = None

    def as_send(self, at: datetime, *, is_ghost: bool) -> "Send":
        """What it takes up once it is decided."""
        return Send(
            campaign_id=self.campaign.id,
            at=at,
            shop_id=self.campaign.shop_id,
            geofence_id=self.geofence_id,
            channel=self.campaign.channel,
            is_ghost=is_ghost,
            decided_at=at,
        )


@value(kw_only=True)
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


@value(kw_only=True)
class Facts:
    """All that is known of one customer at one instant. `consents` are in ledger order, `assignments` oldest first;
    `budget_used` counts messages by campaign, `spent` is what was booked of those with a budget in money.
    """

    customer: Customer
    tenant_zone: ZoneInfo
    consents: tuple[ConsentEvent, ...] = ()
    sends: tuple[Send, ...] = ()
    budget_used: Mapping[CampaignId, int] = field(default_factory=dict)
    spent: Mapping[CampaignId, Spent] = field(default_factory=dict)
    last_zone: ZoneInfo | None = None
    assignments: tuple[Assignment, ...] = ()


@dataclass(kw_only=True, eq=False)
class Case:
    """One candidate before the rules, which nobody changes. What several rules ask of it is worked out once."""

    candidate: Candidate
    facts: Facts
    policy: Policy
    now: datetime
    gate: Gate

    @property
    def campaign(self) -> Campaign:
        return self.candidate.campaign

    @worked_out_once
    def consents_as_of(self) -> datetime:
        """The instant for which the ledger is read. At dispatch what was written down is never still to come because a
        clock was set back since.
        """
        if self.gate is Gate.QUEUE:
            return self.now
        written = (event.recorded_at for event in self.facts.consents if event.recorded_at is not None)
        return max((self.now, *written))

    @worked_out_once
    def variant(self) -> Variant | None:
        """The variant that is this customer's: the one assigned first, as long as the campaign has it."""
        split = self.campaign.split
        if split is None:
            return None
        assigned = first_arm(self.facts.assignments, split.salt, {variant.name for variant in split.variants})
        return (assigned and split.named(assigned)) or split.variant_for(self.facts.customer.id)

    @property
    def offer(self) -> Offer:
        """What is offered to this customer."""
        return (self.variant and self.variant.offer) or self.campaign.offer

    @property
    def expires_at(self) -> datetime:
        return self.candidate.expires_at or self.now + timedelta(seconds=self.offer.expires_after_s)

    @worked_out_once
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

    @property
    def holdouts(self) -> list[tuple[Holdout, Reason]]:
        """The hold-outs that hold for this campaign, the broadest first. Service messages are part of none."""
        if self.campaign.klass is CampaignClass.SERVICE:
            return []
        said = (self.policy.holdout, Reason.HOLDOUT_GLOBAL), (self.campaign.holdout, Reason.HOLDOUT_CAMPAIGN)
        return [(holdout, reason) for holdout, reason in said if holdout is not None]

    @worked_out_once
    def held_out_by(self) -> tuple[Holdout, Reason] | None:
        """The hold-out that this customer is in, whatever else is decided."""
        return next((each for each in self.holdouts if self._is_held_out_by(each[0])), None)

    def _is_held_out_by(self, holdout: Holdout) -> bool:
        """Whoever was held out once stays held out, however far the percentage is lowered."""
        was_held = held_out_since(self.facts.assignments, holdout.salt) is not None
        return was_held or holdout.holds_out(self.facts.customer.id)

    @worked_out_once
    def sends(self) -> list[Send]:
        """The messages that count here: ghosts only for a customer who is held out here, too; not this message, nor
        those queued after it that still wait, for its reservation came first.
        """
        sends = self.facts.sends
        if any(send.is_ghost for send in sends) and self.held_out_by is None:
            sends = tuple(send for send in sends if not send.is_ghost)
        if self.candidate.message_id is None:
            return list(sends)
        return [send for send in sends if not self._is_behind(send)]

    def _is_behind(self, send: Send) -> bool:
        own = self.candidate.message_id
        if own is None or send.message_id is None or send.decided_at is None:
            return False
        later = send.is_waiting and (send.decided_at, send.message_id) > (self.candidate.at, own)
        return later or send.message_id == own


@value
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
