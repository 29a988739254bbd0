"""Scheduled runs in the replay's clock: when they are due, whom they find, and the rules that hold for them too."""

from typing import Any

import pytest

from tests.scenarios.harness import (
    CUSTOMER,
    N50,
    N300,
    N500,
    Row,
    bare,
    consent_event,
    later,
    only,
    ping,
    rows,
    run,
    the_end,
)

DUE = "2026-06-02T09:30:00Z"  # Tuesday 11:30 in Berlin


def scheduled(*events: Row, campaign: dict[str, Any] | None = None, **schedule: Any) -> Row:
    """Campaign A on a schedule: on weekdays at 11:30, for whoever was seen near the shop in the last half hour."""
    rule = {
        "cron": "30 11 * * mon-fri",
        "timezone": "Europe/Berlin",
        "seen_within_s": 1800,
        "within_m": 500,
        "catch_up_s": 1800,
        **schedule,
    }
    return bare(*events, campaign={"trigger": {"on": "schedule"}, "schedule": rule, **(campaign or {})})


def due_instants(tmp_path, scenario: Row) -> list[str]:
    return [row["at"] for row in rows(run(tmp_path, scenario).match_log, trigger="schedule")]


def test_a_run_finds_who_is_near(tmp_path):
    outcome = run(tmp_path, scheduled(ping(later(DUE, -600), N50), the_end(later(DUE, 600))))
    row = only(outcome.match_log)
    assert (row["outcome"], row["trigger"], row["campaign_id"]) == ("send", "schedule", "camp-7")
    assert row["at"] == row["decided_at"] == DUE
    assert only(outcome.messages)["queued_at"] == DUE


def test_an_entry_is_not_a_scheduled_campaigns_trigger(tmp_path):
    outcome = run(tmp_path, scheduled(ping(later(DUE, 60), N500), ping(later(DUE, 120), N50)))
    assert [row["kind"] for row in outcome.transitions] == ["enter"]
    assert outcome.match_log == []


@pytest.mark.parametrize(("age_s", "sends"), [(1799, 1), (1801, 0)])
def test_seen_within_s(tmp_path, age_s, sends):
    """At exactly 1,800 s the specification is silent. `ping_stale` (300 s) does not apply to runs."""
    outcome = run(tmp_path, scheduled(ping(later(DUE, -age_s), N50), the_end(later(DUE, 600))))
    assert len(outcome.sent) == sends


@pytest.mark.parametrize(("within_m", "sends"), [(305, 1), (295, 0)])
def test_within_m_is_the_distance_from_the_shop(tmp_path, within_m, sends):
    """The shop's fence has a radius of 150 m; the customer stands 300 m from the shop."""
    events = [ping(later(DUE, -600), N300), the_end(later(DUE, 600))]
    assert len(run(tmp_path, scheduled(*events, within_m=within_m)).sent) == sends


def test_the_newest_ping_counts(tmp_path):
    events = [ping(later(DUE, -600), N50), ping(later(DUE, -60), (52.6, 13.5)), the_end(later(DUE, 600))]
    assert run(tmp_path, scheduled(*events)).sent == []


@pytest.mark.parametrize(
    ("end", "due"),
    [
        pytest.param("2026-06-02T09:29:59Z", [], id="the clock stops before it"),
        pytest.param("2026-06-02T09:30:00Z", [DUE], id="the clock stops at it"),
        pytest.param("2026-06-08T12:00:00Z", [DUE], id="seen once: later runs find nobody"),
    ],
)
def test_runs_happen_until_the_clock_stops(tmp_path, end, due):
    assert due_instants(tmp_path, scheduled(ping(later(DUE, -600), N50), the_end(end))) == due


def test_runs_follow_the_rule_through_the_week(tmp_path):
    """Thursday to Monday, seen every morning at 11:20: no run on Saturday and Sunday."""
    mornings = [ping(f"2026-06-0{day}T09:20:00Z", N50) for day in range(4, 9)]
    assert due_instants(tmp_path, scheduled(*mornings, the_end("2026-06-08T12:00:00Z"))) == [
        "2026-06-04T09:30:00Z",
        "2026-06-05T09:30:00Z",
        "2026-06-08T09:30:00Z",
    ]


def test_a_rule_keeps_its_wall_clock_over_a_change(tmp_path):
    """Friday 10:30Z in winter, Monday 09:30Z in summer: 11:30 in Berlin."""
    seen = [ping("2026-03-27T10:20:00Z", N50), ping("2026-03-30T09:20:00Z", N50)]
    assert due_instants(tmp_path, scheduled(*seen, the_end("2026-03-30T12:00:00Z"))) == [
        "2026-03-27T10:30:00Z",
        "2026-03-30T09:30:00Z",
    ]


def nightly(cron: str, *instants: str) -> Row:
    """Seen all night, so that every due instant leaves a row."""
    return scheduled(*(ping(when, N50) for when in instants), cron=cron, seen_within_s=86400)


def test_a_nonexistent_local_time_fires_once_at_the_gaps_end(tmp_path):
    """Berlin 2026-03-29: the clocks go from 02:00 to 03:00 at 01:00Z."""
    scenario = nightly("30 2 * * *", "2026-03-29T00:00:00Z", "2026-03-29T12:00:00Z")
    assert due_instants(tmp_path, scenario) == ["2026-03-29T01:00:00Z"]


