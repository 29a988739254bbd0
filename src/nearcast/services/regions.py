"""Countries by time zone, as the zone database tells them.

A zone is finer than a country where a country has several, and coarser than a state: which state of the United States a
customer is in is not told by their clock.
"""

from collections.abc import Iterator
from functools import cache
from importlib.resources import files


@cache
def countries_of_zones() -> dict[str, frozenset[str]]:
    """ISO 3166 codes of the countries that each zone name may lie in; zones of no country (UTC, Etc/…) are left out.

    A name of a country's own is that country's alone (Europe/Oslo); any other old name has every country of the zone
    that it means. Source: zone.tab, zone1970.tab and the links of tzdata.
    """
    own: dict[str, set[str]] = {}
    for code, _, name in _rows("zone.tab"):
        own.setdefault(name, set()).add(code)
    shared = {name: set(codes.split(",")) for codes, _, name in _rows("zone1970.tab")}
    links = dict(links_of_zones())
    told = {**{link: shared.get(target, set()) for link, target in links.items()}, **shared, **own}
    return {name: frozenset(codes) for name, codes in told.items() if codes}


@cache
def links_of_zones() -> dict[str, str]:
    """Other names of zones, and the zone that each means."""
    words = (line.split() for line in _text("tzdata.zi").splitlines() if line.startswith("L "))
    return {link: target for _, target, link in words}


def _rows(name: str) -> Iterator[list[str]]:
    for line in _text(name).splitlines():
        if line and not line.startswith("#"):
            yield line.split("\t")[:3]


def _text(name: str) -> str:
    return (files("tzdata") / "zoneinfo" / name).read_text(encoding="utf-8")
