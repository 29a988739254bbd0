"""Half-open windows at their edges: campaign dates, dayparts, opening hours, quiet hours; and when clocks change."""

from typing import Any

import pytest

from nearcast.domain.errors import InvalidInput
from tests.scenarios.harness import (
    CENTER,
    CUSTOMER,
    NOON,
    Position,
    Row,
    arrive,
    bare,
    berlin,
    circle,
    collection,
    later,
    only,
    ping,
    run,
    shop,
)

ALL_WEEK = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]


def verdict(tmp_path, scenario: Row) -> str:
    return only(run(tmp_path, scenario).verdicts())


# --- campaign dates


@pytest.mark.parametrize(
    ("when", "expected"),
    [
        ("2026-05-31T21:59:59Z", "suppress outside_window"),
        ("2026-05-31T22:00:00Z", "send"),
        ("2026-06-30T21:59:59Z", "send"),
        ("2026-06-30T22:00:00Z", "suppress outside_window"),
    ],
)
def test_active_from_and_until(tmp_path, when, expected):
    active = {"from": "2026-06-01T00:00:00+02:00", "until": "2026-07-01T00:00:00+02:00"}
    assert verdict(tmp_path, bare(*arrive(when), campaign={"active": active})) == expected


@pytest.mark.parametrize("state", ["paused", "ended"])
def test_a_campaign_that_is_not_active(tmp_path, state):
    assert verdict(tmp_path, bare(*arrive(), campaign={"state": state})) == "suppress campaign_inactive"


def test_a_draft_leaves_no_row(tmp_path):
    assert run(tmp_path, bare(*arrive(), campaign={"state": "draft"})).match_log == []


# --- dayparts


@pytest.mark.parametrize(
    ("wall", "expected"),
    [
        ("2026-06-02 09:59:59", "suppress outside_daypart"),
        ("2026-06-02 10:00:00", "send"),
        ("2026-06-02 19:59:59", "send"),
        ("2026-06-02 20:00:00", "suppress outside_daypart"),
        ("2026-06-03 12:00:00", "suppress outside_daypart"),
    ],
)
def test_daypart(tmp_path, wall, expected):
    """Tuesdays ten to eight."""
    dayparts = [{"days": ["tue"], "from": "10:00", "until": "20:00"}]
    assert verdict(tmp_path, bare(*arrive(berlin(wall)), campaign={"dayparts": dayparts})) == expected


@pytest.mark.parametrize(
    ("when", "expected"),
    [
        ("2026-03-29T00:59:59Z", "suppress outside_daypart"),  # 01:59:59
        ("2026-03-29T01:00:00Z", "send"),  # 03:00:00, the first instant after the gap
        ("2026-03-29T01:59:59Z", "send"),  # 03:59:59
        ("2026-03-29T02:00:00Z", "suppress outside_daypart"),  # 04:00:00
    ],
)
def test_a_daypart_that_starts_in_the_gap_starts_at_its_end(tmp_path, when, expected):
    """Berlin 2026-03-29: 02:30 does not exist."""
    dayparts = [{"days": ALL_WEEK, "from": "02:30", "until": "04:00"}]
    assert verdict(tmp_path, bare(*arrive(when), campaign={"dayparts": dayparts})) == expected


# --- opening hours


@pytest.mark.parametrize(
    ("wall", "expected"),
    [
        ("2026-06-06 07:59:59", "suppress shop_closed"),
        ("2026-06-06 08:00:00", "send"),
        ("2026-06-06 19:59:59", "send"),
        ("2026-06-06 20:00:00", "suppress shop_closed"),
        ("2026-06-07 12:00:00", "suppress shop_closed"),  # Sunday
        ("2026-10-02 12:00:00", "send"),
        ("2026-10-03 08:00:00", "suppress shop_closed"),  # a Saturday, closed on it
        ("2026-10-05 12:00:00", "send"),
    ],
)
def test_opening_hours_and_closed_on(tmp_path, wall, expected):
    cafe = shop(opening_hours="Mo-Sa 08:00-20:00", closed_on=["2026-10-03"])
    assert verdict(tmp_path, bare(*arrive(berlin(wall)), shops=[cafe])) == expected


