"""Explain from a store, as of any instant: of what is kept with its history, what stood then; of the rest, what is
known of it, and a caveat that says so.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

from nearcast.domain.campaign import CampaignState
from nearcast.domain.case import Facts, Send
from nearcast.domain.consent import in_ledger_order
from nearcast.domain.customer import Customer
from nearcast.domain.errors import NotFound
from nearcast.domain.ids import CampaignId, CustomerId, DecisionId, MessageId, TenantId
from nearcast.domain.message import Message
from nearcast.domain.reason import Reason
from nearcast.services.assembly import assemble
from nearcast.services.channel_standing import ChannelStanding
from nearcast.services.explain import Slot, Standing, explain_instant, explain_row, plain, taken_up
from nearcast.services.paging import every
from nearcast.services.ports import Catalogue, Customers, MatchLogFilter, Outbox, Revision, UnitOfWork
from nearcast.services.report import rfc3339
from nearcast.services.scenario import ScenarioShape
from nearcast.services.world import World

_ROWS_AT_ONCE = 500
_DECIDED_BEFORE = timedelta(days=1)  # a ping's own instant may lie ahead of the clock
_DECIDED_WITHIN = timedelta(days=30)  # longer than pings wait for workers that stand still
_PLATFORM = "quiet hours of the platform are those of today: what they were before is not kept"


class _PastCatalogue(Catalogue, Protocol):
    def settings_history(self) -> list[Revision]: ...


class _PastCustomers(Customers, Protocol):
    def changed_at(self, customer_id: CustomerId) -> datetime | None: ...


class _PastOutbox(Outbox, Protocol):
    def taken_at(self, campaign_id: CampaignId, at: datetime) -> int: ...


class Archive(UnitOfWork, Protocol):
    """A unit of work that knows what was, too."""

    @property
    def catalogue(self) -> _PastCatalogue: ...
    @property
    def customers(self) -> _PastCustomers: ...
    @property
    def outbox(self) -> _PastOutbox: ...


class Archives(Protocol):
    """Where the past is kept."""

    def reading(self, tenant_id: TenantId) -> Archive: ...


@dataclass(frozen=True, slots=True)
class Explanations:
    """Why something was sent or not. Each explanation reads one snapshot and writes nothing. What the platform asks of
    every tenant is taken as it is today, and so are the channels, where anything is known of them.
    """

    store: Archives
    platform: Mapping[str, Any] = field(default_factory=dict)
    channels: ChannelStanding | None = None

    def by_decision(self, tenant_id: TenantId, decision_id: DecisionId) -> dict[str, Any]:
        """What the match log says of a decision, and the earliest possible send; NotFound where there is none."""
        with self.store.reading(tenant_id) as uow:
            row = uow.match_log.get(decision_id)
            if row is None:
                raise NotFound(f"there is no decision {decision_id!r}")
            past = self._past(uow, tenant_id, CustomerId(row["customer_id"]), CampaignId(row["campaign_id"]))
            return explain_row(past, plain(row))

    def at(
        self, tenant_id: TenantId, customer_id: CustomerId, campaign_id: CampaignId, at: datetime
    ) -> list[dict[str, Any]]:
        """One explanation for each row of that instant, or one of what the rules say where there is none.

        NotFound for a customer or campaign that is not there.
        """
        with self.store.reading(tenant_id) as uow:
            past = self._past(uow, tenant_id, customer_id, campaign_id)
            if past.customer is None:
                raise NotFound(f"there is no customer {customer_id!r}")
            rows = _rows_of(uow, customer_id, campaign_id, at)
            return [explain_row(past, plain(row)) for row in rows] or [explain_instant(past, at)]

    def _past(self, uow: Archive, tenant_id: TenantId, customer_id: CustomerId, campaign_id: CampaignId) -> "_Kept":
        return _Kept(uow, self.platform, self.channels, tenant_id, customer_id, campaign_id)


def _rows_of(uow: UnitOfWork, customer_id: CustomerId, campaign_id: CampaignId, at: datetime) -> list[dict[str, Any]]:
    """The rows that are of that instant or were decided at it, in the order in which they were written."""
    wanted = MatchLogFilter(
        customer_id=customer_id, campaign_id=campaign_id, since=at - _DECIDED_BEFORE, until=at + _DECIDED_WITHIN
    )
    rows = every(lambda cursor: uow.match_log.page(wanted, cursor=cursor, limit=_ROWS_AT_ONCE, newest_first=False))
    return [row for row in rows if at in (row["at"], row["decided_at"])]


class _Kept:
    """A `Past`. NotFound for a campaign that is not there."""

    def __init__(
        self,
        uow: Archive,
        platform: Mapping[str, Any],
        channels: ChannelStanding | None,
        tenant_id: TenantId,
        customer_id: CustomerId,
        campaign_id: CampaignId,
    ) -> None:
        self.uow, self.platform, self.channels, self.tenant_id = uow, platform, channels, tenant_id
        self.customer_id, self.campaign_id = customer_id, campaign_id
        self.customer = uow.customers.load([customer_id]).get(customer_id)
        self.campaigns = uow.catalogue.campaigns.history(campaign_id)
        if not self.campaigns:
            raise NotFound(f"there is no campaign {campaign_id!r}")

    def standing(self, at: datetime, *, without: MessageId | None = None) -> Standing:
        caveats = [_PLATFORM] if self.platform else []
        world = self._world(at, caveats)
        campaign = world.campaigns.by_id[self.campaign_id]
        has_budget = campaign.most_messages() is not None
        sends, used = self._taken_up(at, without, caveats, has_budget=has_budget)
        ledger = [line.event for line in self.uow.consents.lines(self.customer_id) if line.recorded_at <= at]
        assigned = self.uow.assignments.of([self.customer_id]).get(self.customer_id, [])
        facts = Facts(
            customer=self._customer(at, caveats),
            tenant_zone=world.tenant.zone,
            consents=tuple(in_ledger_order(ledger)),
            sends=tuple(sends),
            budget_used={campaign.id: used},
            spent=self.uow.budgets.spent() if campaign.budget_money is not None else {},
            assignments=tuple(each for each in assigned if each.at <= at),
        )
        shop = world.shops[campaign.shop_id]
        return Standing(tenant=world.tenant, campaign=campaign, shop=shop, facts=facts, caveats=tuple(caveats))

    def against(self, channel: str, at: datetime) -> Reason | None:
        return None if self.channels is None else self.channels.against(self.tenant_id, channel, at)

    def _taken_up(
        self, at: datetime, without: MessageId | None, caveats: list[str], *, has_budget: bool
    ) -> tuple[list[Send], int]:
        """The customer's sends at that instant, and what the campaign's budget had lost, if it has one."""
        messages = self.uow.outbox.of([self.customer_id]).get(self.customer_id, [])
        who, campaign_id = self.customer_id, self.campaign_id
        slots = list(map(_slot, messages))
        own, _ = taken_up(slots, at, customer_id=who, campaign_id=campaign_id, without=without)
        used = 0
        others = self.uow.sends.of([who]).get(who, [])
        if has_budget:
            mine = [send.at for send in others if send.campaign_id == campaign_id and not send.is_ghost]
            strangers = self.uow.sends.budget_used([campaign_id]).get(campaign_id, 0) - len(mine)
            used = self.uow.outbox.taken_at(campaign_id, at) + strangers + sum(sent_at <= at for sent_at in mine)
            used -= sum(slot.message_id == without and slot.as_of(at) is not None for slot in slots)
            if strangers:
                caveats.append(f"messages of other systems that count in the budget, whenever sent: {strangers}")
        return [*(send for send in others if send.at <= at), *own], used

    def _customer(self, at: datetime, caveats: list[str]) -> Customer:
        if self.customer is None:
            caveats.append("the customer is not known any more")
            return Customer(id=self.customer_id)
        changed_at = self.uow.customers.changed_at(self.customer_id)
        if changed_at is not None and changed_at > at:
            said = "time zone, tags, contacts and suppression of the customer are those of"
            caveats.append(f"{said} {rfc3339(changed_at)}: what they were before is not kept")
        return self.customer

    def _world(self, at: datetime, caveats: list[str]) -> World:
        """Settings, the campaign and its shop as they stood."""
        settings = _stood(self.uow.catalogue.settings_history(), at, "settings", caveats)
        campaign = _stood(self.campaigns, at, f"campaign {self.campaign_id!r}", caveats)
        shop_id = campaign.doc["shop_id"]
        shop = _stood(self.uow.catalogue.shops.history(shop_id), at, f"shop {shop_id!r}", caveats)
        document = {
            **settings.doc,
            "platform": self.platform,
            "shops": [shop.doc],
            "campaigns": [{**campaign.doc, "state": _state(campaign, at)}],
        }
        document["tenant"] = {**settings.doc.get("tenant", {}), "id": self.tenant_id}
        shape = ScenarioShape.model_validate(document)
        named = {key for one in shape.campaigns for key in one.geofence_ids or ()}
        return assemble(shape, Path("catalogue"), lambda path: [], lambda note: None, repair=False, known=named)


def _stood(revisions: Sequence[Revision], at: datetime, name: str, caveats: list[str]) -> Revision:
    """The revision in force at that instant; where there was none, the nearest and a caveat."""
    if not revisions:
        raise NotFound(f"there is no {name}")
    then = [revision for revision in revisions if revision.at <= at]
    if not then:
        caveats.append(f"{name} began at {rfc3339(revisions[0].at)}: it is taken as it began")
        return revisions[0]
    if then[-1].is_deleted:
        caveats.append(f"{name} had been deleted: it is taken as it was before")
    return then[-1]


def _state(campaign: Revision, at: datetime) -> str:
    """A campaign that did not exist yet is told as a draft, one that was deleted as ended."""
    if campaign.at > at:
        return CampaignState.DRAFT.value
    return CampaignState.ENDED.value if campaign.is_deleted else campaign.state or CampaignState.ACTIVE.value


def _slot(message: Message) -> Slot:
    return Slot(
        customer_id=message.customer_id,
        campaign_id=message.campaign_id,
        shop_id=message.shop_id,
        geofence_id=message.geofence_id,
        channel=message.channel,
        message_id=message.id,
        queued_at=message.queued_at,
        sent_at=message.sent_at,
        freed_at=message.freed_at,
    )
