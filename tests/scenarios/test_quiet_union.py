"""Quiet hours of tenant, jurisdictions and customers together, each in every zone that may be the customer's."""

from typing import Any

import pytest

from tests.scenarios.harness import (
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
    run,
    shop,
    the_end,
)

NIGHT: Row = {"from": "21:00", "until": "08:00"}
PARIS: Position = (48.8600, 2.3500)
NEW_YORK: Position = (40.7500, -73.9900)
OPEN_SEA: Position = (30.0000, -40.0000)
DEFERRING: Row = {"on_quiet": "defer", "offer": {"expires_after_s": 86400}}


def of_berlin(**asks: Any) -> list[Row]:
    return [{"id": CUSTOMER, "timezone": "Europe/Berlin", **asks}]


def there(position: Position) -> Row:
    return {
        "shops": [shop(position=position)],
        "geofences": collection(circle("f1", position, 150, shop_id="s1")),
    }


def asked(row: Row) -> list[str]:
    return [
        " ".join([one["source"], *one.get("names", []), one["timezone"]]) for one in row["detail"]["quiet_hours"]["by"]
    ]


# --- the customer's own


@pytest.mark.parametrize(
    ("wall", "verdict"),
    [
        ("2026-06-02 12:59:59", "send"),
        ("2026-06-02 13:00", "suppress quiet_hours"),
        ("2026-06-02 14:59:59", "suppress quiet_hours"),
        ("2026-06-02 15:00", "send"),
        ("2026-06-02 21:00", "suppress quiet_hours"),
        ("2026-06-03 13:00", "send"),  # a Wednesday
    ],
)
def test_a_customers_hours_are_added_to_the_tenants(tmp_path, wall, verdict):
    nap = of_berlin(quiet_hours=[{"days": ["tue"], "from": "13:00", "until": "15:00"}])
    scenario = bare(*arrive(berlin(wall)), customers=nap, policy={"quiet_hours": [NIGHT]})
    assert run(tmp_path, scenario).verdicts() == [verdict]


def test_a_customers_hours_are_read_by_the_clocks_of_where_they_are_too(tmp_path):
    """Noon in Berlin is six in the morning in New York."""
    sleeper = of_berlin(quiet_hours=[{"from": "05:00", "until": "07:00"}])
    row = only(run(tmp_path, bare(*arrive(NOON, NEW_YORK), customers=sleeper, **there(NEW_YORK))).match_log)
    assert (row["reason"], row["tz_used"], row["tz_source"]) == ("quiet_hours", "America/New_York", "ping_location")
    assert asked(row) == ["customer America/New_York"]


@pytest.mark.parametrize(("paused_until", "verdict"), [("2026-06-03", "suppress quiet_hours"), ("2026-06-02", "send")])
def test_a_customer_who_paused_hears_nothing_before_that_day(tmp_path, paused_until, verdict):
    outcome = run(tmp_path, bare(*arrive(), customers=of_berlin(paused_until=paused_until)))
    assert outcome.verdicts() == [verdict]
    if verdict != "send":
        detail = outcome.match_log[0]["detail"]["quiet_hours"]
        assert (detail["paused_until"], detail["until"]) == (paused_until, "2026-06-02T22:00:00Z")


@pytest.mark.parametrize(("channels", "verdict"), [(["sms"], "suppress quiet_hours"), (["email"], "send")])
def test_hours_of_a_channel(tmp_path, channels, verdict):
    for where in (
        {"policy": {"quiet_hours": [{"from": "11:00", "until": "13:00", "channels": channels}]}},
        {"customers": of_berlin(quiet_hours=[{"from": "11:00", "until": "13:00", "channels": channels}])},
    ):
        assert run(tmp_path, bare(*arrive(), **where)).verdicts() == [verdict]


# --- holidays of the tenant's choice


@pytest.mark.parametrize(
    ("wall", "verdict"),
    [
        ("2026-05-25 12:00", "suppress quiet_hours"),  # Whit Monday
        ("2026-05-26 12:00", "send"),
        ("2026-05-31 12:00", "suppress quiet_hours"),  # a Sunday
        ("2026-06-01 12:00", "send"),
    ],
)
def test_sundays_and_holidays_of_a_tenant(tmp_path, wall, verdict):
    rest = {"days": ["sun", "holiday"], "from": "00:00", "until": "24:00"}
    policy = {"quiet_hours": [rest], "holidays": "DE-BE"}
    assert run(tmp_path, bare(*arrive(berlin(wall)), policy=policy)).verdicts() == [verdict]


# --- jurisdictions


