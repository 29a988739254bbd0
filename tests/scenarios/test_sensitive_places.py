"""A geofence over a sensitive place sends nothing, and a run nothing to whoever is at one (campaigns reference, §6)."""

from typing import Any

import pytest

from nearcast.domain.errors import InvalidInput
from tests.scenarios.harness import (
    CENTER,
    N200,
    N500,
    N1000,
    Position,
    Row,
    arrive,
    bare,
    circle,
    collection,
    only,
    ping,
    run,
    shop,
    the_end,
)


def clinic(where: Position, radius_m: float = 60) -> Row:
    return collection(circle("clinic-7", where, radius_m, category="clinic"))


def test_a_geofence_over_a_clinic_sends_nothing(tmp_path):
    """Its circle of 150 m reaches the clinic's of 60 m, 200 m off."""
    outcome = run(tmp_path, bare(*arrive(), sensitive_places=clinic(N200)))
    row = only(outcome.match_log)
    assert (row["outcome"], row["reason"], row["reasons"]) == ("suppress", "sensitive_location", ["sensitive_location"])
    assert row["detail"]["place_policy"]["place_id"] == "clinic-7"
    assert outcome.messages == []


def test_a_clinic_that_no_geofence_reaches_changes_nothing(tmp_path):
    assert run(tmp_path, bare(*arrive(), sensitive_places=clinic(N500))).verdicts() == ["send"]


def test_the_place_comes_before_the_campaign_and_after_the_ping(tmp_path):
    paused: dict[str, Any] = {"campaign": {"state": "paused"}, "sensitive_places": clinic(N200)}
    assert only(run(tmp_path, bare(*arrive(), **paused)).match_log)["reasons"] == [
        "sensitive_location",
        "campaign_inactive",
    ]
    assert run(tmp_path, bare(*arrive(accuracy_m=400), **paused)).verdicts() == ["suppress ping_inaccurate"]


@pytest.mark.parametrize(
    ("seen_at", "expected"), [(N500, "suppress sensitive_location"), (N200, "send"), (N1000, "send")]
)
def test_a_run_sends_nothing_to_whoever_is_at_a_clinic(tmp_path, seen_at, expected):
    schedule = {"cron": "5 10 * * *", "timezone": "UTC", "seen_within_s": 3600, "within_m": 2000}
    scenario = bare(
        ping("2026-06-02T10:00:00Z", seen_at, accuracy_m=15),
        the_end("2026-06-02T10:06:00Z"),
        campaign={"trigger": {"on": "schedule"}, "schedule": schedule},
        shops=[shop()],
        sensitive_places=clinic(N500),
    )
    assert run(tmp_path, scenario).verdicts() == [expected]


def test_a_run_for_a_geofence_over_a_clinic_sends_nothing(tmp_path):
    schedule = {"cron": "5 10 * * *", "timezone": "UTC", "seen_within_s": 3600}
    scenario = bare(
        ping("2026-06-02T10:00:00Z", CENTER, accuracy_m=15),
        the_end("2026-06-02T10:06:00Z"),
        campaign={"trigger": {"on": "schedule"}, "schedule": schedule, "geofence_ids": ["f1"]},
        sensitive_places=clinic(N200),
    )
    assert run(tmp_path, scenario).verdicts() == ["suppress sensitive_location"]


def test_a_place_without_a_category_is_refused(tmp_path):
    places = collection(circle("clinic-7", N200, 60))
    with pytest.raises(InvalidInput, match=r"sensitive_places: features\[0\]: properties.category"):
        run(tmp_path, bare(*arrive(), sensitive_places=places))
