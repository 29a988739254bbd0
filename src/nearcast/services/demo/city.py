"""The demo's city: Nahstadt, one day of it that comes again and again, and where you stand in it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, replace
from datetime import timedelta
from typing import Any

import numpy as np

from nearcast.domain.ids import CustomerId, TenantId
from nearcast.domain.policy import Holdout
from nearcast.domain.position import Position
from nearcast.geo.batch import PingBatch
from nearcast.geo.matcher import FenceIndex
from nearcast.geo.validate import geofences_from_collection
from nearcast.services.assembly import consent_event
from nearcast.services.ledger_ports import LedgerLine
from nearcast.services.scenario import EventShape
from nearcast.sim.calendar import MIDNIGHT
from nearcast.sim.campaigns import POLICY
from nearcast.sim.city import SETTINGS, City, build_city
from nearcast.sim.plane import lat_deg, lon_deg

TENANT = TenantId(SETTINGS["tenant"]["id"])
START = MIDNIGHT + timedelta(hours=11, minutes=45)
"""Tuesday, 2026-06-02, 11:45 in the city."""

_FIRST_OFFER_AT = "two-scoops"  # an offer for everybody, live at lunch
_ELBOW_ROOM_M = 25.0


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoCity:
    """`pings` are one whole day's in the order of arrival; `events` are consents and edits in order of `at`,
    `numbers` everybody's on WhatsApp, which are nobody's outside.
    """

    city: City
    events: tuple[EventShape, ...]
    pings: PingBatch
    channels: tuple[str, ...]
    you: CustomerId
    home: Position
    numbers: Mapping[CustomerId, str]


def build_demo_city() -> DemoCity:
    """The sample city; the same every time. Takes some seconds."""
    city = build_city(seed=1)
    city = replace(city, campaigns=[_without_end(campaign) for campaign in city.campaigns])
    you = _never_held_out(city)
    return DemoCity(
        city=city,
        events=tuple(_events(city)),
        pings=_ping_batch(city.pings),
        channels=tuple(sorted({campaign["channel"] for campaign in city.campaigns})),
        you=you,
        home=_outside_every_fence(city),
        numbers={
            key: f"+4915550{n:06}" for n, key in enumerate([you, *(CustomerId(each.id) for each in city.customers)])
        },
    )


def _without_end(campaign: dict[str, Any]) -> dict[str, Any]:
    """The demo's days repeat: a campaign that is over in June, or has spent its budget, would be silent ever after."""
    kept = {key: value for key, value in campaign.items() if key not in ("active", "budget")}
    return {**kept, "active": {"from": campaign["active"]["from"]}} if "active" in campaign else kept


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
