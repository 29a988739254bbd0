"""The conflict view: geofences × time × people, and who would go first."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from nearcast.services.assembly import assemble
from nearcast.services.conflicts import Conflict, conflicts
from nearcast.services.scenario import ScenarioShape
from tests.scenarios.harness import CENTER, N200, N500, circle, collection, shop

NOON = datetime(2026, 6, 2, 10, tzinfo=UTC)  # a Tuesday, 12:00 in Berlin


def found(one: dict[str, Any], other: dict[str, Any], *, where: Any = N200, **more: Any) -> list[Conflict]:
    """Campaign `a` of shop s1 with a fence of 150 m, and `b` of shop s2 with one as large at `where`."""
    campaigns = [
        {"id": key, "shop_id": key_of, "trigger": {"on": "enter"}, "channel": "sms", "offer": {"text": "x"}, **said}
        for key, key_of, said in (("a", "s1", one), ("b", "s2", other))
    ]
    document = {
        "tenant": {"timezone": "Europe/Berlin"},
        "shops": [shop("s1"), shop("s2", where)],
        "geofences": collection(circle("f1", CENTER, 150, shop_id="s1"), circle("f2", where, 150, shop_id="s2")),
        "campaigns": campaigns,
        **more,
    }
    shape = ScenarioShape.model_validate(document)
    return list(conflicts(assemble(shape, Path("x"), lambda path: [], lambda note: None, repair=False), NOON))


def test_two_campaigns_on_ground_that_overlaps_get_in_each_others_way() -> None:
    (conflict,) = found({"priority": 7}, {})
    assert conflict == Conflict(
        campaign_ids=("a", "b"),  # type: ignore[arg-type]
        geofences=[("f1", "f2")],  # type: ignore[list-item]
        more_geofences=0,
        from_=NOON,
        same_channel=True,
        winner_id="a",  # type: ignore[arg-type]
        decided_by="priority",
    )


@pytest.mark.parametrize(
    ("one", "other", "winner", "by"),
    [
        ({"klass": "loyalty"}, {"priority": 100}, "a", "klass"),
        ({"priority": 1}, {"priority": 2}, "b", "priority"),
        ({}, {}, None, "distance"),
    ],
)
def test_who_would_go_first_and_why(one: Any, other: Any, winner: str | None, by: str) -> None:
    (conflict,) = found(one, other)
    assert (conflict.winner_id, conflict.decided_by) == (winner, by)


def test_within_shops_numbers_decide_nothing_between_two() -> None:
    (conflict,) = found({"priority": 1}, {"priority": 2}, policy={"priorities": "within_shop"})
    assert (conflict.winner_id, conflict.decided_by) == (None, "distance")


MORNINGS = [{"days": ["mon", "wed"], "from": "08:00", "until": "10:00"}]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"state": "ended"}, {}),
        ({"active": {"until": NOON}}, {}),
        ({"active": {"until": NOON + timedelta(days=1)}}, {"active": {"from": NOON + timedelta(days=1)}}),
        ({"dayparts": MORNINGS}, {"dayparts": [{"from": "10:00", "until": "24:00"}]}),
        ({"dayparts": MORNINGS}, {"dayparts": [{"days": ["tue"], "from": "08:00", "until": "10:00"}]}),
        ({"dayparts": MORNINGS, "active": {"until": "2026-06-03T07:59:59+02:00"}}, {}),
        ({"audience": {"tags_all": ["vip"]}}, {"audience": {"tags_none": ["vip"]}}),
        ({"audience": {"tags_any": ["vip", "new"]}}, {"audience": {"tags_none": ["new", "vip", "old"]}}),
    ],
)
def test_who_never_meets_is_not_in_the_way(one: Any, other: Any) -> None:
    assert found(one, other) == []
    assert found(other, one) == []


def test_ground_that_is_not_shared_is_not_in_the_way() -> None:
    assert found({}, {}, where=N500) == []


def test_they_meet_when_both_run_for_the_first_time() -> None:
    (conflict,) = found({"dayparts": MORNINGS}, {"dayparts": [{"from": "09:00", "until": "20:00"}]})
    assert conflict.from_ == datetime(2026, 6, 3, 7, tzinfo=UTC)


def test_drafts_other_channels_and_audiences_that_some_fit_are_in_the_way() -> None:
    vip, new = {"audience": {"tags_any": ["vip", "new"]}}, {"audience": {"tags_none": ["new"]}}
    (conflict,) = found({"state": "draft", **vip}, {"channel": "email", **new})
    assert conflict.same_channel is False


def test_two_campaigns_of_one_shop_share_its_geofences() -> None:
    (conflict,) = found({}, {"shop_id": "s1"})
    assert (conflict.geofences, conflict.winner_id, conflict.decided_by) == ([("f1", "f1")], "a", "campaign_id")
