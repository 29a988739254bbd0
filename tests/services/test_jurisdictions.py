"""The table of hours by country and state: what is in it, whose clock it holds by, and that nobody falls through."""

from datetime import date, datetime
from zoneinfo import ZoneInfo, available_timezones

import pytest

from nearcast.domain.errors import InvalidInput
from nearcast.domain.quiet_hours import QuietHours, silence
from nearcast.services.jurisdictions import jurisdictions, quiet_by_zone
from nearcast.services.public_holidays import PublicHolidays
from nearcast.services.regions import countries_of_zones
from tests.domain.builders import local

EVERYWHERE = QuietHours((), *quiet_by_zone())


def asked(wall: str, zone_name: str, hours: QuietHours = EVERYWHERE) -> list[str]:
    zone = ZoneInfo(zone_name)
    found = silence([hours], local(wall, zone), [zone], channel="sms")
    return [] if found is None else [rule.name or "" for _, rule in found.rules]


def ends(wall: str, zone_name: str) -> datetime | None:
    zone = ZoneInfo(zone_name)
    found = silence([EVERYWHERE], local(wall, zone), [zone], channel="sms")
    return None if found is None else found.until


# --- the table


def test_every_row_says_who_says_so_and_holds_at_some_time() -> None:
    table = jurisdictions()
    rows = [*table.elsewhere, *table.countries, *table.states]
    assert len({row.code for row in rows}) == len(rows)
    assert all(row.source and row.quiet for row in rows)
    assert {row.grade for row in rows} == {"law", "disputed", "secondary", "custom"}


def test_the_holidays_that_rows_name_are_known() -> None:
    table = jurisdictions()
    named = [row.holidays for row in (*table.countries, *table.states) if row.holidays]
    assert "FR" in named
    for region in named:
        assert PublicHolidays.of(region) == PublicHolidays.named(region)


def test_every_state_with_a_row_lies_in_a_zone_and_every_zone_is_one() -> None:
    table = jurisdictions()
    in_a_zone = {code for codes in table.zones.values() for code in codes}
    assert {row.code for row in table.states} <= in_a_zone
    assert set(table.zones) <= available_timezones()
    american = {zone for zone, countries in countries_of_zones().items() if "US" in countries and "/" in zone}
    assert set(table.zones) <= american


# --- what holds where


@pytest.mark.parametrize(
    ("wall", "zone", "expected"),
    [
        # Berlin has custom only
        ("2026-06-02 20:59:59", "Europe/Berlin", []),
        ("2026-06-02 21:00", "Europe/Berlin", ["DE"]),
        ("2026-06-03 08:00", "Europe/Berlin", []),
        # France: evenings, Sundays, holidays
        ("2026-07-10 21:59:59", "Europe/Paris", []),
        ("2026-07-10 22:00", "Europe/Paris", ["FR"]),
        ("2026-07-12 12:00", "Europe/Paris", ["FR"]),
        ("2026-07-14 12:00", "Europe/Paris", ["FR"]),
        ("2026-07-15 12:00", "Europe/Paris", []),
        # one state is all that the zone lies in
        ("2026-06-02 20:59:59", "America/Detroit", []),
        ("2026-06-02 21:00", "America/Detroit", ["US", "US-MI"]),
        ("2026-06-03 08:30", "America/Detroit", ["US-MI"]),
        # only the federal hours
        ("2026-06-03 08:00", "Pacific/Honolulu", []),
        ("2026-06-03 07:59:59", "Pacific/Honolulu", ["US"]),
        # a zone of many states has the hours of each
        ("2026-06-03 08:30", "America/New_York", ["US-CT", "US-KY", "US-RI"]),
        ("2026-06-02 18:00", "America/New_York", ["US-RI"]),
        ("2026-06-02 12:00", "America/New_York", []),
        ("2026-06-07 11:00", "America/Denver", ["US-TX"]),  # a Sunday
        ("2026-06-07 12:00", "America/Denver", []),
        ("2025-08-31 11:00", "America/Denver", []),  # the Sunday before texts were covered
        # an old name means the same
        ("2026-06-02 18:00", "US/Eastern", ["US-RI"]),
        ("2026-06-02 21:00", "GB", ["GB"]),
        # a country without a row, and clocks of no country
        ("2026-06-02 21:00", "Asia/Tokyo", ["*"]),
        ("2026-06-02 20:59:59", "Asia/Tokyo", []),
        ("2026-06-02 21:00", "UTC", ["*"]),
        ("2026-06-02 21:00", "Etc/GMT+5", ["*"]),
    ],
)
def test_hours_by_zone(wall: str, zone: str, expected: list[str]) -> None:
    assert asked(wall, zone) == expected


def test_nobody_is_written_to_at_night_whatever_their_zone() -> None:
    for name in available_timezones():
        assert asked("2026-06-02 23:30", name), name
        assert not asked("2026-06-03 12:00", name), name


def test_a_french_weekend_before_a_holiday_ends_with_it() -> None:
    """Easter Monday 2026 follows a Sunday."""
    assert ends("2026-04-04 23:00", "Europe/Paris") == local("2026-04-07 08:00", ZoneInfo("Europe/Paris"))


# --- the states that a tenant has customers in


def narrowed(*states: str) -> QuietHours:
    return QuietHours((), *quiet_by_zone(frozenset(states)))


def test_named_states_are_the_only_ones_of_their_zones() -> None:
    assert asked("2026-06-02 20:00", "America/New_York", narrowed("US-NY")) == []
    assert asked("2026-06-02 20:00", "America/New_York", narrowed("US-NY", "US-FL")) == ["US-FL"]
    assert asked("2026-06-02 21:00", "America/New_York", narrowed("US-NY")) == ["US"]


def test_elsewhere_all_states_of_a_zone_hold_on() -> None:
    """Customers of New York travel."""
    assert asked("2026-06-07 11:00", "America/Denver", narrowed("US-NY")) == ["US-TX"]
    assert asked("2026-07-12 12:00", "Europe/Paris", narrowed("US-NY")) == ["FR"]


@pytest.mark.parametrize("code", ["US-XX", "NY", "FR", ""])
def test_a_state_that_is_not_told_apart_is_named(code: str) -> None:
    with pytest.raises(InvalidInput, match="is none of the states that are told apart") as refused:
        quiet_by_zone(frozenset({code}))
    assert repr(code) in str(refused.value)


# --- holidays and countries


def test_public_holidays_of_a_country_and_of_its_parts() -> None:
    assert date(2026, 7, 14) in PublicHolidays.of("FR")
    assert date(2026, 7, 15) not in PublicHolidays.of("FR")
    epiphany = date(2026, 1, 6)
    assert epiphany in PublicHolidays.of("DE-BY")
    assert epiphany not in PublicHolidays.of("DE")


@pytest.mark.parametrize("region", ["", "XX", "DE-XX", "Germany", "FR-"])
def test_holidays_that_nobody_knows_are_named(region: str) -> None:
    with pytest.raises(InvalidInput):
        PublicHolidays.of(region)


@pytest.mark.parametrize(
    ("zone", "countries"),
    [
        ("Europe/Oslo", {"NO"}),  # a link whose name is Norway's own
        ("Europe/Berlin", {"DE"}),
        ("Asia/Calcutta", {"IN"}),
        ("America/New_York", {"US"}),
    ],
)
def test_the_countries_of_a_zone(zone: str, countries: set[str]) -> None:
    assert countries_of_zones()[zone] == countries


def test_clocks_of_no_country() -> None:
    assert not {"UTC", "Etc/GMT+5", "GMT"} & countries_of_zones().keys()
