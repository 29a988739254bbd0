"""Plays a scenario through the live engine on a store, with a clock that steps from event to event."""

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

from nearcast.channels.recorder import Recorder
from nearcast.domain.campaign import CampaignState
from nearcast.domain.case import Send
from nearcast.domain.ids import CampaignId, CustomerId, GeofenceId, ShopId, TenantId
from nearcast.feeds.files import read_pings
from nearcast.geo.validate import geofences_from_collection
from nearcast.services.assembly import consent_event
from nearcast.services.ingest import as_instant, in_order_of_arrival
from nearcast.services.live import Live
from nearcast.services.ports import LedgerLine
from nearcast.services.replay import NEVER_COUNT, ping_batch
from nearcast.services.report import as_json, message_row, transition_row
from nearcast.services.scenario import EventShape, ScenarioShape, read_scenario
from nearcast.store.sql_store import SqlStore
from nearcast.store.tables import metadata

LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
TICK = timedelta(microseconds=1)


@dataclass(frozen=True)
class Played:
    """What the store holds afterwards, as the rows of a replay's files."""

    transitions: list[dict[str, Any]]
    match_log: list[dict[str, Any]]
    messages: list[dict[str, Any]]
    refused: Counter[str]


def play(store: SqlStore, path: Path, pings: list[Path]) -> Played:
    """The scenario on the emptied store: ids depend on the tenant's, which scenarios share."""
    _empty(store)
    shape = read_scenario(path)
    tenant = TenantId(shape.tenant.id)
    return _Play(store, tenant, path, shape, pings).run()


def _empty(store: SqlStore) -> None:
    with store.engine.begin() as connection:
        for table in reversed(metadata.sorted_tables):
            connection.execute(table.delete())