@pytest.mark.parametrize(
    ("when", "expected"),
    [
        ("2026-10-02T21:59:59Z", "send"),
        ("2026-10-02T22:00:00Z", "suppress shop_closed"),
        ("2026-10-03T21:59:59Z", "suppress shop_closed"),
        ("2026-10-03T22:00:00Z", "send"),
    ],
)
def test_closed_on_is_a_day_of_the_shop(tmp_path, when, expected):
    """Local midnight to local midnight, for a shop that is open round the clock."""
    cafe = shop(opening_hours="Mo-Su 00:00-24:00", closed_on=["2026-10-03"])
    assert verdict(tmp_path, bare(*arrive(when), shops=[cafe])) == expected


@pytest.mark.parametrize(
    ("wall", "expected"),
    [
        ("2026-06-02 17:59:59", "suppress shop_closed"),
        ("2026-06-02 18:00:00", "send"),
        ("2026-06-03 01:59:59", "send"),
        ("2026-06-03 02:00:00", "suppress shop_closed"),
    ],
)
def test_opening_hours_over_midnight(tmp_path, wall, expected):
    bar = shop(opening_hours="Tu 18:00-02:00")
    assert verdict(tmp_path, bare(*arrive(berlin(wall)), shops=[bar])) == expected


def test_opening_hours_are_the_shops_not_the_tenants(tmp_path):
    """A tenant in Honolulu with a shop in Berlin: noon in Berlin is open."""
    scenario = bare(
        *arrive(),
        shops=[shop(opening_hours="Mo-Sa 08:00-20:00")],
        tenant={"timezone": "Pacific/Honolulu"},
    )
    assert verdict(tmp_path, scenario) == "send"


# --- quiet hours


def quiet(start: str, end: str, *events: Row, **more: Any) -> Row:
    return bare(*events, policy={"quiet_hours": [{"from": start, "until": end}]}, **more)


QUIET, FINE = "suppress quiet_hours", "send"


@pytest.mark.parametrize(
    ("start", "end", "when", "expected"),
    [
        # spring, 2026-03-29: at 01:00Z the clocks go from 02:00 to 03:00
        pytest.param("22:00", "02:30", "2026-03-29T00:59:59Z", QUIET, id="end in the gap: before it"),
        pytest.param("22:00", "02:30", "2026-03-29T01:00:00Z", FINE, id="end in the gap: at its end"),
        pytest.param("02:30", "06:00", "2026-03-29T00:59:59Z", FINE, id="start in the gap: before it"),
        pytest.param("02:30", "06:00", "2026-03-29T01:00:00Z", QUIET, id="start in the gap: at its end"),
        pytest.param("21:00", "08:00", "2026-03-29T05:59:59Z", QUIET, id="spring night: 07:59:59"),
        pytest.param("21:00", "08:00", "2026-03-29T06:00:00Z", FINE, id="spring night: 08:00"),
        # autumn, 2026-10-25: at 01:00Z the clocks go from 03:00 to 02:00
        pytest.param("22:00", "02:30", "2026-10-25T00:30:00Z", QUIET, id="end twice: at the first"),
        pytest.param("22:00", "02:30", "2026-10-25T01:29:59Z", QUIET, id="end twice: before the second"),
        pytest.param("22:00", "02:30", "2026-10-25T01:30:00Z", FINE, id="end twice: at the second"),
        pytest.param("02:30", "06:00", "2026-10-25T00:29:59Z", FINE, id="start twice: before the first"),
        pytest.param("02:30", "06:00", "2026-10-25T00:30:00Z", QUIET, id="start twice: at the first"),
        pytest.param("02:30", "06:00", "2026-10-25T01:15:00Z", QUIET, id="start twice: between the two"),
        pytest.param("21:00", "08:00", "2026-10-25T06:59:59Z", QUIET, id="autumn night: 07:59:59"),
        pytest.param("21:00", "08:00", "2026-10-25T07:00:00Z", FINE, id="autumn night: 08:00"),
    ],
)
def test_quiet_hours_when_berlin_changes_its_clocks(tmp_path, start, end, when, expected):
    """A window starts at the first and ends at the second of two equal local times: the quieter reading."""
    assert verdict(tmp_path, quiet(start, end, *arrive(when))) == expected


