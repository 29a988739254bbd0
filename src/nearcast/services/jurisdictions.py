"""The hours in which the law of a place, or its custom, asks for silence: a table, and the zones that it holds in.

Nobody's country or state is known for certain: a customer's clocks tell the country mostly, the state hardly ever. A
zone has the hours of all the states that it lies in, so that the strictest holds.
"""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Literal, TypeAlias

from nearcast.domain.errors import InvalidInput
from nearcast.domain.quiet_hours import QuietRule, QuietSource
from nearcast.services.documents import read_document
from nearcast.services.public_holidays import PublicHolidays
from nearcast.services.quiet_windows import quiet_rules
from nearcast.services.regions import countries_of_zones, links_of_zones
from nearcast.services.scalars import Day
from nearcast.services.scenario import QuietWindowShape, Shape

ByZone: TypeAlias = Mapping[str, tuple[QuietRule, ...]]
_TABLE = Path(__file__).with_name("jurisdictions.yaml")


class Jurisdiction(Shape):
    """A row: what is asked for, since when, who says so and how sure that is."""

    code: str
    name: str
    grade: Literal["law", "disputed", "secondary", "custom"]
    source: str
    note: str | None = None
    since: Day | None = None
    holidays: str | None = None
    quiet: list[QuietWindowShape]


class JurisdictionTable(Shape):
    """`zones` names the states that a zone lies in by their ISO 3166-2 codes, with or without a row here; a zone that
    is missing may lie in any of its country's.
    """

    elsewhere: list[Jurisdiction]
    countries: list[Jurisdiction]
    states: list[Jurisdiction]
    zones: dict[str, list[str]]


@cache
def jurisdictions() -> JurisdictionTable:
    """The table as it is shipped."""
    return JurisdictionTable.model_validate(read_document(_TABLE))


@cache
def quiet_by_zone(only: frozenset[str] | None = None) -> tuple[ByZone, tuple[QuietRule, ...]]:
    """The rules of each time zone, and those of every other one.

    `only` narrows the states of a zone to these, in zones that lie in one of them; countries hold in any case.
    InvalidInput for a code that no zone lies in.
    """
    table = jurisdictions()
    named = {code for codes in table.zones.values() for code in codes}
    for code in sorted((only or frozenset()) - named):
        raise InvalidInput(f"{code!r} is none of the states that are told apart: {', '.join(sorted(named))}")
    made = {row.code: tuple(_rules(row)) for row in (*table.countries, *table.states)}
    found: dict[str, tuple[QuietRule, ...]] = {}
    for zone, countries in countries_of_zones().items():
        states = _states(zone, countries, table)
        narrowed = [code for code in states if only is not None and code in only]
        codes = [*sorted(countries), *(narrowed or states)]
        rules = tuple(rule for code in codes for rule in made.get(code, ()))
        if rules:
            found[zone] = rules
    return found, tuple(rule for row in table.elsewhere for rule in _rules(row))


def _states(zone: str, countries: frozenset[str], table: JurisdictionTable) -> list[str]:
    known = table.zones.get(links_of_zones().get(zone, zone))
    if known is not None:
        return known
    return [row.code for row in table.states if row.code.partition("-")[0] in countries]


def _rules(row: Jurisdiction) -> list[QuietRule]:
    return quiet_rules(
        row.quiet,
        QuietSource.JURISDICTION,
        place=row.code,
        name=row.code,
        holidays=PublicHolidays.named(row.holidays) if row.holidays else None,
        since=row.since,
    )