class _Play:
    def __init__(self, store: SqlStore, tenant: TenantId, path: Path, shape: ScenarioShape, pings: list[Path]) -> None:
        self.store, self.tenant, self.shape = store, tenant, shape
        self.live = Live(store, tenant, Recorder())
        self.features = _features(shape, path)
        batches = [ping_batch(shape.events), *map(read_pings, pings)]
        self.pings = in_order_of_arrival(batches, 1e9).batch

    def run(self) -> Played:
        arrivals = [as_instant(int(us)) for us in self.pings.received_at_us]
        instants = [*(event.at for event in self.shape.events), *arrivals]
        self._seed(first_ping_at=min(arrivals, default=max(instants, default=LONG_AGO)))
        if instants:
            actions = sorted(self._actions(), key=lambda action: action[:2])
            last = max(instants)
            now = min(instants) - TICK
            steps = sorted({*(at for at, _, _ in actions if at <= last), *arrivals, last})
            for at in steps:
                now = self._work_until(now, at)
                for due, _, act in actions:
                    if due == at:
                        act()
                self.live.work_due(at)
                self._arrive(at, arrivals)
        return self._played()

    def _seed(self, first_ping_at: datetime) -> None:
        document = self.shape.model_dump(mode="json", by_alias=True, exclude_unset=True)
        self.store.add_tenant(self.tenant, LONG_AGO)
        with self.store.writing(self.tenant) as uow:
            rules = ("tenant", "presence", "ping_rules", "policy", "dispatch")
            uow.catalogue.put_settings({key: document[key] for key in rules if key in document}, LONG_AGO)
            for shop in document.get("shops", []):
                uow.catalogue.shops.put(shop["id"], shop, LONG_AGO)
            for geofence, feature in self.features:
                uow.catalogue.geofences.put_geofence(geofence, feature, LONG_AGO)
            for campaign in document.get("campaigns", []):
                state = CampaignState(campaign.get("state", "active"))
                uow.catalogue.campaigns.put_campaign(campaign["id"], campaign, first_ping_at, state=state)
            customers = {CustomerId(customer["id"]): customer for customer in document.get("customers", [])}
            for consent in [*self.shape.consents, *(event.consent for event in self.shape.events if event.consent)]:
                customers.setdefault(CustomerId(consent.customer_id), {"id": consent.customer_id})
            uow.customers.upsert(customers, LONG_AGO)
            for key, customer in customers.items():
                for channel in customer.get("suppressed", []):
                    uow.customers.suppress(key, channel, LONG_AGO)
            uow.commit()

    def _actions(self) -> list[tuple[datetime, int, Callable[[], Any]]]:
        numbers = count()
        found: list[tuple[datetime, int, Callable[[], Any]]] = []
        for consent in self.shape.consents:
            event = consent_event(consent, self.tenant, f"consent-{next(numbers)}", place="")
            found.append((event.at, 0, partial(self._consent, event, event.at)))
        for event_shape in self.shape.events:
            found += self._action(event_shape, numbers)
        return found

    def _action(self, event: EventShape, numbers: "count[int]") -> list[tuple[datetime, int, Callable[[], Any]]]:
        at = event.at
        if event.consent is not None:
            dated = event.consent.model_copy(update={"at": event.consent.at or at})
            given = consent_event(dated, self.tenant, f"consent-{next(numbers)}", place="")
            return [(at, 0, partial(self._consent, given, at))]
        if event.geofence_put is not None:
            return [(at, 1, partial(self.live.put_geofence, event.geofence_put, at))]
        if event.geofence_delete is not None:
            return [(at, 1, partial(self.live.delete_geofence, GeofenceId(event.geofence_delete), at))]
        if event.campaign is not None:
            changed = CampaignId(event.campaign.id)
            return [(at, 1, partial(self.live.change_campaign, changed, event.campaign.action, at))]
        if event.prior_send is not None and event.prior_send.status not in NEVER_COUNT:
            return [(at, 2, partial(self._prior_send, event))]
        return []

    def _consent(self, event: Any, at: datetime) -> None:
        self.live.take_consent(LedgerLine(event=event, recorded_at=at), at)

    def _prior_send(self, event: EventShape) -> None:
        prior = event.prior_send
        assert prior is not None
        campaign = next((c for c in self.shape.campaigns if c.id == prior.campaign_id), None)
        shop_id = prior.shop_id or (campaign.shop_id if campaign else None)
        send = Send(
            campaign_id=CampaignId(prior.campaign_id),
            at=event.at,
            shop_id=ShopId(shop_id) if shop_id else None,
            geofence_id=GeofenceId(prior.geofence_id) if prior.geofence_id else None,
            channel=prior.channel or (campaign.channel if campaign else None),
            is_ghost=prior.status == "ghost",
        )
        with self.store.writing(self.tenant) as uow:
            uow.sends.append([(CustomerId(prior.customer_id), send)])
            uow.commit()

    def _work_until(self, now: datetime, until: datetime) -> datetime:
        while (due := self.live.next_due(now)) is not None and due < until:
            now = max(now + TICK, due)
            self.live.work_due(now)
        return until

    def _arrive(self, at: datetime, arrivals: list[datetime]) -> None:
        rows = [row for row, instant in enumerate(arrivals) if instant == at]
        if rows:
            self.live.accept(self.pings.take(rows), at)
            self.live.work_pings(at)
            self.live.dispatch_due(at)

    def _played(self) -> Played:
        with self.store.reading(self.tenant) as uow:
            transitions = [transition_row(*told) for told in uow.transitions.every()]
            rows = uow.match_log.page(limit=100_000, newest_first=False).items
            messages = [message_row(message) for message in uow.outbox.page(limit=100_000, newest_first=False).items]
            refused = uow.counters.get("refused")
        return Played(_plain(transitions), _plain(rows), _plain(messages), refused)


def _features(shape: ScenarioShape, path: Path) -> list[tuple[Any, dict[str, Any]]]:
    source = shape.geofences
    if source is None:
        return []
    document = json.loads((path.parent / source).read_text()) if isinstance(source, str) else source
    return list(zip(geofences_from_collection(document, place="", repair=True), document["features"], strict=True))


def _plain(rows: list[Any]) -> list[dict[str, Any]]:
    return json.loads(as_json(rows))  # type: ignore[no-any-return]