LORD_HOWE: Position = (-31.5500, 159.0800)
ISLAND: dict[str, Any] = {
    "customers": [{"id": CUSTOMER, "timezone": "Australia/Lord_Howe"}],
    "shops": [shop(position=LORD_HOWE, timezone="Australia/Lord_Howe")],
    "geofences": collection(circle("f1", LORD_HOWE, 150, shop_id="s1")),
    "tenant": {"timezone": "Australia/Lord_Howe"},
}


@pytest.mark.parametrize(
    ("start", "end", "when", "expected"),
    [
        # autumn, 2026-04-05: at 15:00Z the day before, the clocks go from 02:00 to 01:30; 01:45 is 14:45Z and 15:15Z
        ("22:00", "01:45", "2026-04-04T14:45:00Z", QUIET),
        ("22:00", "01:45", "2026-04-04T15:14:59Z", QUIET),
        ("22:00", "01:45", "2026-04-04T15:15:00Z", FINE),
        ("01:45", "06:00", "2026-04-04T14:44:59Z", FINE),
        ("01:45", "06:00", "2026-04-04T14:45:00Z", QUIET),
        ("01:45", "06:00", "2026-04-04T15:05:00Z", QUIET),
        # spring, 2026-10-04: at 15:30Z the day before, the clocks go from 02:00 to 02:30
        ("22:00", "02:15", "2026-10-03T15:29:59Z", QUIET),
        ("22:00", "02:15", "2026-10-03T15:30:00Z", FINE),
    ],
)
def test_quiet_hours_where_clocks_change_by_half_an_hour(tmp_path, start, end, when, expected):
    assert verdict(tmp_path, quiet(start, end, *arrive(when, LORD_HOWE), **ISLAND)) == expected


@pytest.mark.parametrize(
    ("zone", "position", "when", "expected"),
    [
        pytest.param("America/New_York", CENTER, NOON, QUIET, id="six in the morning at home"),
        pytest.param(
            "Europe/Berlin", (40.7500, -73.9900), "2026-06-02T20:00:00Z", QUIET, id="ten in the evening at home"
        ),
        pytest.param("Europe/Berlin", (40.7500, -73.9900), "2026-06-02T11:00:00Z", QUIET, id="seven in New York"),
        pytest.param("Europe/Berlin", (40.7500, -73.9900), "2026-06-02T16:00:00Z", FINE, id="day in both"),
    ],
)
def test_quiet_hours_hold_when_any_applicable_zone_is_quiet(tmp_path, zone, position, when, expected):
    """The zone where the customer is and the zone of the profile."""
    scenario = quiet(
        "21:00",
        "08:00",
        *arrive(when, position),
        customers=[{"id": CUSTOMER, "timezone": zone}],
        shops=[shop(position=position)],
        geofences=collection(circle("f1", position, 150, shop_id="s1")),
    )
    assert verdict(tmp_path, scenario) == expected


@pytest.mark.parametrize(("wall", "expected"), [("2026-06-02 13:59:59", QUIET), ("2026-06-02 14:00:00", FINE)])
def test_several_windows_add_up(tmp_path, wall, expected):
    windows = [{"from": "21:00", "until": "08:00"}, {"from": "12:00", "until": "14:00"}]
    assert verdict(tmp_path, bare(*arrive(berlin(wall)), policy={"quiet_hours": windows})) == expected


@pytest.mark.parametrize(
    ("event", "not_before"),
    [
        ("2026-03-28T21:30:00Z", "2026-03-29T01:00:00Z"),  # 02:30 does not exist: the gap's end
        ("2026-10-24T21:30:00Z", "2026-10-25T01:30:00Z"),  # 02:30 comes twice: the second
    ],
)
def test_deferral_ends_where_the_quiet_window_ends(tmp_path, event, not_before):
    deferring = {"on_quiet": "defer", "offer": {"expires_after_s": 43200}}
    row = only(run(tmp_path, quiet("22:00", "02:30", *arrive(event), campaign=deferring)).match_log)
    assert (row["outcome"], row["not_before"]) == ("defer", not_before)


