"""The city's own plane: metres east and north of its centre, and the degrees they stand for."""

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]
Points: TypeAlias = NDArray[np.float64]  # shape (n, 2): metres east, metres north

CENTER_LAT_DEG = 52.0
CENTER_LON_DEG = 13.9
# one degree at 52° N on the WGS 84 ellipsoid; over the two kilometres to the edge of the city both are right to 0.1 %
M_PER_DEG_LAT = 111_267.353
M_PER_DEG_LON = 68_678.016


def point(east_m: float, north_m: float) -> Points:
    """One place as shape (2,)."""
    return np.array([east_m, north_m], dtype=np.float64)


def unit(angle_rad: float) -> Points:
    """The unit vector at that angle, counter-clockwise from east; shape (2,)."""
    return point(float(np.cos(angle_rad)), float(np.sin(angle_rad)))


def to_cm(points_m: Points) -> Points:
    """Rounded to a centimetre, so that the last bits of a processor's sine leave no trace in a file."""
    rounded: Points = np.round(points_m, 2)
    return rounded


def lat_deg(north_m: Floats) -> Floats:
    """Degrees, rounded to 1e-7 (about a centimetre)."""
    rounded: Floats = np.round(CENTER_LAT_DEG + north_m / M_PER_DEG_LAT, 7)
    return rounded


def lon_deg(east_m: Floats) -> Floats:
    """Degrees, rounded to 1e-7 (about a centimetre)."""
    rounded: Floats = np.round(CENTER_LON_DEG + east_m / M_PER_DEG_LON, 7)
    return rounded


def lon_lats(points_m: Points) -> list[list[float]]:
    """GeoJSON positions: [longitude, latitude] each."""
    pairs: list[list[float]] = np.column_stack([lon_deg(points_m[:, 0]), lat_deg(points_m[:, 1])]).tolist()
    return pairs


def lengths_m(points_m: Points) -> Floats:
    """The n-1 distances along a line of n points."""
    step = np.diff(points_m, axis=0)
    return np.asarray(np.sqrt(step[:, 0] ** 2 + step[:, 1] ** 2), dtype=np.float64)


def coordinates(geometry: Any) -> Points:
    """The vertices of a shapely line or ring, to a centimetre."""
    return to_cm(np.asarray(geometry.coords, dtype=np.float64)[:, :2])
