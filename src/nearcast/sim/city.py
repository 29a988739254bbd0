"""Nahstadt, a synthetic city: one seed makes one city and one day in it, to the byte."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from nearcast.sim.calendar import TIMEZONE
from nearcast.sim.campaigns import POLICY, campaigns
from nearcast.sim.consents import ask_for_consent
from nearcast.sim.fences import Feature, draw_fences
from nearcast.sim.incidents import incidents
from nearcast.sim.noise import Fixes, observe
from nearcast.sim.people import Customer, settle, shop_places
from nearcast.sim.plane import lon_lats
from nearcast.sim.plans import Town, plan_day
from nearcast.sim.routes import connect
from nearcast.sim.scenario import to_yaml
from nearcast.sim.shops import Shop, place_shops
from nearcast.sim.streets import Street, lay_streets
from nearcast.sim.uploads import upload
from nearcast.sim.walks import Track, walk_day

Progress: TypeAlias = Callable[[str], None]
Row: TypeAlias = dict[str, Any]

SETTINGS: Row = {
    "tenant": {"id": "nahstadt", "timezone": TIMEZONE},
    "presence": {"profile": "raw", "dwell_s": 120, "lateness_s": 60, "gap_s": 1800},
    "ping_rules": {"max_age_s": 300, "max_accuracy_m": 75, "max_future_s": 60},
    "policy": POLICY,
}


@dataclass(frozen=True, slots=True)
class City:
    """Everything about the day, what really happened included: tracks and fixes are in the order of the customers."""

    seed: int
    streets: list[Street]
    shops: list[Shop]
    fences: list[Feature]
    customers: list[Customer]
    consents: list[Row]
    campaigns: list[Row]
    events: list[Row]
    tracks: list[Track]
    fixes: list[Fixes]
    pings: pa.Table


def write_city(out: Path, *, seed: int = 1, progress: Progress | None = None) -> dict[str, int]:
    """Write scenario.yaml, geofences.geojson, streets.geojson and pings.parquet into `out`; what was written, counted.

    The same seed gives the same bytes.
    """
    say = progress or (lambda _: None)
    city = build_city(seed=seed, progress=say)
    say("files")
    return write_files(city, out)


def build_city(*, seed: int = 1, progress: Progress | None = None) -> City:
    """Lay out the city and let its customers live through the day."""
    say = progress or (lambda _: None)
    # one stream for each craft: a shop more does not change the streets
    ground, trade, people, consent, day, air, net, past = np.random.default_rng(seed).spawn(8)
    say("streets")
    streets = lay_streets(ground)
    routes = connect(streets)
    shops = place_shops(streets, routes, trade)
    say("customers")
    customers = settle(routes, people)
    ledger = ask_for_consent(customers, consent)
    town = Town(shops, shop_places(shops, routes))
    tracks, fixes = [], []
    for n, customer in enumerate(customers):
        if n % 100 == 0:
            say(f"walks {n}/{len(customers)}")
        tracks.append(walk_day(customer, plan_day(customer, town, day), routes, day))
        fixes.append(observe(tracks[-1], air))
    return City(
        seed=seed,
        streets=streets,
        shops=shops,
        fences=draw_fences(shops, streets),
        customers=customers,
        consents=ledger.rows,
        campaigns=campaigns(),
        events=incidents(customers, shops, ledger, past),
        tracks=tracks,
        fixes=fixes,
        pings=upload(customers, fixes, net),
    )


def write_files(city: City, out: Path) -> dict[str, int]:
    """The four files of a city; what is in them, counted."""
    out.mkdir(parents=True, exist_ok=True)
    _write_text(out / "scenario.yaml", to_yaml(_scenario(city), f"Nahstadt, a synthetic city, seed {city.seed}"))
    _write_text(out / "geofences.geojson", _feature_collection(city.fences))
    _write_text(out / "streets.geojson", _feature_collection([_street_feature(street) for street in city.streets]))
    _write_pings(out / "pings.parquet", city.pings)
    return {
        "streets": len(city.streets),
        "shops": len(city.shops),
        "geofences": len(city.fences),
        "customers": len(city.customers),
        "consents": len(city.consents),
        "campaigns": len(city.campaigns),
        "events": len(city.events),
        "pings": len(city.pings),
    }


def _scenario(city: City) -> Row:
    return {
        **SETTINGS,
        "shops": [shop.row() for shop in city.shops],
        "geofences": "geofences.geojson",
        "campaigns": city.campaigns,
        "customers": [customer.row() for customer in city.customers],
        "consents": city.consents,
        "events": city.events,
    }


def _street_feature(street: Street) -> Feature:
    return {
        "type": "Feature",
        "properties": {"name": street.name, "kind": street.kind},
        "geometry": {"type": "LineString", "coordinates": lon_lats(street.line_m)},
    }


def _feature_collection(features: list[Feature]) -> str:
    """One feature per line."""
    lines = ",\n".join(json.dumps(feature, ensure_ascii=False, separators=(",", ":")) for feature in features)
    return f'{{"type":"FeatureCollection","features":[\n{lines}\n]}}\n'


def _write_text(path: Path, text: str) -> None:
    path.write_bytes(text.encode())  # bytes, so that line ends are the same on every system


def _write_pings(path: Path, pings: pa.Table) -> None:
    """Small: coordinates split by byte, which makes the bytes of neighbours alike for zstd."""
    measured = ["lat", "lon"]
    pq.write_table(
        pings,
        path,
        compression="zstd",
        compression_level=15,
        use_dictionary=["customer_id", "device_id", "accuracy_m", "speed_mps"],
        use_byte_stream_split=measured,
        column_encoding={"recorded_at": "DELTA_BINARY_PACKED", "received_at": "DELTA_BINARY_PACKED"},
    )
