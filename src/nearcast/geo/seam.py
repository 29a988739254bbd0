"""The antimeridian and the poles: rings whose longitudes run on instead of jumping.

An edge spanning more than 180° of longitude goes the short way. Where a ring follows a pole its longitude means
nothing, and an edge along the pole may span whatever closes the ring.
"""

import numpy as np

from nearcast.domain.errors import InvalidGeofence
from nearcast.geo.batch import Floats


def unwrapped(ring: Floats, place: str) -> Floats:
    """A closed ring, (n, 2) of lon, lat, with continuous longitudes; n + 1 where a vertex at a pole was doubled.

    InvalidGeofence where the ring winds round a pole without touching it, or more than once round the earth.
    """
    lon, lat = ring[:, 0], ring[:, 1]
    if np.ptp(lon) <= 180.0:
        return ring
    step = np.diff(lon)
    along_pole = (np.abs(lat[:-1]) == 90.0) & (lat[:-1] == lat[1:])
    turns = np.where(along_pole, 0.0, -np.rint(step / 360.0))  # half a turn is none: rint rounds to even
    whole_turns = np.rint((step + 360.0 * turns).sum() / 360.0)
    if whole_turns != 0.0:
        at_pole = np.flatnonzero(along_pole)
        if at_pole.size == 0:
            return unwrapped(_with_pole_edge(ring, whole_turns, place), place)
        turns[at_pole[0]] -= whole_turns
    run_on = np.column_stack([lon + 360.0 * np.concatenate([[0.0], np.cumsum(turns)]), lat])
    span_deg = float(np.ptp(run_on[:, 0]))
    if span_deg > 360.0:
        raise InvalidGeofence(f"the ring spans {span_deg:g}° of longitude, more than the earth", place=place)
    return run_on


def _with_pole_edge(ring: Floats, whole_turns: float, place: str) -> Floats:
    """The ring with its first vertex at a pole doubled, so that the two can lie at different longitudes."""
    at_pole = np.flatnonzero(np.abs(ring[:, 1]) == 90.0)
    if at_pole.size == 0 or abs(whole_turns) > 1.0:
        raise InvalidGeofence(
            "the ring winds round a pole, so it has no inside in longitude and latitude; use a circle (a Point with"
            " radius_m), or lead the ring along the pole with vertices at latitude ±90",
            place=place,
        )
    first = int(at_pole[0])
    return np.insert(ring, first, ring[first], axis=0)


def moved_east(lonlat: Floats, by_deg: float) -> Floats:
    return np.column_stack([lonlat[:, 0] + by_deg, lonlat[:, 1]])


def turns_into(lon_deg: float, about_lon_deg: float) -> float:
    """The degrees, a multiple of 360, that bring `lon_deg` within 180 of `about_lon_deg`."""
    return 360.0 * float(np.rint((about_lon_deg - lon_deg) / 360.0))


def turns_home(middle_lon_deg: float) -> float:
    """The degrees, a multiple of 360, that bring `middle_lon_deg` into [-180, 180)."""
    return -360.0 * float(np.floor((middle_lon_deg + 180.0) / 360.0))
