"""The demo's city: Nahstadt as a tenant on a store, and you, who live in it."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Any

import numpy as np

from nearcast.domain.campaign import CampaignState
from nearcast.domain.case import Send
from nearcast.domain.consent import LOCATION, NEARBY
from nearcast.domain.ids import CampaignId, CustomerId, ShopId, TenantId
from nearcast.domain.policy import Holdout
from nearcast.domain.position import Position
from nearcast.geo.batch import PingBatch
from nearcast.geo.matcher import FenceIndex
from nearcast.geo.validate import geofences_from_collection
from nearcast.services.assembly import consent_event
from nearcast.services.ports import LedgerLine, Store, UnitOfWork
from nearcast.services.prior_sends import NEVER_COUNT
from nearcast.services.scenario import ConsentShape, EventShape
from nearcast.sim.calendar import MIDNIGHT, TIMEZONE
from nearcast.sim.campaigns import POLICY
from nearcast.sim.city import City, build_city
from nearcast.sim.plane import lat_deg, lon_deg

TENANT = TenantId("nahstadt")
START = MIDNIGHT + timedelta(hours=11, minutes=45)
"""Tuesday, 2026-06-02, 11:45 in the city."""

_SETTINGS = {
    "tenant": {"id": TENANT, "timezone": TIMEZONE},
    "presence": {"profile": "raw", "dwell_s": 120, "lateness_s": 60, "gap_s": 1800},
    "policy": POLICY,
}
_STATE_AFTER = {"activate": CampaignState.ACTIVE, "pause": CampaignState.PAUSED, "end": CampaignState.ENDED}
_FIRST_OFFER_AT = "two-scoops"  # an offer for everybody, live at lunch
_ELBOW_ROOM_M = 25.0


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoCity:
    """`pings` are one whole day's in the order of arrival; `events` are consents and edits in order of `at`."""

    city: City
    events: tuple[EventShape, ...]
    pings: PingBatch
    channels: tuple[str, ...]
    you: CustomerId
    home: Position


def build_demo_city() -> DemoCity:
    """The sample city; the same every time. Takes some seconds."""
    city = build_city(seed=1)
    return DemoCity(
        city=city,
        events=tuple(_events(city)),
        pings=_ping_batch(city.pings),
        channels=tuple(sorted({campaign["channel"] for campaign in city.campaigns})),
        you=_never_held_out(city),
        home=_outside_every_fence(city),
    )


def seed(store: Store, demo: DemoCity) -> datetime:
    """Make the city a tenant of the store; the instant at which its clock starts.

    A store that has the city already is left as it is, and its clock goes on where it stood.
    """
    if not store.add_tenant(TENANT, START):
        with store.reading(TENANT) as uow:
            decided: list[datetime] = [row["decided_at"] for row in uow.match_log.page(limit=1).items]
            return max([START, *decided])
    before = [event for event in demo.events if event.at <= START]
    with store.writing(TENANT) as uow:
        _put_catalogue(uow, demo.city, {e.campaign.id: e.campaign.action for e in before if e.campaign})
        uow.commit()
    with store.writing(TENANT) as uow:
        documents = {CustomerId(customer.id): customer.row() for customer in demo.city.customers}
        documents[demo.you] = {"id": demo.you, "timezone": TIMEZONE}
        uow.customers.upsert({key: _reachable(row, demo.channels) for key, row in documents.items()}, START)
        for line in (*(ledger_line(event) for event in before if event.consent), *_your_consents(demo)):
            uow.consents.append(line)
        uow.sends.append(_earlier_sends(demo.city, before))
        uow.commit()
    return START


def ledger_line(event: EventShape) -> LedgerLine:
    """A consent among the events, as it stands in the ledger."""
    given = event.consent
    if given is None:
        raise ValueError("this event is no consent")
    said = (event.at.isoformat(), given.customer_id, given.purpose, given.channel, given.sender, given.action.value)
    name = "|".join(part or "" for part in said)
    return LedgerLine(event=consent_event(given, TENANT, name, place="consent"), recorded_at=event.at, source="demo")


def _events(city: City) -> Iterator[EventShape]:
    """Everything that happens besides pings; a consent of the list happens at its own instant."""
    rows = [*({"at": consent["at"], "consent": consent} for consent in city.consents), *city.events]
    for event in sorted((EventShape.model_validate(row) for row in rows), key=lambda event: event.at):
        dated = event.consent and event.consent.model_copy(update={"at": event.consent.at or event.at})
        yield event.model_copy(update={"consent": dated})


