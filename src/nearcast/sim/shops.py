"""Forty shops: what they are called, when they are open, and where in the city they stand."""

from dataclasses import dataclass

import numpy as np
import shapely
from shapely.geometry import LineString, Point

from nearcast.sim.plane import Points, lat_deg, lon_deg, point, to_cm, unit
from nearcast.sim.routes import Routes
from nearcast.sim.shop_list import CATALOGUE, Entry
from nearcast.sim.streets import GROUNDS, Street

_SETBACK_M = 13.0  # from the middle of the street to the counter


@dataclass(frozen=True, slots=True)
class Shop:
    """A shop with one or two sites; `sites_m` has shape (sites, 2), `facing_rad` is the direction of its street."""

    id: str
    name: str
    kind: str
    opening_hours: str
    closed_on: tuple[str, ...]
    pull: float  # how much more likely it is visited than another of its kind at the same distance
    sites_m: Points
    facing_rad: float

    @property
    def at_m(self) -> Points:
        """The main site, shape (2,)."""
        main: Points = self.sites_m[0]
        return main

    def row(self) -> dict[str, object]:
        """As a scenario has it."""
        row: dict[str, object] = {
            "id": self.id,
            "name": self.name,
            "lat": float(lat_deg(self.at_m[1:])[0]),
            "lon": float(lon_deg(self.at_m[:1])[0]),
            "timezone": "Europe/Berlin",
            "opening_hours": self.opening_hours,
        }
        return row | ({"closed_on": list(self.closed_on)} if self.closed_on else {})


def place_shops(streets: list[Street], routes: Routes, rng: np.random.Generator) -> list[Shop]:
    """The catalogue's shops, each moved by some metres and set beside the nearest street."""
    lines = [LineString(street.line_m) for street in streets]
    network = shapely.MultiLineString(lines)
    return [_place(entry, routes, network, rng) for entry in CATALOGUE]


def _place(entry: Entry, routes: Routes, network: shapely.MultiLineString, rng: np.random.Generator) -> Shop:
    sites = []
    facing_rad = 0.0
    for n, (east_m, north_m) in enumerate(entry.near_m):
        site_m, street_rad = point(east_m, north_m), 0.16
        if not _on_grounds(site_m):
            wish_m = site_m + 12 * rng.standard_normal(2)
            site_m, street_rad = _beside_street(wish_m, routes, network)
        facing_rad = street_rad if n == 0 else facing_rad
        sites.append(site_m)
    closed_on = ("2026-10-03", "2026-12-25") if "Su" not in entry.hours and entry.hours != "24/7" else ()
    return Shop(
        entry.id, entry.name, entry.kind, entry.hours, closed_on, entry.pull, to_cm(np.array(sites)), facing_rad
    )


def _on_grounds(place_m: Points) -> bool:
    """Whether the place lies where no street leads through: it then stays where it is."""
    return any(((place_m - point(e, n)) ** 2).sum() < radius_m**2 for e, n, radius_m in GROUNDS.values())


def _beside_street(wish_m: Points, routes: Routes, network: shapely.MultiLineString) -> tuple[Points, float]:
    """The side of the nearest street that has more room, and the street's direction in radians."""
    corner = routes.nearest(wish_m)
    here_m = routes.corners_m[corner]
    there_m = routes.corners_m[min(routes.edges[corner])]
    step_m = there_m - here_m
    street_rad = float(np.arctan2(step_m[1], step_m[0]))
    middle_m = (here_m + there_m) / 2
    sides = [middle_m + side * _SETBACK_M * unit(street_rad + np.pi / 2) for side in (-1, 1)]
    roomy = max(sides, key=lambda side_m: round(network.distance(Point(side_m)), 3))
    return roomy, street_rad
