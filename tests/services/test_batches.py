"""Pings taken many at once do what each does alone: columns only keep back what changes nothing."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nearcast.domain.ids import CustomerId
from nearcast.geo.batch import PingBatch
from nearcast.services.assembly import assemble, consent_event
from nearcast.services.batches import take_batch
from nearcast.services.engine import take_pings
from nearcast.services.ingest import Door, Ledgers, fix_of, in_order_of_arrival, taken_us
from nearcast.services.instants import as_instant, as_us
from nearcast.services.scenario import ScenarioShape
from nearcast.services.world import World

START = datetime(2026, 6, 2, 10, tzinfo=UTC)
CUSTOMERS = ("cust-1", "cust-2", "cust-3")
PLACES = {  # metres north of a circle of 100 m: its middle, its edge, beside it, in another circle, far away
    "middle": 52.52,
    "edge": 52.5208903,
    "beside": 52.5213490,
    "other": 52.5244966,
    "far": 52.5649660,
}


def world(profile: str, **presence: Any) -> World:
    def circle(key: str, lat: float, **properties: Any) -> dict[str, Any]:
        point = {"type": "Point", "coordinates": [13.405, lat]}
        properties = {"shop_id": "s1", "radius_m": 100, **properties}
        return {"type": "Feature", "id": key, "geometry": point, "properties": properties}

    features = [circle("f1", PLACES["middle"], dwell_s=90), circle("f2", PLACES["other"])]
    document = {
        "tenant": {"id": "t1", "timezone": "Europe/Berlin"},
        "presence": {"profile": profile, "gap_s": 900, **presence},
        "policy": {"caps": [{"id": "G1", "scope": "customer", "kind": "calendar", "unit": "day", "limit": 2}]},
        "shops": [{"id": "s1", "name": "Café Central", "timezone": "Europe/Berlin"}],
        "geofences": {"type": "FeatureCollection", "features": features},
        "customers": [{"id": key} for key in CUSTOMERS],
        "consents": [
            {"customer_id": key, "action": action, "at": "2026-05-01T09:00:00Z", **purpose}
            for key in CUSTOMERS[:2]
            for purpose, action in (
                ({"purpose": "location.matching"}, "granted"),
                ({"purpose": "marketing.nearby", "channel": "sms"}, "confirmed"),
            )
        ],
        "campaigns": [
            {"id": f"camp-{on}", "shop_id": "s1", "trigger": {"on": on}, "channel": "sms", "offer": {"text": "Coffee"}}
            for on in ("enter", "dwell", "exit")
        ],
    }
    shape = ScenarioShape.model_validate(document)
    made = assemble(shape, Path("scenario"), lambda path: [], lambda note: None, repair=False)
    for n, listed in enumerate(shape.consents):
        event = consent_event(listed, made.tenant.id, f"consent-{n}", place="consents")
        made.consents.setdefault(event.customer_id, []).append(event)
    return made


@dataclass(frozen=True)
class Said:
    """A ping that comes in some seconds after the one before, recorded some seconds earlier."""

    after_s: int
    customer: int
    place: str
    late_s: int = 0
    accuracy_m: float | None = 8.0
    ping_id: str | None = None


def batch_of(said: list[Said]) -> PingBatch:
    received_us = as_us(START) + np.cumsum([ping.after_s for ping in said], dtype=np.int64) * 1_000_000

    def texts(values: Iterator[str | None]) -> Any:
        column = np.empty(len(said), dtype=object)
        column[:] = list(values)
        return column

    return PingBatch(
        customer_id=texts(CUSTOMERS[ping.customer] for ping in said),
        recorded_at_us=received_us - np.array([ping.late_s for ping in said], dtype=np.int64) * 1_000_000,
        received_at_us=received_us,
        lat_deg=np.array([PLACES[ping.place] for ping in said]),
        lon_deg=np.full(len(said), 13.405),
        accuracy_m=np.array([np.nan if ping.accuracy_m is None else ping.accuracy_m for ping in said]),
        speed_mps=np.full(len(said), np.nan),
        ping_id=texts(ping.ping_id for ping in said),
        device_id=texts(None for _ in said),
    )


def at_door(of: World) -> Door:
    return Door(of, Ledgers(of))


def one_by_one(into: World, door: Door, batch: PingBatch, now: datetime) -> None:
    """The same without columns: every ping an object, every one walked through."""
    arrivals = in_order_of_arrival([batch], into.tenant.policy.ping_rules, into.roster)
    rows = np.arange(len(arrivals))
    together: dict[tuple[int, CustomerId], list[int]] = {}
    for row in door.let_in(arrivals, rows, np.full(len(rows), as_us(now))).tolist():
        key = (int(arrivals.batch.received_at_us[row]), CustomerId(arrivals.batch.customer_id[row]))
        together.setdefault(key, []).append(row)
    ordered, at_us = arrivals.batch, taken_us(arrivals.batch, rows)
    inside = into.geofences.inside(ordered.lat_deg, ordered.lon_deg, at_us)
    for (received_us, customer_id), own in sorted(together.items()):
        fixes = [fix_of(ordered, row, inside.get(row, frozenset())) for row in own]
        on_arrival = received_us == as_us(now)
        take_pings(into, customer_id, fixes, now if on_arrival else into.first_free_instant(customer_id, now))


def told(of: World) -> dict[str, Any]:
    return {
        "tracks": dict(of.tracks.items()),
        "transitions": of.transitions,
        "rows": of.rows,
        "messages": of.messages,
        "zones": of.last_zones,
        "refused": +of.refused,
        "kept": +of.kept,
        "accepted": of.accepted,
    }


said = st.builds(
    Said,
    after_s=st.sampled_from([0, 0, 5, 20, 40, 90, 400, 1000]),
    customer=st.integers(0, 2),
    place=st.sampled_from(list(PLACES)),
    late_s=st.sampled_from([0, 0, 0, 0, -30, 30, 200, 500]),
    accuracy_m=st.sampled_from([None, 8.0, 60.0, 90.0, 150.0, 1500.0]),
    ping_id=st.sampled_from([None, None, None, "a", "b"]),
)
presences = st.fixed_dictionaries(
    {"profile": st.sampled_from(["raw", "robust"])},
    optional={"cross_within_s": st.just(60), "first_seen": st.just("suppress"), "max_speed_mps": st.just(20)},
)


@given(presence=presences, pings=st.lists(said, max_size=40), cuts=st.lists(st.integers(0, 40), max_size=3))
@settings(max_examples=150)
def test_columns_change_nothing(presence: dict[str, Any], pings: list[Said], cuts: list[int]) -> None:
    in_columns, alone = world(**presence), world(**presence)
    doors = at_door(in_columns), at_door(alone)
    edges = [0, *sorted(min(cut, len(pings)) for cut in cuts), len(pings)]
    whole = batch_of(pings)
    for start, stop in pairwise(edges):
        some = whole.take(range(start, stop))
        if not len(some):
            continue
        now = as_instant(int(some.received_at_us[-1]))
        take_batch(in_columns, doors[0], some, now)
        one_by_one(alone, doors[1], some, now)
    assert told(in_columns) == told(alone)


def test_a_day_outside_becomes_no_object_until_somebody_asks() -> None:
    of = world("robust")
    day = batch_of([Said(60, 0, "far") for _ in range(1_000)])
    take_batch(of, at_door(of), day, START + timedelta(days=1))
    assert of.accepted == 1_000
    (track,) = of.tracks.values()
    assert [fix.at for fix in track.fixes] == [START + timedelta(minutes=minute) for minute in range(995, 1_001)]


@pytest.mark.parametrize("batches", [1, 7, 50])
def test_however_many_batches_wait_nothing_is_lost_that_a_late_ping_can_come_between(batches: int) -> None:
    of, alone = world("raw", lateness_s=300), world("raw", lateness_s=300)
    doors = at_door(of), at_door(alone)
    for n in range(batches):
        batch = batch_of([Said(3600 * n + 60 * minute, 0, "far") for minute in (1, 1, 1)])
        now = as_instant(int(batch.received_at_us[-1]))
        take_batch(of, doors[0], batch, now)
        one_by_one(alone, doors[1], batch, now)
    assert told(of) == told(alone)
