"""Customers on their ways through cities, as columns: the walks of a simulated day, in each city with other GPS noise.

Every city is the same town at another place and some minutes further in its day, so that one is enough to simulate.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from nearcast.domain.errors import InvalidInput
from nearcast.domain.geofence import Circle, Geofence
from nearcast.domain.ids import GeofenceId
from nearcast.domain.position import Position
from nearcast.geo.batch import Floats, Ints, PingBatch, Texts
from nearcast.sim.calendar import MIDNIGHT
from nearcast.sim.city import City, build_city
from nearcast.sim.noise import observe
from nearcast.sim.plane import Points, lat_deg, lon_deg, point
from nearcast.sim.plans import DAY_S
from nearcast.sim.walks import Track

EVERY_S = 15.0

_START_S = 17 * 3600.0  # people leave work, shop and go home
_LATER_S, _CLOCKS = 60.0, 60  # one city's day is that much further than the last one's; then the clocks begin again
_APART_M, _CITIES_A_ROW = (13_000.0, 14_000.0), 40  # east, north: no city reaches another
_FIRST_M = (-260_000.0, 0.0)  # from where the simulation has its town
_RADIUS_M = 60.0
_INSIDE_SHARE = 0.045  # of the pings without noise, which brings in a few more
_US = 1_000_000


@dataclass(frozen=True, slots=True, eq=False)
class Walkers:
    """`pings` of `customer_id`, one each every 15 s, oldest first; the geofences that they come to."""

    customer_id: list[str]
    geofences: list[Geofence]
    pings: PingBatch


def walkers(customers: int, pings_each: int, seed: int) -> Walkers:
    """So many customers with so many pings each; InvalidInput where the day ends before."""
    most = int((DAY_S - _START_S - _LATER_S * _CLOCKS) / EVERY_S)
    if pings_each > most:
        raise InvalidInput(f"{pings_each} pings of each customer are more than {most}: it takes more customers")
    city = _city(seed)
    walks = [track for track in city.tracks if len(track) > 1]
    rng = np.random.default_rng(seed)
    home = np.arange(customers) // len(walks)
    walk = np.arange(customers) % len(walks)
    after_s = rng.uniform(0.0, EVERY_S, customers)[:, None] + EVERY_S * np.arange(pings_each)
    seen = [
        observe(_at(walks[walk[n]], _START_S + _LATER_S * (home[n] % _CLOCKS) + after_s[n]), rng)
        for n in range(customers)
    ]
    at_m = np.array([each.at_m for each in seen]) + np.array([_place_m(n) for n in home.tolist()])[:, None, :]
    oldest_first = np.argsort(after_s, axis=None, kind="stable")
    names = [f"c{n}" for n in range(customers)]
    recorded_at_us = _us(after_s)
    batch = PingBatch(
        customer_id=np.repeat(np.array(names, dtype=object), pings_each),
        recorded_at_us=recorded_at_us,
        received_at_us=recorded_at_us,
        lat_deg=lat_deg(at_m[:, :, 1]).ravel(),
        lon_deg=lon_deg(at_m[:, :, 0]).ravel(),
        accuracy_m=np.array([each.accuracy_m for each in seen]).ravel(),
        speed_mps=np.array([each.speed_mps for each in seen]).ravel(),
        ping_id=_nothing(after_s.size),
        device_id=_nothing(after_s.size),
    )
    return Walkers(names, _fences(city, walks, int(home[-1]) + 1), batch.take(oldest_first))


@lru_cache(maxsize=1)
def _city(seed: int) -> City:
    return build_city(seed=seed)


def _us(after_s: Floats) -> Ints:
    start_us = round((MIDNIGHT.timestamp() + _START_S) * _US)
    recorded_at_us: Ints = start_us + (after_s.ravel() * _US).astype(np.int64)
    return recorded_at_us


def _nothing(count: int) -> Texts:
    return np.full(count, None, dtype=object)


def _at(track: Track, at_s: Floats) -> Track:
    """Where the walk is at other instants than the phone's own."""
    last = np.clip(np.searchsorted(track.at_s, at_s), 0, len(track) - 1)
    return Track(at_s, _between(track, at_s), track.speed_mps[last], track.is_indoors[last])


def _between(track: Track, at_s: Floats) -> Points:
    return np.column_stack([np.interp(at_s, track.at_s, track.at_m[:, axis]) for axis in (0, 1)])


def _place_m(city: int) -> Points:
    row, column = divmod(city, _CITIES_A_ROW)
    return point(_FIRST_M[0] + column * _APART_M[0], _FIRST_M[1] + row * _APART_M[1])


def _fences(city: City, walks: list[Track], cities: int) -> list[Geofence]:
    """Circles round shops of each city, as many as hold about one ping of twenty."""
    at_s = np.arange(_START_S, _START_S + 3600.0, 60.0)
    people_m = np.concatenate([_between(track, at_s) for track in walks])
    shops_m = np.array([shop.at_m for shop in city.shops])
    shares = [float((((people_m - shop_m) ** 2).sum(axis=1) <= _RADIUS_M**2).mean()) for shop_m in shops_m]
    chosen_m = shops_m[np.cumsum(shares) <= _INSIDE_SHARE]
    centers_m = np.concatenate([chosen_m + _place_m(n) for n in range(cities)])
    places = zip(lat_deg(centers_m[:, 1]).tolist(), lon_deg(centers_m[:, 0]).tolist(), strict=True)
    return [
        Geofence(id=GeofenceId(f"shop-{n}"), boundary=Circle(Position(*place), _RADIUS_M))
        for n, place in enumerate(places)
    ]
