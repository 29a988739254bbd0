"""Behaviour table of campaigns, rows D27 and D29, on fixture F0: campaigns that compete, and who is held out."""

from typing import Any

import pytest

from tests.scenarios.harness import (
    ABSENT,
    CENTER,
    NOON,
    Position,
    Row,
    arrive,
    campaign_a,
    circle,
    collection,
    f0,
    later,
    only,
    rows,
    run,
    shop,
)

FAR_AWAY = (52.6000, 13.5000)


def two_shops(a: Row, b: Row, *events: Row, position_b: Position = (52.5206, 13.405), **more: Any) -> Row:
    """S1 with campaign A and S2 with campaign B, one round the other."""
    return f0(
        *(events or arrive()),
        campaign=a,
        others=[campaign_a(**{"id": "camp-b", "shop_id": "s2", **b})],
        shops=[shop(), shop("s2", position_b)],
        geofences=collection(circle("f1", CENTER, 150, shop_id="s1"), circle("f2", position_b, 300, shop_id="s2")),
        **more,
    )


def test_d27_higher_priority_wins(tmp_path):
    outcome = run(tmp_path, two_shops({"priority": 50}, {"priority": 80}))
    assert outcome.verdicts(campaign_id="camp-b") == ["send"]
    assert outcome.verdicts(campaign_id="camp-7") == ["suppress lost_arbitration"]
    assert rows(outcome.match_log, campaign_id="camp-7")[0]["winner_campaign_id"] == "camp-b"
    assert len(outcome.messages) == 1


@pytest.mark.parametrize(("position", "winner"), [((52.5201, 13.405), "camp-7"), ((52.5206, 13.405), "camp-b")])
def test_d27_equal_priority_goes_to_the_nearer_shop(tmp_path, position, winner):
    """S1 stands at 52.5200, S2 at 52.5206."""
    outcome = run(tmp_path, two_shops({}, {}, *arrive(position=position)))
    assert only(outcome.sent)["campaign_id"] == winner


def test_d27_equal_distance_goes_to_the_shop_least_recently_served_then_to_the_first_id(tmp_path):
    """Two shops under one roof take turns; at first neither has been served."""
    free = {"re_eligibility_s": ABSENT, "fence_cooldown_s": ABSENT, "dayparts": []}
    visits = [event for hour in range(4) for event in arrive(later(NOON, 3600 * hour))]
    outcome = run(tmp_path, two_shops(free, free, *visits, position_b=CENTER, policy={"caps": []}))
    assert [message["campaign_id"] for message in outcome.messages] == ["camp-7", "camp-b", "camp-7", "camp-b"]


def test_d27_replays_are_identical(tmp_path):
    scenario = two_shops({}, {}, position_b=CENTER)
    logs = {(run(tmp_path, scenario, out=f"out-{n}").folder / "match_log.ndjson").read_bytes() for n in range(10)}
    assert len(logs) == 1


PEOPLE = ["cust-0001", "cust-0002", "cust-0003", "cust-0042"]


def everybody_arrives(**more: Any) -> Row:
    events = [event for person in PEOPLE for event in arrive(customer=person)]
    return f0(*events, customers=PEOPLE, **more)


@pytest.mark.parametrize("percent", [10, 20])
def test_d29_holdout(tmp_path, percent):
    """Raising the percentage under the same salt lets nobody out; 6181 is still above it."""
    scenario = everybody_arrives(campaign={"holdout": {"percent": percent, "salt": "holdout:camp-7:v1"}})
    outcome = run(tmp_path, scenario)
    assert {row["customer_id"]: outcome.verdicts(customer_id=row["customer_id"]) for row in outcome.match_log} == {
        "cust-0001": ["send"],
        "cust-0002": ["holdout holdout_campaign"],
        "cust-0003": ["holdout holdout_global"],
        "cust-0042": ["holdout holdout_campaign"],
    }
    for row in rows(outcome.match_log, outcome="holdout"):
        assert row["would_have_sent"] is True
        assert row["message_id"] is None
    assert only(outcome.messages)["customer_id"] == "cust-0001"
    assert outcome.counted("outcomes") == {"holdout": 3, "send": 1}


def test_d29_no_lower_campaign_fills_the_gap(tmp_path):
    events = arrive(customer="cust-0042")
    lower = {"priority": 10, "holdout": {"percent": 0, "salt": "none"}}
    outcome = run(tmp_path, two_shops({"priority": 90}, lower, *events, customers=["cust-0042"]))
    assert outcome.verdicts(campaign_id="camp-7") == ["holdout holdout_campaign"]
    assert outcome.verdicts(campaign_id="camp-b") == ["suppress lost_arbitration"]
    assert outcome.messages == []


def test_d29_ghosts_leave_the_caps_alone(tmp_path):
    """Held out of A; ten minutes later B, in another place, may send in spite of the 4 h gap of G3."""
    events = [*arrive(customer="cust-0042"), *arrive(later(NOON, 600), FAR_AWAY, customer="cust-0042")]
    free = {"priority": 10, "holdout": {"percent": 0, "salt": "none"}}
    outcome = run(tmp_path, two_shops({}, free, *events, customers=["cust-0042"], position_b=FAR_AWAY))
    assert outcome.verdicts() == ["holdout holdout_campaign", "send"]


def test_variants_by_the_published_buckets_and_the_held_out_get_none(tmp_path):
    """Buckets 796, 3134, 9949 and 5848 of `variant:camp-7:v1`; cust-0002, -0003 and -0042 are held out."""
    halves = {"variants": [{"name": "cake", "offer": {"text": "Cake until {expires_at}"}}, {"name": "coffee"}]}
    outcome = run(tmp_path, everybody_arrives(campaign=halves))
    message = only(outcome.messages)
    assert (message["customer_id"], message["variant"], message["text"]) == ("cust-0001", "cake", "Cake until 12:20")
    logged = {row["customer_id"]: row["detail"].get("variant") for row in outcome.match_log}
    assert logged.pop("cust-0001") == {"name": "cake", "salt": "variant:camp-7:v1", "bucket": 796, "percent": 50.0}
    assert logged == {"cust-0002": None, "cust-0003": None, "cust-0042": None}


def test_within_shops_a_higher_priority_does_not_get_past_the_nearer_shop(tmp_path):
    within: dict[str, Any] = {"policy": {"priorities": "within_shop"}}
    outcome = run(
        tmp_path, two_shops({"priority": 50}, {"priority": 80}, *arrive(position=(52.5201, 13.405)), **within)
    )
    assert only(outcome.sent)["campaign_id"] == "camp-7"