def test_an_ambiguous_local_time_fires_once_at_the_first(tmp_path):
    """Berlin 2026-10-25: 02:30 is 00:30Z and 01:30Z."""
    scenario = nightly("30 2 * * *", "2026-10-24T23:00:00Z", "2026-10-25T12:00:00Z")
    assert due_instants(tmp_path, scenario) == ["2026-10-25T00:30:00Z"]


def test_an_hourly_rule_runs_every_real_hour(tmp_path):
    """As Debian's cron: wildcard jobs go by the time that passes, so 02:30 comes twice in October."""
    scenario = nightly("30 * * * *", "2026-10-25T00:00:00Z", "2026-10-25T02:00:00Z")
    assert due_instants(tmp_path, scenario) == ["2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z"]


# --- the same rules


def test_consent_holds_for_runs(tmp_path):
    withdrawn = consent_event(later(DUE, -60), action="withdrawn")
    outcome = run(tmp_path, scheduled(ping(later(DUE, -600), N50), withdrawn, the_end(later(DUE, 600))))
    assert outcome.sent == []
    assert outcome.verdicts() == ["suppress consent_withdrawn"]


def test_without_location_consent_a_run_sends_nothing(tmp_path):
    """Whether such a customer leaves a row is not said, and not asserted."""
    withdrawn = consent_event(later(DUE, -60), "location.matching", "withdrawn")
    assert run(tmp_path, scheduled(ping(later(DUE, -600), N50), withdrawn, the_end(later(DUE, 600)))).sent == []


def test_quiet_hours_hold_for_runs(tmp_path):
    scenario = scheduled(ping(later(DUE, -600), N50), the_end(later(DUE, 600)))
    scenario["policy"]["quiet_hours"] = [{"from": "11:00", "until": "12:00"}]
    assert run(tmp_path, scenario).verdicts() == ["suppress quiet_hours"]


def test_a_paused_campaign_sends_nothing(tmp_path):
    pause = {"at": later(DUE, -60), "campaign": {"id": "camp-7", "action": "pause"}}
    assert run(tmp_path, scheduled(ping(later(DUE, -600), N50), pause, the_end(later(DUE, 600)))).sent == []


# --- one instant: consents, then edits, prior sends, due work, pings


def test_a_run_does_not_see_a_ping_of_its_own_instant(tmp_path):
    assert run(tmp_path, scheduled(ping(DUE, N50), the_end(later(DUE, 600)))).sent == []


def test_a_run_sees_a_consent_of_its_own_instant(tmp_path):
    events = [ping(later(DUE, -600), N50), the_end(DUE), consent_event(DUE, action="withdrawn")]
    assert run(tmp_path, scheduled(*events)).verdicts() == ["suppress consent_withdrawn"]


def test_a_run_and_an_entry_follow_each_other(tmp_path):
    """The run is due first; then the same customer walks in, and the cap is used up."""
    cap = {"id": "once", "scope": "customer", "kind": "rolling", "window_s": 86400, "limit": 1}
    scenario = scheduled(ping(later(DUE, -600), N300), ping(later(DUE, 60), N50))
    scenario["policy"]["caps"] = [cap]
    entry = {**scenario["campaigns"][0], "id": "camp-b", "trigger": {"on": "enter"}}
    del entry["schedule"]
    scenario["campaigns"].append(entry)
    outcome = run(tmp_path, scenario)
    assert outcome.verdicts(campaign_id="camp-7") == ["send"]
    assert outcome.verdicts(campaign_id="camp-b") == ["suppress cap_rolling"]
    assert {row["customer_id"] for row in outcome.match_log} == {CUSTOMER}


@pytest.mark.parametrize(("opens", "sends"), [(DUE, 1), (later(DUE, 1), 0)])
def test_a_run_falls_into_the_campaigns_dates_or_not(tmp_path, opens, sends):
    active = {"from": opens, "until": "2026-07-01T00:00:00Z"}
    scenario = scheduled(ping(later(DUE, -600), N50), the_end(later(DUE, 600)), campaign={"active": active})
    assert len(run(tmp_path, scenario).sent) == sends


def test_an_inaccurate_ping_stops_a_run_too(tmp_path):
    """Runs use `seen_within_s` in the place of `ping_stale`; of `ping_inaccurate` nothing of the kind is said."""
    scenario = scheduled(ping(later(DUE, -600), N50, accuracy_m=500), the_end(later(DUE, 600)))
    assert run(tmp_path, scenario).sent == []


def test_runs_of_one_instant_compete(tmp_path):
    scenario = scheduled(ping(later(DUE, -600), N50), the_end(later(DUE, 600)))
    scenario["campaigns"].append({**scenario["campaigns"][0], "id": "camp-8", "priority": 60})
    outcome = run(tmp_path, scenario)
    assert outcome.verdicts(campaign_id="camp-8") == ["send"]
    assert outcome.verdicts(campaign_id="camp-7") == ["suppress lost_arbitration"]


def test_what_was_seen_before_a_withdrawal_is_forgotten(tmp_path):
    """Consent given again starts as first sight: a run does not find where the customer was before."""
    gone = consent_event(later(DUE, -300), "location.matching", "withdrawn")
    back = consent_event(later(DUE, -200), "location.matching", "granted")
    assert run(tmp_path, scheduled(ping(later(DUE, -600), N50), gone, back, the_end(later(DUE, 600)))).sent == []
