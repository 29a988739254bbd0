"""Campaigns that compete for one opportunity: the order klass > priority > nearer shop > least recently served > id."""

from typing import Any

import pytest

from tests.scenarios.harness import (
    ABSENT,
    CENTER,
    N50,
    N1000,
    NOON,
    Position,
    Row,
    arrive,
    bare,
    campaign_a,
    circle,
    collection,
    later,
    only,
    opted_in,
    ping,
    prior_send,
    rows,
    run,
    shop,
)

FREE = {"active": ABSENT, "dayparts": ABSENT, "re_eligibility_s": ABSENT, "fence_cooldown_s": ABSENT, "holdout": ABSENT}
FAR_AWAY: Position = (52.6000, 13.5000)
SHOPS = {"near": (52.5203, 13.4050), "far": (52.5210, 13.4050)}


def competing(**campaigns: Row) -> Row:
    """Campaigns `name={"shop_id": "near" | "far", …}`, each shop with a fence that the default event enters."""
    rest = [campaign_a(**{**FREE, "id": name, **more}) for name, more in campaigns.items()]
    scenario = bare(
        *arrive(),
        shops=[shop(name, place) for name, place in SHOPS.items()],
        geofences=collection(*(circle(f"fence-{name}", CENTER, 150, shop_id=name) for name in SHOPS)),
    )
    return {**scenario, "campaigns": rest}


def winner(tmp_path, scenario: Row) -> str:
    outcome = run(tmp_path, scenario)
    won: str = only(rows(outcome.match_log, outcome="send"))["campaign_id"]
    for row in outcome.match_log:
        if row["campaign_id"] != won:
            assert (row["outcome"], row["reason"], row["winner_campaign_id"]) == ("suppress", "lost_arbitration", won)
    assert only(outcome.sent)["campaign_id"] == won
    return won


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        pytest.param(
            {"klass": "promo", "priority": 99, "shop_id": "near"},
            {"klass": "loyalty", "priority": 1, "shop_id": "far"},
            "b",
            id="loyalty before promo",
        ),
        pytest.param(
            {"klass": "loyalty", "priority": 99, "shop_id": "near"},
            {"klass": "service", "priority": 1, "shop_id": "far"},
            "b",
            id="service before loyalty",
        ),
        pytest.param(
            {"priority": 50, "shop_id": "near"}, {"priority": 51, "shop_id": "far"}, "b", id="priority before distance"
        ),
        pytest.param({"shop_id": "far"}, {"shop_id": "near"}, "b", id="nearer shop before id"),
        pytest.param({"shop_id": "near"}, {"shop_id": "near"}, "a", id="id in the end"),
    ],
)
def test_order(tmp_path, a, b, expected):
    assert winner(tmp_path, competing(a=a, b=b)) == expected
    assert winner(tmp_path, competing(b=b, a=a)) == expected, "the file's order decides nothing"


def test_least_recently_served_before_id(tmp_path):
    """Two shops under one roof; the one whose id comes first was served yesterday, by a campaign of its own."""
    scenario = competing(a={"shop_id": "near"}, b={"shop_id": "far"}, z={"shop_id": "near", "state": "ended"})
    scenario["shops"] = [shop(name, CENTER) for name in SHOPS]
    scenario["events"].insert(0, prior_send(later(NOON, -86400), campaign_id="z"))
    outcome = run(tmp_path, scenario)
    assert only(outcome.sent)["campaign_id"] == "b"


def test_one_campaign_with_two_fences_sends_once(tmp_path):
    scenario = competing(a={"shop_id": "near"})
    scenario["geofences"] = collection(
        circle("inner", CENTER, 100, shop_id="near"), circle("outer", CENTER, 150, shop_id="near")
    )
    outcome = run(tmp_path, scenario)
    assert [row["geofence_id"] for row in outcome.match_log] == ["inner", "outer"]
    assert sorted(outcome.verdicts()) == ["send", "suppress lost_arbitration"]
    assert len(outcome.messages) == 1


def test_who_is_not_eligible_does_not_compete(tmp_path):
    """The strongest campaign is paused: it wins nothing and takes nothing from the other."""
    scenario = competing(a={"shop_id": "near", "priority": 99, "state": "paused"}, b={"shop_id": "far"})
    outcome = run(tmp_path, scenario)
    assert outcome.verdicts(campaign_id="a") == ["suppress campaign_inactive"]
    assert outcome.verdicts(campaign_id="b") == ["send"]


def test_customers_do_not_compete_with_each_other(tmp_path):
    scenario = competing(a={"shop_id": "near"})
    scenario["customers"].append({"id": "cust-0005", "timezone": "Europe/Berlin"})
    scenario["consents"] += opted_in("cust-0005")
    scenario["events"] += arrive(customer="cust-0005")
    assert run(tmp_path, scenario).verdicts() == ["send", "send"]


def test_a_held_out_winner_leaves_the_slot_empty(tmp_path):
    scenario = competing(
        a={"shop_id": "near", "priority": 90, "holdout": {"percent": 100, "salt": "all"}},
        b={"shop_id": "far", "priority": 10},
    )
    outcome = run(tmp_path, scenario)
    assert outcome.verdicts(campaign_id="a") == ["holdout holdout_campaign"]
    assert outcome.verdicts(campaign_id="b") == ["suppress lost_arbitration"]
    assert rows(outcome.match_log, campaign_id="b")[0]["winner_campaign_id"] == "a"
    assert outcome.messages == []


def test_a_loser_that_would_have_been_held_out_is_no_ghost(tmp_path):
    """Hold-out comes last: only who would have been sent is a ghost."""
    scenario = competing(
        a={"shop_id": "near", "priority": 10, "holdout": {"percent": 100, "salt": "all"}},
        b={"shop_id": "far", "priority": 90},
    )
    assert winner(tmp_path, scenario) == "b"


def test_ghosts_use_neither_cap_nor_budget(tmp_path):
    """Held out of A at one shop; then B at another shop may use the only slot."""
    cap = {"id": "once", "scope": "customer", "kind": "rolling", "window_s": 86400, "limit": 1}
    held: dict[str, Any] = {"holdout": {"percent": 100, "salt": "all"}}
    scenario = bare(
        *arrive(),
        ping(later(NOON, 540), N1000),
        ping(later(NOON, 600), FAR_AWAY),
        campaign=held,
        others=[campaign_a(**{**FREE, "id": "camp-b", "shop_id": "s2"})],
        policy={"caps": [cap]},
        shops=[shop(), shop("s2", FAR_AWAY)],
        geofences=collection(circle("f1", CENTER, 150, shop_id="s1"), circle("f2", FAR_AWAY, 150, shop_id="s2")),
    )
    assert run(tmp_path, scenario).verdicts() == ["holdout holdout_campaign", "send"]


def test_the_same_place_an_hour_later_is_a_new_opportunity(tmp_path):
    scenario = competing(a={"shop_id": "near"}, b={"shop_id": "far"})
    scenario["events"] += [ping(later(NOON, 3000), N1000), ping(later(NOON, 3600), N50)]
    outcome = run(tmp_path, scenario)
    assert [message["campaign_id"] for message in outcome.sent] == ["a", "a"]