@pytest.mark.parametrize(
    ("when", "expected"),
    [
        ("2026-07-14T10:00:00Z", ["jurisdiction FR Europe/Paris"]),  # a holiday
        ("2026-07-12T10:00:00Z", ["jurisdiction FR Europe/Paris"]),  # a Sunday
        ("2026-07-15T19:30:00Z", ["jurisdiction DE Europe/Berlin"]),  # 21:30 in both
        ("2026-07-15T20:30:00Z", ["jurisdiction FR Europe/Paris", "jurisdiction DE Europe/Berlin"]),
        ("2026-07-15T10:00:00Z", None),
    ],
)
def test_the_hours_of_both_countries_hold_for_a_german_in_paris(tmp_path, when, expected):
    scenario = bare(*arrive(when, PARIS), policy={"jurisdictions": True}, customers=of_berlin(), **there(PARIS))
    row = only(run(tmp_path, scenario).match_log)
    if expected is None:
        assert row["outcome"] == "send"
        assert row["detail"]["quiet_hours"] == {"timezones": ["Europe/Paris", "Europe/Berlin"]}
    else:
        assert (row["reason"], asked(row)) == ("quiet_hours", expected)


def test_without_jurisdictions_nobody_asks_for_them(tmp_path):
    scenario = bare(*arrive("2026-07-14T10:00:00Z", PARIS), customers=of_berlin(), **there(PARIS))
    assert run(tmp_path, scenario).verdicts() == ["send"]


def test_where_no_zone_is_known_the_tenants_jurisdiction_holds(tmp_path):
    """At sea, no profile: 22:30 in Paris."""
    scenario = bare(
        *arrive("2026-07-15T20:30:00Z", OPEN_SEA),
        tenant={"timezone": "Europe/Paris"},
        policy={"jurisdictions": True},
        customers=[{"id": CUSTOMER}],
        **there(OPEN_SEA),
    )
    row = only(run(tmp_path, scenario).match_log)
    assert (row["reason"], row["tz_used"], row["tz_source"]) == ("quiet_hours", "Europe/Paris", "tenant_default")


@pytest.mark.parametrize(("states", "verdict"), [(True, "suppress quiet_hours"), (["US-NY"], "send")])
def test_a_tenant_that_names_its_states_has_their_hours(tmp_path, states, verdict):
    """Half past eight in the evening in New York: Florida and Connecticut, whose clocks are the same, sleep."""
    there_then = arrive("2026-06-03T00:30:00Z", NEW_YORK)
    people = [{"id": CUSTOMER, "timezone": "America/New_York"}]
    scenario = bare(*there_then, policy={"jurisdictions": states}, customers=people, **there(NEW_YORK))
    assert run(tmp_path, scenario).verdicts() == [verdict]


# --- waiting for all of them


def test_a_message_waits_for_the_end_of_everybodys_hours(tmp_path):
    """The tenant's night ends at eight, the customer's at nine; it leaves then, if the visit goes on."""
    late_riser = of_berlin(quiet_hours=[{"from": "07:00", "until": "09:00"}])
    events = [*arrive("2026-06-02T20:30:00Z"), the_end("2026-06-03T09:00:00Z")]
    scenario = bare(*events, customers=late_riser, campaign=DEFERRING, policy={"quiet_hours": [NIGHT]})
    outcome = run(tmp_path, scenario)
    assert outcome.verdicts() == ["defer quiet_hours"]
    assert outcome.match_log[0]["not_before"] == "2026-06-03T07:00:00Z"
    assert only(outcome.messages)["sent_at"] == "2026-06-03T07:00:00Z"


def test_an_offer_that_ends_within_somebodys_hours_is_not_put_off(tmp_path):
    late_riser = of_berlin(quiet_hours=[{"from": "07:00", "until": "09:00"}])
    until_half_past_eight = {"on_quiet": "defer", "offer": {"expires_after_s": 36000}}
    scenario = bare(
        *arrive("2026-06-02T20:30:00Z"),
        customers=late_riser,
        campaign=until_half_past_eight,
        policy={"quiet_hours": [NIGHT]},
    )
    assert run(tmp_path, scenario).verdicts() == ["suppress expires_before_quiet_end"]


def test_a_queued_message_that_reaches_a_customers_hours_is_cancelled(tmp_path):
    """Queued at 12:59:30, reached a minute later."""
    nap = of_berlin(quiet_hours=[{"from": "13:00", "until": "15:00"}])
    scenario = bare(
        *arrive(berlin("2026-06-02 12:59:30")),
        the_end(berlin("2026-06-02 13:05")),
        customers=nap,
        dispatch={"delay_s": 60},
    )
    outcome = run(tmp_path, scenario)
    assert outcome.verdicts() == ["send"]
    assert [(m["status"], m["reason"]) for m in outcome.messages] == [("cancelled", "cancelled_quiet")]


def test_a_place_without_rules_of_its_own_is_quiet_at_night(tmp_path):
    tokyo: Position = (35.6800, 139.7600)
    people = [{"id": CUSTOMER, "timezone": "Asia/Tokyo"}]
    scenario = bare(*arrive(NOON, tokyo), policy={"jurisdictions": True}, customers=people, **there(tokyo))
    assert run(tmp_path, scenario).verdicts() == ["send"]  # 19:00
    scenario = bare(*arrive(later(NOON, 7200), tokyo), policy={"jurisdictions": True}, customers=people, **there(tokyo))
    row = only(run(tmp_path, scenario).match_log)
    assert asked(row) == ["jurisdiction * Asia/Tokyo"]
