"""Where a customer really is through the day, at the instants at which the phone takes a fix."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from nearcast.sim.people import Customer, Place
from nearcast.sim.plane import Floats, Points, lengths_m
from nearcast.sim.plans import DAY_S, Stop
from nearcast.sim.routes import Mode, Routes

Flags: TypeAlias = NDArray[np.bool_]

USUAL_MPS: dict[Mode, float] = {"foot": 1.35, "bicycle": 4.5, "car": 1.0}  # a car: times what the street allows
_MOVING_S = (25.0, 60.0)  # between two fixes
_UNEVEN_S = 20.0
_RESTING_S = {"shop": (60.0, 120.0), "work": (270.0, 330.0), "campus": (270.0, 330.0), "home": (270.0, 330.0)}
_SLEEP_AFTER_S, _WAKE_BEFORE_S = 1200.0, 600.0  # phones at rest at home sleep between these
_SPOT_S = 240.0  # how long people stand at one spot of a place
_CROSSING_DEGREE = 4
_DOOR_M = 1.0


@dataclass(frozen=True, slots=True)
class Track:
    """n instants of one customer's day, oldest first; all columns have shape (n,) but `at_m` with (n, 2).

    `at_s` is seconds after local midnight.
    """

    at_s: Floats
    at_m: Points
    speed_mps: Floats
    is_indoors: Flags

    def __len__(self) -> int:
        return len(self.at_s)


def walk_day(customer: Customer, stops: list[Stop], routes: Routes, rng: np.random.Generator) -> Track:
    """Follow the plan along the streets; whoever is still out at midnight is cut off there."""
    parts = list(_parts(customer, stops, routes, rng))
    at_s = np.concatenate([part.at_s for part in parts])
    kept = at_s < DAY_S
    return Track(
        at_s[kept],
        np.concatenate([part.at_m for part in parts])[kept],
        np.concatenate([part.speed_mps for part in parts])[kept],
        np.concatenate([part.is_indoors for part in parts])[kept],
    )


def _parts(customer: Customer, stops: list[Stop], routes: Routes, rng: np.random.Generator) -> Iterator[Track]:
    arrive_s = 0.0
    for stop, following in zip(stops, [*stops[1:], None], strict=True):
        if arrive_s >= DAY_S:
            return
        leave_s = max(arrive_s + stop.stay_s, stop.until_s)
        yield _rest(stop.place, arrive_s, min(leave_s, DAY_S), rng)
        if following is not None and leave_s < DAY_S:
            ride = _ride(customer, stop.place, following.place, routes, rng)
            yield _moving(ride, leave_s, rng)
            leave_s += float(ride.elapsed_s[-1])
        arrive_s = leave_s


def _rest(place: Place, start_s: float, end_s: float, rng: np.random.Generator) -> Track:
    """Fixes while staying: at one spot after the other, and none while the phone sleeps at home."""
    at_s = _instants(start_s, end_s, _RESTING_S[place.kind], rng)
    spots_m = place.at_m + place.spread_m * rng.standard_normal((int((end_s - start_s) / _SPOT_S) + 1, 2))
    at_m = spots_m[((at_s - start_s) / _SPOT_S).astype(np.int64)]
    if place.kind == "home":
        awake = (at_s < start_s + _SLEEP_AFTER_S) & (start_s > 0) | (at_s > end_s - _WAKE_BEFORE_S) & (end_s < DAY_S)
        at_s, at_m = at_s[awake], at_m[awake]
    return Track(at_s, at_m, np.zeros(len(at_s)), np.ones(len(at_s), dtype=np.bool_))


@dataclass(frozen=True, slots=True)
class _Ride:
    """A line of n points and when each is reached, in seconds since leaving."""

    line_m: Points
    elapsed_s: Floats


def _ride(customer: Customer, start: Place, end: Place, routes: Routes, rng: np.random.Generator) -> _Ride:
    """From door to door; short ways are walked by everyone."""
    beeline_m = float(np.sqrt(((end.at_m - start.at_m) ** 2).sum()))
    mode: Mode = "foot" if beeline_m < 450 else customer.mode
    corners = routes.path(start.corner, end.corner, mode)
    line_m = np.vstack([start.at_m, routes.corners_m[corners], end.at_m])
    speeds_mps = np.full(len(corners) + 1, USUAL_MPS[mode] * customer.pace)
    speeds_mps *= 1 + 0.06 * rng.standard_normal(len(speeds_mps)).clip(-2, 2)
    waits_s = np.zeros(len(speeds_mps))
    if mode == "car":
        speeds_mps[1:-1] *= routes.drive_mps(corners)
        speeds_mps[[0, -1]] *= 3.0  # the yard
    if mode != "foot":
        # a wait at a light is spread over the edge that leads to the crossing
        crossing = np.array([routes.degree(corner) >= _CROSSING_DEGREE for corner in corners])
        waits_s[:-1] = np.where(crossing & (rng.random(len(corners)) < 0.22), 6 + 24 * rng.random(len(corners)), 0)
    steps_s = np.maximum(lengths_m(line_m), _DOOR_M) / speeds_mps + waits_s
    return _Ride(line_m, np.concatenate([[0.0], np.cumsum(steps_s)]))


def _moving(ride: _Ride, leave_s: float, rng: np.random.Generator) -> Track:
    total_s = float(ride.elapsed_s[-1])
    # each phone and way has its own rhythm
    least_s = _MOVING_S[0] + (_MOVING_S[1] - _MOVING_S[0] - _UNEVEN_S) * float(rng.random())
    at_s = _instants(leave_s, leave_s + total_s, (least_s, least_s + _UNEVEN_S), rng)
    since_s = at_s - leave_s
    at_m = np.column_stack([np.interp(since_s, ride.elapsed_s, ride.line_m[:, axis]) for axis in (0, 1)])
    edge = np.clip(np.searchsorted(ride.elapsed_s, since_s, side="right") - 1, 0, len(ride.line_m) - 2)
    speed_mps = (lengths_m(ride.line_m) / np.diff(ride.elapsed_s))[edge]
    return Track(at_s, at_m, speed_mps, np.zeros(len(at_s), dtype=np.bool_))


def _instants(start_s: float, end_s: float, between_s: tuple[float, float], rng: np.random.Generator) -> Floats:
    """Instants in (start, end) with uniformly drawn distances, to a millisecond."""
    least_s, most_s = between_s
    steps_s = least_s + (most_s - least_s) * rng.random(int(max(end_s - start_s, 0) / least_s) + 1)
    at_s = np.round(start_s + np.cumsum(steps_s), 3)
    return np.asarray(at_s[at_s < end_s], dtype=np.float64)
