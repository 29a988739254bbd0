"""The streets of Nahstadt: a crooked old town within its wall road, eight avenues, a ring road, a river, and blocks."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
from shapely.geometry import LineString, Polygon

from nearcast.sim.plane import Points, coordinates, point, to_cm, unit
from nearcast.sim.street_names import AVENUES, FOOTPATHS, lanes, side_streets

WALL_M = 430.0
RING_M = 1450.0
EDGE_M = 2050.0
BANK_M = 30.0  # no street comes nearer to the middle of the river, bridges excepted
_OVERSHOOT_M = 1.0  # side streets run this far past the street they end at, so that rounding cannot part the two

# Grounds without through streets: east_m, north_m, radius_m.
GROUNDS: dict[str, tuple[float, float, float]] = {
    "arcade": (720, 260, 80),
    "campus": (-980, 560, 120),
    "hospital": (240, 1080, 95),
    "offices": (1080, -180, 105),
    "works": (-1080, -1300, 150),
    "station": (-560, -170, 75),
    "park": (-250, 800, 200),
}
_AVENUE_ANGLES_DEG = (4.0, 45.0, 87.0, 134.0, 178.0, 214.0, 270.0, 318.0)  # each passes between the grounds


@dataclass(frozen=True, slots=True)
class Street:
    """A line to draw and, unless it is the river, to walk; `line_m` has shape (n, 2)."""

    name: str
    kind: str  # ring | avenue | street | lane | path | bridge | river
    line_m: Points


def lay_streets(rng: np.random.Generator) -> list[Street]:
    """All streets; the same generator state gives the same city."""
    river = _river(rng)
    water = LineString(river).buffer(BANK_M)
    wall = Street("Wallring", "ring", _loop(WALL_M, 24, 0.05, rng))
    ring = Street("Ringstraße", "ring", _loop(RING_M, 48, 0.03, rng))
    avenues = [
        Street(name, "avenue", _avenue(angle, rng)) for name, angle in zip(AVENUES, _AVENUE_ANGLES_DEG, strict=True)
    ]
    main = [wall, ring, *avenues, *_quays(river)]
    streets = _bridged(main, water)
    streets += _old_town(wall.line_m, rng)
    streets += _districts(main, water, rng)
    streets += _park_paths()
    return [*streets, Street("Spreite", "river", river)]


def _loop(radius_m: float, corners: int, wobble: float, rng: np.random.Generator) -> Points:
    """A closed line round the centre, oval and a little uneven."""
    phase_rad = 2 * np.pi * rng.random()
    angles_rad = 2 * np.pi * np.arange(corners) / corners
    radii_m = radius_m * (1 + wobble * np.sin(2 * angles_rad + phase_rad) + 0.01 * rng.standard_normal(corners))
    loop = np.column_stack([radii_m * np.cos(angles_rad), radii_m * np.sin(angles_rad)])
    return to_cm(np.vstack([loop, loop[:1]]))


def _avenue(angle_deg: float, rng: np.random.Generator) -> Points:
    """From just inside the wall road to the edge, with a slight bend."""
    angle_rad = np.radians(angle_deg + rng.standard_normal())
    distances_m = np.linspace(WALL_M - 50, EDGE_M, 6)
    bends_m = np.array([0.0, 0, 1, 1, -1, -1]) * 12 * rng.standard_normal(6)
    return to_cm(distances_m[:, None] * unit(angle_rad) + bends_m[:, None] * unit(angle_rad + np.pi / 2))


def _river(rng: np.random.Generator) -> Points:
    """From the west to the east, south of the old town."""
    east_m = np.linspace(-2300, 2300, 30)
    north_m = -590 + 95 * np.sin(east_m / 620 + 0.6 * rng.random()) - 0.04 * east_m
    return to_cm(np.column_stack([east_m, north_m]))


def _quays(river: Points) -> list[Street]:
    inner = Polygon(_circle(RING_M + 250))
    banks = (("Nordufer", 45.0), ("Südufer", -45.0))
    lines = [(name, LineString(river).offset_curve(offset_m).intersection(inner)) for name, offset_m in banks]
    return [Street(name, "street", coordinates(line)) for name, line in lines]


def _circle(radius_m: float, center_m: tuple[float, float] = (0.0, 0.0), corners: int = 64) -> Points:
    angles_rad = 2 * np.pi * np.arange(corners) / corners
    return np.column_stack([center_m[0] + radius_m * np.cos(angles_rad), center_m[1] + radius_m * np.sin(angles_rad)])


def _bridged(streets: list[Street], water: Any) -> list[Street]:
    """The same streets, cut where they cross the water; what lies over it is a bridge."""
    parts = []
    for street in streets:
        line = LineString(street.line_m)
        for dry in _lines(line.difference(water)):
            parts.append(Street(street.name, street.kind, coordinates(dry)))
        for wet in _lines(line.intersection(water)):
            name = "Alte Brücke" if street.name == AVENUES[6] else f"{street.name}, Brücke"
            parts.append(Street(name, "bridge", coordinates(wet)))
    return parts


def _old_town(wall: Points, rng: np.random.Generator) -> list[Street]:
    """Rows and columns of lanes, turned by nine degrees and none of them straight."""
    inside = Polygon(wall).buffer(_OVERSHOOT_M)
    steps_m = 78.0 * np.arange(-7, 8)
    along, across = unit(0.16), unit(0.16 + np.pi / 2)
    corners = steps_m[:, None, None] * along + steps_m[None, :, None] * across + 11 * rng.standard_normal((15, 15, 2))
    names = iter(lanes(rng))
    streets = []
    for line in (*corners, *corners.transpose(1, 0, 2)):
        parts = _lines(LineString(line).intersection(inside))
        if parts:
            name = next(names)
            streets += [Street(name, "lane", coordinates(part)) for part in parts]
    return streets


def _districts(main: list[Street], water: Any, rng: np.random.Generator) -> list[Street]:
    """Between the main streets each district has a grid of its own, wider outside the ring."""
    borders = [LineString(street.line_m) for street in main] + [Polygon(_circle(EDGE_M)).exterior]
    cells = shapely.polygonize([shapely.unary_union(borders)]).geoms
    closed = shapely.unary_union([Polygon(_circle(r, (e, n), 16)) for e, n, r in GROUNDS.values()])
    names = iter(side_streets(rng))
    streets = []
    for cell in sorted(cells, key=lambda cell: (round(cell.centroid.x), round(cell.centroid.y))):
        center_m = point(cell.centroid.x, cell.centroid.y)
        from_center_m = float(np.sqrt((center_m**2).sum()))
        if from_center_m < WALL_M / 2 or cell.area < 20_000:
            continue
        spacing_m = 118.0 if from_center_m < RING_M else 165.0
        angle_rad = float(np.arctan2(center_m[1], center_m[0]) + 0.12 * rng.standard_normal())
        for line in _grid(center_m, angle_rad, spacing_m, rng):
            parts = _lines(line.intersection(cell.buffer(_OVERSHOOT_M)).difference(water).difference(closed))
            if parts:
                name = next(names)
                streets += [Street(name, "street", coordinates(part)) for part in parts]
    return streets


def _grid(center_m: Points, angle_rad: float, spacing_m: float, rng: np.random.Generator) -> list[Any]:
    """Long lines in two directions; one in six stops half way, as a street does at a railway or a wall."""
    lines = []
    for turn_rad, stretch in ((0.0, 1.0), (np.pi / 2, 1.35)):
        along, across = unit(angle_rad + turn_rad), unit(angle_rad + turn_rad + np.pi / 2)
        for step in range(-9, 10):
            offset_m = spacing_m * stretch * (step + 0.22 * (rng.random() - 0.5))
            start_m = -1500.0 if rng.random() > 1 / 6 else 300 * float(rng.random()) - 150
            ends = [center_m + offset_m * across + reach_m * along for reach_m in (start_m, 1500.0)]
            lines.append(LineString(ends))
    return lines


def _park_paths() -> list[Street]:
    east_m, north_m, radius_m = GROUNDS["park"]
    round_walk = _circle(0.55 * radius_m, (east_m, north_m), 20)
    center_m = point(east_m, north_m)
    spokes = [
        Street(name, "path", to_cm(np.array([center_m + reach * radius_m * unit(angle) for reach in (0.55, 1.3)])))
        for name, angle in zip(FOOTPATHS[1:], 2 * np.pi * np.arange(5) / 5, strict=True)
    ]
    return [Street(FOOTPATHS[0], "path", to_cm(np.vstack([round_walk, round_walk[:1]]))), *spokes]


def _lines(geometry: Any, least_m: float = 12.0) -> list[Any]:
    """The lines in whatever an intersection left; stubs and touching points are dropped."""
    parts = getattr(geometry, "geoms", [geometry])
    return [part for part in parts if part.geom_type == "LineString" and part.length >= least_m]