# --- which zone

NEW_YORK: Position = (40.7500, -73.9900)
OPEN_SEA: Position = (30.0000, -40.0000)


@pytest.mark.parametrize(
    ("profile", "before", "position", "source", "zone"),
    [
        pytest.param("Asia/Tokyo", None, NEW_YORK, "ping_location", "America/New_York", id="on land"),
        pytest.param("Asia/Tokyo", None, OPEN_SEA, "customer_profile", "Asia/Tokyo", id="at sea, with a profile"),
        pytest.param(None, NEW_YORK, OPEN_SEA, "last_location", "America/New_York", id="at sea, after New York"),
        pytest.param(None, None, OPEN_SEA, "tenant_default", "Europe/Berlin", id="at sea"),
    ],
)
def test_the_zone_is_resolved_in_order(tmp_path, profile, before, position, source, zone):
    """Where the ping is; the profile; where the customer was last; the tenant."""
    there = [ping(later(NOON, -120), before)] if before else []
    scenario = bare(
        *there,
        *arrive(NOON, position),
        customers=[{"id": CUSTOMER, **({"timezone": profile} if profile else {})}],
        shops=[shop(position=position)],
        geofences=collection(circle("f1", position, 150, shop_id="s1")),
    )
    row = only(run(tmp_path, scenario).match_log)
    assert row["tz_source"] == source
    assert row["tz_used"] == zone


def test_where_one_of_two_zones_is_always_quiet_no_end_is_promised(tmp_path):
    quiet = {"quiet_hours": [{"from": "08:00", "until": "07:30"}]}
    traveller = [{"id": CUSTOMER, "timezone": "America/New_York"}]
    row = only(run(tmp_path, bare(*arrive(), customers=traveller, policy=quiet)).match_log)
    assert row["reason"] == "quiet_hours"
    assert row["detail"]["quiet_hours"]["until"] is None


@pytest.mark.parametrize(
    ("wall", "expected", "next_start"),
    [
        ("2026-12-23 19:59:59", "send", None),
        ("2026-12-24 12:59:59", "send", None),
        ("2026-12-24 13:00:00", "suppress shop_closed", "2026-12-28 08:00:00"),  # 26 December is a Saturday
        ("2026-12-25 12:00:00", "suppress shop_closed", "2026-12-28 08:00:00"),
        ("2026-12-31 12:00:00", "suppress shop_closed", "2027-01-02 08:00:00"),
    ],
)
def test_special_hours_and_public_holidays(tmp_path, wall, expected, next_start):
    cafe = shop(
        opening_hours="Mo-Sa 08:00-20:00; PH off",
        country="DE-BE",
        closed_on=["2026-12-31"],
        special_hours=[{"on": "2026-12-24", "hours": "08:00-13:00"}],
    )
    outcome = run(tmp_path, bare(*arrive(berlin(wall)), shops=[cafe]))
    assert outcome.verdicts() == [expected]
    seen = only(outcome.match_log)["detail"]["shop_open"]
    assert seen["next_start"] == (next_start and berlin(next_start))


@pytest.mark.parametrize(
    ("cafe", "said"),
    [
        (
            {"opening_hours": "Mo-Fr 08:00-18:00; PH off"},
            r"shops\[0\].country: is needed where opening_hours speak of PH",
        ),
        (
            {"opening_hours": "Mo-Fr 08:00-18:00; PH off", "country": "DE-XX"},
            r"shops\[0\].country: DE has no part 'XX'; it has .*",
        ),
        ({"special_hours": [{"on": "2026-12-24", "hours": "8-13"}]}, r"shops\[0\].special_hours\[0\].hours: .*"),
        (
            {"closed_on": ["2026-12-24"], "special_hours": [{"on": "2026-12-24", "hours": "08:00-13:00"}]},
            r"shops\[0\].special_hours\[0\].on: 2026-12-24 is in closed_on",
        ),
    ],
)
def test_hours_that_are_none_are_refused(tmp_path, cafe, said):
    with pytest.raises(InvalidInput, match=said):
        run(tmp_path, bare(*arrive(), shops=[shop(**cafe)]))