def _put_catalogue(uow: UnitOfWork, city: City, actions: Mapping[str, str]) -> None:
    uow.catalogue.put_settings(_SETTINGS, START)
    for shop in city.shops:
        uow.catalogue.shops.put(shop.id, shop.row(), START)
    collection = {"type": "FeatureCollection", "features": city.fences}
    for geofence, feature in zip(geofences_from_collection(collection, place="city"), city.fences, strict=True):
        uow.catalogue.geofences.put_geofence(geofence, feature, START)
    for campaign in city.campaigns:
        state = _STATE_AFTER[actions.get(campaign["id"], "activate")]
        uow.catalogue.campaigns.put_campaign(campaign["id"], campaign, START, state=state)


def _reachable(row: Mapping[str, object], channels: Iterable[str]) -> dict[str, object]:
    contacts = [{"channel": channel, "address": f"demo:{row['id']}"} for channel in channels]
    return {**{key: value for key, value in row.items() if key != "id"}, "contacts": contacts}


def _your_consents(demo: DemoCity) -> Iterator[LedgerLine]:
    asked_at = START - timedelta(days=1)
    told: list[dict[str, Any]] = [{"purpose": LOCATION, "action": "granted", "at": asked_at}]
    for channel in demo.channels:
        for action, minutes in (("granted", 1), ("confirmed", 2)):
            at = asked_at + timedelta(minutes=minutes)
            told.append({"purpose": NEARBY, "channel": channel, "action": action, "at": at})
    for said in told:
        consent = ConsentShape.model_validate({"customer_id": demo.you, **said})
        yield ledger_line(EventShape(at=said["at"], consent=consent))


def _earlier_sends(city: City, events: Iterable[EventShape]) -> Iterator[tuple[CustomerId, Send]]:
    campaigns = {campaign["id"]: campaign for campaign in city.campaigns}
    for event in events:
        prior = event.prior_send
        if prior is None or prior.status in NEVER_COUNT:
            continue
        campaign = campaigns.get(prior.campaign_id, {})
        shop_id = campaign.get("shop_id")
        yield (
            CustomerId(prior.customer_id),
            Send(
                campaign_id=CampaignId(prior.campaign_id),
                at=event.at,
                shop_id=ShopId(shop_id) if shop_id else None,
                channel=campaign.get("channel"),
                is_ghost=prior.status == "ghost",
            ),
        )


def _ping_batch(pings: Any) -> PingBatch:
    """The city's table of pings as columns."""

    def instants_us(name: str) -> Any:
        return pings[name].to_numpy().astype("datetime64[us]").astype(np.int64)

    columns: dict[str, Any] = {
        "recorded_at_us": instants_us("recorded_at"),
        "received_at_us": instants_us("received_at"),
        "lat_deg": pings["lat"].to_numpy(),
        "lon_deg": pings["lon"].to_numpy(),
        "accuracy_m": pings["accuracy_m"].to_numpy(),
        "speed_mps": pings["speed_mps"].to_numpy(),
    }
    for name in {column.name for column in fields(PingBatch)} - set(columns):
        columns[name] = np.array(pings[name].to_pylist(), dtype=object)
    return PingBatch(**columns)


def _never_held_out(city: City) -> CustomerId:
    """A name that no hold-out takes."""
    rules = [POLICY, *city.campaigns]
    holdouts = [Holdout(rule["holdout"]["percent"], rule["holdout"]["salt"]) for rule in rules if "holdout" in rule]
    names = (f"you-{n}" for n in range(1, 1000))
    return CustomerId(next(name for name in names if not any(holdout.holds_out(name) for holdout in holdouts)))


def _outside_every_fence(city: City) -> Position:
    """The place nearest to the first offer that is in no fence, with some room round it."""
    collection = {"type": "FeatureCollection", "features": city.fences}
    index = FenceIndex(geofences_from_collection(collection, place="city"))
    center_m = next(shop.at_m for shop in city.shops if shop.id == _FIRST_OFFER_AT)
    angles_rad = np.arange(24) * np.pi / 12
    round_m = np.column_stack([np.cos(angles_rad), np.sin(angles_rad)])
    places_m = (center_m + np.arange(40, 800, 10)[:, None, None] * round_m[None, :, :]).reshape(-1, 2)
    probes_m = places_m[:, None, :] + np.vstack([np.zeros((1, 2)), _ELBOW_ROOM_M * round_m])[None, :, :]
    flat_m = probes_m.reshape(-1, 2)
    inside = np.zeros(len(flat_m), dtype=bool)
    inside[index.match(lat_deg(flat_m[:, 1]), lon_deg(flat_m[:, 0])).ping_row] = True
    free = int(np.flatnonzero(~inside.reshape(len(places_m), -1).any(axis=1))[0])
    return Position(float(lat_deg(places_m[free, 1:])[0]), float(lon_deg(places_m[free, :1])[0]))
