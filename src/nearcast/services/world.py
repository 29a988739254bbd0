"""What the engine knows of one tenant while it works, in memory."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, TypeAlias, TypeVar
from zoneinfo import ZoneInfo

from nearcast.domain.campaign import NOTHING_SPENT, Campaign, CampaignState, Spent, Trigger
from nearcast.domain.case import Facts, Send
from nearcast.domain.consent import ConsentEvent
from nearcast.domain.customer import Customer, Shop
from nearcast.domain.experiment import Assignment
from nearcast.domain.geofence import Geofence
from nearcast.domain.ids import CampaignId, CustomerId, DecisionId, GeofenceId, MessageId, ShopId, TenantId, VisitId
from nearcast.domain.message import Message
from nearcast.domain.policy import FrequencyCap, Policy
from nearcast.domain.throttle import Throttle
from nearcast.domain.track import Track
from nearcast.domain.visit import PresenceRules, Transition, TransitionKind
from nearcast.domain.voucher import Voucher
from nearcast.domain.webhook import Webhook
from nearcast.services.budgets import Share
from nearcast.services.geofences import GeofenceBook
from nearcast.services.roster import Roster
from nearcast.services.sensitive_book import SensitiveBook
from nearcast.services.tracks import Tracks
from nearcast.services.voucher_codes import WITHOUT_KEY, VoucherCodes

K = TypeVar("K")
V = TypeVar("V")
TransitionKey: TypeAlias = tuple[VisitId, TransitionKind]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tenant:
    id: TenantId
    zone: ZoneInfo
    policy: Policy
    presence: PresenceRules
    dispatch_delay_s: float = 0.0
    throttles: tuple[Throttle, ...] = ()


@dataclass(slots=True)
class CampaignBook:
    """Campaigns, found by what triggers them, and what is asked of all of them, worked out once: `caps`, `limits` of
    budgets, and whether any is part of an experiment, a fall-back or due by itself.
    """

    by_id: dict[CampaignId, Campaign]
    caps: tuple[FrequencyCap, ...] = field(init=False)
    limits: dict[CampaignId, int] = field(init=False)
    has_money: bool = field(init=False)
    has_experiments: bool = field(init=False)
    has_fallbacks: bool = field(init=False)
    has_schedules: bool = field(init=False)
    _by_fence: dict[tuple[Trigger, GeofenceId], list[CampaignId]] = field(default_factory=dict)
    _by_shop: dict[tuple[Trigger, ShopId], list[CampaignId]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        every = self.by_id.values()
        self.caps = tuple(cap for campaign in every for cap in campaign.caps)
        self.limits = self.limits_after({})
        self.has_money = any(one.budget_money is not None for one in every)
        self.has_experiments = any(one.holdout or one.split for one in every)
        self.has_fallbacks = any(one.is_fallback for one in every)
        self.has_schedules = any(one.trigger is Trigger.SCHEDULE for one in every)
        for campaign in every:
            if campaign.geofence_ids is None:
                self._by_shop.setdefault((campaign.trigger, campaign.shop_id), []).append(campaign.id)
            for geofence_id in campaign.geofence_ids or ():
                self._by_fence.setdefault((campaign.trigger, geofence_id), []).append(campaign.id)

    def limits_after(self, spent: Mapping[CampaignId, Spent]) -> dict[CampaignId, int]:
        """How many messages budgets last for, those sent included, by what was booked of them."""
        most = {one.id: one.most_messages(spent.get(one.id, NOTHING_SPENT)) for one in self.by_id.values()}
        return {key: count for key, count in most.items() if count is not None}

    def triggered(self, trigger: Trigger, geofence: Geofence) -> list[Campaign]:
        """Every campaign but drafts that this transition concerns, in id order."""
        ids = list(self._by_fence.get((trigger, geofence.id), ()))
        if geofence.shop_id is not None:
            ids += self._by_shop.get((trigger, geofence.shop_id), ())
        return [self.by_id[key] for key in sorted(ids) if self.by_id[key].state is not CampaignState.DRAFT]


@dataclass(slots=True, kw_only=True)
class World:
    """One tenant's state, or a part of it: some customers' and what happened to them since it was loaded.

    `vouchers` are those that were promised, by the `codes` of this installation. `rows` is the match log in the order
    it was written; `decided_before` says which decisions were written earlier, and `rows_before` what was written
    together with one of them.
    """

    tenant: Tenant
    shops: dict[ShopId, Shop]
    campaigns: CampaignBook
    customers: dict[CustomerId, Customer]
    geofences: GeofenceBook
    sensitive: SensitiveBook = field(default_factory=SensitiveBook)
    webhooks: tuple[Webhook, ...] = ()
    codes: VoucherCodes = WITHOUT_KEY
    consents: dict[CustomerId, list[ConsentEvent]] = field(default_factory=dict)
    roster: Roster = field(default_factory=Roster)
    tracks: Tracks = field(init=False)
    transitions: dict[TransitionKey, tuple[CustomerId, Transition]] = field(default_factory=dict)
    rows: list[dict[str, Any]] = field(default_factory=list)
    messages: dict[MessageId, Message] = field(default_factory=dict)
    vouchers: list[Voucher] = field(default_factory=list)
    sends: dict[CustomerId, dict[MessageId, Send]] = field(default_factory=lambda: defaultdict(dict))
    waiting: dict[CustomerId, dict[MessageId, Message]] = field(default_factory=lambda: defaultdict(dict))
    other_sends: dict[CustomerId, list[Send]] = field(default_factory=lambda: defaultdict(list))
    other_budget: Share = field(default_factory=Share)
    spent: Mapping[CampaignId, Spent] = field(default_factory=dict)
    assignments: dict[CustomerId, list[Assignment]] = field(default_factory=lambda: defaultdict(list))
    runs: list[dict[str, Any]] = field(default_factory=list)
    refused: Counter[str] = field(default_factory=Counter)
    kept: Counter[str] = field(default_factory=Counter)
    accepted: int = 0
    decided: set[DecisionId] = field(default_factory=set)
    decided_before: Callable[[set[DecisionId]], set[DecisionId]] = lambda asked: set()
    rows_before: Callable[[CustomerId, DecisionId], list[dict[str, Any]]] = lambda customer_id, decision_id: []
    taken_back: set[TransitionKey] = field(default_factory=set)
    last_zones: dict[CustomerId, ZoneInfo] = field(default_factory=dict)
    _budget: Counter[CampaignId] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.tracks = Tracks(
            self.tenant.id, self.roster, self.last_zones, ground=self.geofences, rules=self.tenant.presence
        )

    def track(self, customer_id: CustomerId) -> Track:
        known = self.tracks.get(customer_id)
        return known or Track(tenant_id=self.tenant.id, customer_id=customer_id)

    def keep(self, message: Message) -> None:
        """Store a message, new or changed, and what it takes from its campaign's budget."""
        before = self.messages.get(message.id)
        self._budget[message.campaign_id] += message.takes_slot - (before is not None and before.takes_slot)
        self.messages[message.id] = message
        _set_or_drop(self.sends[message.customer_id], message.id, as_send(message) if message.takes_slot else None)
        waits = message.has_not_left
        _set_or_drop(self.waiting[message.customer_id], message.id, message if waits else None)

    def queued(self, customer_id: CustomerId) -> list[Message]:
        """The customer's messages that have not left yet."""
        return list(self.waiting.get(customer_id, {}).values())

    def first_free_instant(self, customer_id: CustomerId, now: datetime) -> datetime:
        """The first instant from `now` on at which nothing was decided for a customer that sent something."""
        sends = (*self.other_sends.get(customer_id, ()), *self.sends.get(customer_id, {}).values())
        taken = {send.decided_at for send in sends}
        while now in taken:
            now += timedelta(microseconds=1)
        return now

    def facts(self, customer_id: CustomerId, campaigns: Iterable[CampaignId], now: datetime) -> Facts:
        """What the rules may know of a customer at `now`."""
        self.track(customer_id)  # so that the last zone is that of the last ping
        return Facts(
            customer=self.customers.get(customer_id) or Customer(id=customer_id),
            tenant_zone=self.tenant.zone,
            consents=tuple(self.consents.get(customer_id, ())),
            sends=(*self.other_sends.get(customer_id, ()), *self.sends.get(customer_id, {}).values()),
            budget_used={key: self._budget[key] + count for key, count in self.other_budget.of(campaigns).items()},
            spent=self.spent,
            last_zone=self.last_zones.get(customer_id),
            assignments=tuple(self.assignments.get(customer_id, ())),
        )


def _set_or_drop(found: dict[K, V], key: K, value: V | None) -> None:
    if value is None:
        found.pop(key, None)
    else:
        found[key] = value


def as_send(message: Message) -> Send:
    return Send(
        campaign_id=message.campaign_id,
        at=message.sent_at or message.queued_at,
        shop_id=message.shop_id,
        geofence_id=message.geofence_id,
        channel=message.channel,
        decided_at=message.queued_at,
        message_id=message.id,
        is_waiting=message.has_not_left and message.repeat_until is None,
    )
