"""What each customer means to do that day: a list of places, and when to leave them."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from nearcast.sim.people import Customer, Place
from nearcast.sim.plane import Points
from nearcast.sim.shop_list import STAY_MIN
from nearcast.sim.shops import Shop

DAY_S = 86_400.0
_HOUR_S = 3600.0
_LUNCH_KINDS = ("lunch", "bakery", "cafe", "deli")
_ERRAND_WEIGHTS = {
    **dict.fromkeys(("cafe", "books", "pharmacy", "deli", "ice", "fashion", "electronics", "florist", "toys"), 1),
    **dict.fromkeys(("kiosk", "bicycles", "diy", "garden", "hair", "optician", "tailor", "copies", "gym"), 1),
    **dict.fromkeys(("drugstore", "bakery"), 1),
    "food": 3,
}
_ERRAND_KINDS = tuple(kind for kind, weight in _ERRAND_WEIGHTS.items() for _ in range(weight))
_CYCLIST_KINDS = ("bicycles", "bicycles", *_ERRAND_KINDS)
_DRIVER_KINDS = ("fuel", "fuel", "fuel", "diy", "garden", *_ERRAND_KINDS)
_EVENING_KINDS = ("bar", "bar", "bar", "cinema", "lunch", "gym")


@dataclass(frozen=True, slots=True)
class Stop:
    """Stay for `stay_s`, and at least until `until_s` after local midnight; then go on to the next stop."""

    place: Place
    until_s: float = 0.0
    stay_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Town:
    """The shops and their places by id."""

    shops: list[Shop]
    places: dict[str, list[Place]]


def plan_day(customer: Customer, town: Town, rng: np.random.Generator) -> list[Stop]:
    """From home at midnight to home at midnight."""
    middle = _LIVES[customer.life](customer, town, rng)
    return [*middle, Stop(customer.home, until_s=DAY_S)]


def _worker(customer: Customer, town: Town, rng: np.random.Generator) -> list[Stop]:
    work = customer.work or customer.home
    stops = [Stop(customer.home, until_s=_at(rng, 7.55, 0.75))]
    if rng.random() < 0.3:
        stops.append(_visit(town, ("bakery", "kiosk"), customer.home.at_m, rng))
    stops.append(Stop(work, until_s=_at(rng, 12.1, 0.35)))
    if rng.random() < (0.8 if "lunch" in customer.tags else 0.35):
        stops.append(_visit(town, _LUNCH_KINDS, work.at_m, rng))
        if rng.random() < 0.3:
            stops.append(_visit(town, ("ice", "books", "pharmacy", "cafe"), work.at_m, rng))
    stops.append(Stop(work, until_s=_at(rng, 16.6, 0.6)))
    stops += _errands(customer, town, (0.25, 0.4, 0.35), work.at_m, rng)
    return stops + _evening(customer, town, 0.28, rng)


def _student(customer: Customer, town: Town, rng: np.random.Generator) -> list[Stop]:
    campus = customer.work or customer.home
    stops = [Stop(customer.home, until_s=_at(rng, 9.0, 0.8)), Stop(campus, until_s=_at(rng, 12.3, 0.6))]
    if rng.random() < 0.6:
        stops += [_visit(town, ("lunch",), campus.at_m, rng), Stop(campus, until_s=_at(rng, 14.8, 0.7))]
    stops += _errands(customer, town, (0.2, 0.45, 0.35), campus.at_m, rng)
    return stops + _evening(customer, town, 0.4, rng)


def _errand_day(customer: Customer, town: Town, rng: np.random.Generator) -> list[Stop]:
    stops = [Stop(customer.home, until_s=_at(rng, 9.9, 0.7))]
    stops += _errands(customer, town, (0.1, 0.4, 0.5), customer.home.at_m, rng)
    if rng.random() < 0.55:
        stops.append(Stop(customer.home, until_s=_at(rng, 15.3, 0.8), stay_s=2400))
        stops += _errands(customer, town, (0.0, 0.5, 0.5), customer.home.at_m, rng)
    return stops + _evening(customer, town, 0.12, rng)


def _visitor_day(customer: Customer, town: Town, rng: np.random.Generator) -> list[Stop]:
    stops = [Stop(customer.home, until_s=_at(rng, 9.5, 0.5))]
    for _ in range(5):
        stops.append(_visit(town, ("cafe", "lunch", "books", "ice", "fashion", "deli"), stops[-1].place.at_m, rng))
    return stops + _evening(customer, town, 0.6, rng)


def _home_day(customer: Customer, town: Town, rng: np.random.Generator) -> list[Stop]:
    if rng.random() < 0.4:
        return []
    near = _visit(town, ("food", "bakery", "pharmacy"), customer.home.at_m, rng)
    return [Stop(customer.home, until_s=_at(rng, 11.0, 1.5)), near]


def _errands(
    customer: Customer, town: Town, odds: tuple[float, float, float], from_m: Points, rng: np.random.Generator
) -> list[Stop]:
    """None, one or two shops, each chosen from where the last one was."""
    count = int(np.searchsorted(np.cumsum(odds), rng.random()))
    kinds = _DRIVER_KINDS if customer.mode == "car" else _ERRAND_KINDS
    kinds = _CYCLIST_KINDS if "cyclist" in customer.tags else kinds
    stops: list[Stop] = []
    for _ in range(min(count, 2)):
        stops.append(_visit(town, (kinds[rng.integers(len(kinds))],), from_m, rng))
        from_m = stops[-1].place.at_m
    return stops


def _evening(customer: Customer, town: Town, odds: float, rng: np.random.Generator) -> list[Stop]:
    if rng.random() >= odds:
        return []
    rest = Stop(customer.home, until_s=_at(rng, 19.3, 0.9), stay_s=1500)
    return [rest, _visit(town, (_EVENING_KINDS[rng.integers(len(_EVENING_KINDS))],), customer.home.at_m, rng)]


def _visit(town: Town, kinds: tuple[str, ...], from_m: Points, rng: np.random.Generator) -> Stop:
    """A shop of one of the kinds: the stronger its pull and the nearer it is, the likelier."""
    choices = [(shop, place) for shop in town.shops if shop.kind in kinds for place in town.places[shop.id]]
    distances_m = np.array([np.sqrt(((place.at_m - from_m) ** 2).sum()) for _, place in choices])
    odds = np.cumsum(np.array([shop.pull for shop, _ in choices]) / (250 + distances_m) ** 1.5)
    shop, place = choices[min(int(np.searchsorted(odds, rng.random() * odds[-1])), len(choices) - 1)]
    least_min, most_min = STAY_MIN[shop.kind]
    return Stop(place, stay_s=60 * (least_min + (most_min - least_min) * float(rng.random())))


def _at(rng: np.random.Generator, hour: float, spread_h: float) -> float:
    """Seconds after local midnight, around an hour."""
    return float((hour + spread_h * np.clip(rng.standard_normal(), -2.2, 2.2)) * _HOUR_S)


_LIVES: dict[str, Callable[[Customer, Town, np.random.Generator], list[Stop]]] = {
    "worker": _worker,
    "student": _student,
    "errands": _errand_day,
    "visitor": _visitor_day,
    "at_home": _home_day,
}
