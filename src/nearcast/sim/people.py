"""Five hundred customers: where they live and work, how they move, what they are tagged with."""

from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from nearcast.sim.plane import Points, point, to_cm
from nearcast.sim.routes import Mode, Routes
from nearcast.sim.shops import Shop
from nearcast.sim.streets import GROUNDS, WALL_M

CUSTOMERS = 500
Card = TypeVar("Card")
_MODE_SHARES: tuple[tuple[Mode, float], ...] = (("foot", 0.7), ("bicycle", 0.2), ("car", 0.1))
_LIFE_SHARES = (("worker", 0.56), ("student", 0.19), ("errands", 0.19), ("visitor", 0.016), ("at_home", 0.044))
_TAG_SHARES = (("vip", 0.08), ("lunch", 0.42), ("loyalty", 0.3), ("family", 0.22), ("newcomer", 0.1))
_FOREIGN_ZONES = ("Europe/London", "America/New_York", "Asia/Tokyo", "Europe/Lisbon")
_WORK_SHARES = {
    "town": 0.3,
    "offices": 0.27,
    "hospital": 0.12,
    "works": 0.1,
    "campus": 0.06,
    "arcade": 0.08,
    "station": 0.07,
}


@dataclass(frozen=True, slots=True)
class Place:
    """Somewhere to stay. `corner` is where its way meets the streets; people move about within `spread_m`."""

    kind: str  # home | work | campus | shop
    at_m: Points
    corner: int
    spread_m: float
    shop_id: str | None = None


@dataclass(frozen=True, slots=True)
class Customer:
    """One customer; `pace` multiplies the usual speed, `work` is None for those who go nowhere regularly."""

    id: str
    timezone: str | None
    tags: tuple[str, ...]
    life: str  # worker | student | errands | visitor | at_home
    mode: Mode
    pace: float
    home: Place
    work: Place | None

    def row(self) -> dict[str, object]:
        """As a scenario has it."""
        row: dict[str, object] = {"id": self.id}
        if self.timezone is not None:
            row["timezone"] = self.timezone
        return row | ({"tags": list(self.tags)} if self.tags else {})


def settle(routes: Routes, rng: np.random.Generator) -> list[Customer]:
    """All customers, cust-0001 first; the shares of modes and lives are exact, who has them is drawn."""
    modes = _dealt(_MODE_SHARES, rng)
    lives = _dealt(_LIFE_SHARES, rng)
    homes = _home_corners(routes)
    return [_customer(n, modes[n], lives[n], homes, routes, rng) for n in range(CUSTOMERS)]


def shop_places(shops: list[Shop], routes: Routes) -> dict[str, list[Place]]:
    """The sites of every shop as places to go to."""
    return {
        shop.id: [Place("shop", site_m, routes.nearest(site_m), 4.0, shop.id) for site_m in shop.sites_m]
        for shop in shops
    }


def _dealt(shares: tuple[tuple[Card, float], ...], rng: np.random.Generator) -> list[Card]:
    cards = [value for value, share in shares for _ in range(round(share * CUSTOMERS))]
    return [cards[n] for n in rng.permutation(len(cards))]


def _home_corners(routes: Routes) -> list[int]:
    """People live everywhere outside the wall road, and few within it."""
    from_center_m2 = (routes.corners_m**2).sum(axis=1)
    outside = np.flatnonzero(from_center_m2 > (WALL_M + 60) ** 2)
    inside = np.flatnonzero(from_center_m2 < WALL_M**2)[::4]
    return [*outside.tolist(), *inside.tolist()]


def _customer(n: int, mode: Mode, life: str, homes: list[int], routes: Routes, rng: np.random.Generator) -> Customer:
    # three homes are drawn and walkers take the one nearest to the centre: nobody walks far every day
    drawn = [homes[rng.integers(len(homes))] for _ in range(3)]
    corner = min(drawn, key=lambda c: float((routes.corners_m[c] ** 2).sum())) if mode == "foot" else drawn[0]
    home_m = to_cm(routes.corners_m[corner] + 12 * rng.standard_normal(2))
    home = Place("home", home_m, corner, 5.0)
    tags = [tag for tag, share in _TAG_SHARES if rng.random() < share]
    if life == "student":
        tags.append("student")
    if mode == "bicycle" or rng.random() < 0.08:
        tags.append("cyclist")
    known_zone = rng.random() < 0.93
    zone = _FOREIGN_ZONES[rng.integers(len(_FOREIGN_ZONES))] if life == "visitor" else "Europe/Berlin"
    pace = float(np.clip(1 + 0.09 * rng.standard_normal(), 0.8, 1.2))
    return Customer(
        id=f"cust-{n + 1:04d}",
        timezone=zone if known_zone or life == "visitor" else None,
        tags=tuple(tags),
        life=life,
        mode=mode,
        pace=pace,
        home=home,
        work=_work(life, mode, home_m, routes, rng),
    )


def _work(life: str, mode: Mode, home_m: Points, routes: Routes, rng: np.random.Generator) -> Place | None:
    if life not in ("worker", "student"):
        return None
    if life == "student":
        return _on_grounds("campus", "campus", routes, rng)
    wishes = [_work_site(routes, rng) for _ in range(3 if mode == "foot" else 1)]
    return min(wishes, key=lambda place: float(((place.at_m - home_m) ** 2).sum()))


def _work_site(routes: Routes, rng: np.random.Generator) -> Place:
    sites = list(_WORK_SHARES)
    site = sites[int(np.searchsorted(np.cumsum(list(_WORK_SHARES.values())), rng.random()))]
    if site != "town":
        return _on_grounds(site, "work", routes, rng)
    at_m = to_cm(0.45 * WALL_M * rng.standard_normal(2))
    return Place("work", at_m, routes.nearest(at_m), 6.0)


def _on_grounds(name: str, kind: str, routes: Routes, rng: np.random.Generator) -> Place:
    east_m, north_m, radius_m = GROUNDS[name]
    at_m = to_cm(point(east_m, north_m) + 0.35 * radius_m * np.clip(rng.standard_normal(2), -1.8, 1.8))
    return Place(kind, at_m, routes.nearest(at_m), 6.0)
