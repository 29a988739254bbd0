"""Rows of the behaviour table of geofencing that read the same under both profiles.

Under RAW the first five are in test_visits, and S17 to S19 and S21 in test_visits_edits.
"""

import pytest

from tests.scenarios.harness import (
    CENTER,
    N50,
    N500,
    Position,
    Row,
    bare,
    berlin,
    campaign_a,
    circle,
    collection,
    multipolygon,
    only,
    ping,
    polygon,
    ring,
    robust,
    rows,
    run,
    the_end,
    walk,
)
from tests.scenarios.test_visits import HOLE, SEAM_BOX, SQUARE, inside, standing

ROBUST = {"profile": "robust"}
in_memory = pytest.mark.parametrize("engine", ["memory"], indirect=True)
both = pytest.mark.parametrize("profile", ["raw", "robust"])


# --- basics and globe: where one exact fix stands


@in_memory
def test_s2_first_ping_inside(tmp_path):
    outcome = run(tmp_path, robust(("00:00", N50)))
    assert outcome.story() == ["enter f 00:00"]
    assert only(outcome.transitions)["initial"] is True


@in_memory
def test_s3_boundary_points(tmp_path):
    places = {
        "edge": (52.5200, 13.4010),
        "vertex": (52.5200, 13.4000),
        "right edge": (52.5205, 13.4020),
        "outside": (52.52000, 13.40201),
    }
    for written in (SQUARE, SQUARE[::-1], [*SQUARE[2:-1], *SQUARE[:3]]):
        outcome = run(tmp_path, standing(places, geofences=[polygon("f", written)], presence=ROBUST))
        assert inside(outcome) == {"edge", "vertex", "right edge"}


@in_memory
def test_s4_shared_edge(tmp_path):
    left, right = polygon("a", ring(13.400, 52.520, 13.402, 52.521)), polygon("b", ring(13.402, 52.520, 13.404, 52.521))
    outcome = run(tmp_path, standing({"between": (52.5205, 13.402)}, geofences=[left, right], presence=ROBUST))
    assert inside(outcome, "a") == inside(outcome, "b") == {"between"}


@in_memory
def test_s6_hole_edge_and_island(tmp_path):
    island = ring(13.4008, 52.5204, 13.4012, 52.5206)
    places = {"hole edge": (52.5203, 13.4010), "in the hole": (52.5205, 13.4006), "island": (52.5205, 13.4010)}
    fence = multipolygon("f", [SQUARE, HOLE], [island])
    assert inside(run(tmp_path, standing(places, geofences=[fence], presence=ROBUST))) == {"hole edge", "island"}


@in_memory
@pytest.mark.parametrize("box", SEAM_BOX)
def test_s12_antimeridian_polygon(tmp_path, box):
    lons = [179.95, -179.95, 180, -180, 180.05, 539.95, 179.85, -179.85, 0]
    places = {f"lon {lon}": (-16.95, lon) for lon in lons}
    outcome = run(tmp_path, standing(places, geofences=[SEAM_BOX[box]], presence=ROBUST))
    assert inside(outcome) == {f"lon {lon}" for lon in lons[:6]}


@in_memory
@pytest.mark.parametrize("box", SEAM_BOX)
def test_s12_walking_over_the_seam_is_no_event(tmp_path, box):
    """5 km in five minutes each; and the dwell, which is one over the seam."""
    lons = [179.95, -179.95, 180, -180, 180.05]
    path = [(f"{5 * n:02d}:00", (-16.95, lon)) for n, lon in enumerate(lons)]
    outcome = run(tmp_path, robust(*path, geofences=[SEAM_BOX[box]]))
    assert outcome.story() == ["enter f 00:00", "dwell f 02:00"]


@in_memory
def test_s14_pole_circle(tmp_path):
    places: dict[str, Position] = {f"pole {lon}": (90, lon) for lon in (0, 77, -180, 123.456)}
    places |= {"across": (89.9995, 180), "beside": (89.9995, 90)}
    fence = circle("f", (89.9995, 0), 200)
    outcome = run(tmp_path, standing({**places, "beyond": (89.9975, 180)}, geofences=[fence], presence=ROBUST))
    assert inside(outcome) == set(places)


# --- S20 active hours

SHOP_HOURS = circle("f", CENTER, 100, active_hours="09:00-18:00")


def open_from_nine_to_six(profile: str, *events: Row) -> Row:
    presence = {"profile": profile, "dwell_s": 86_400, "lateness_s": 300}
    return walk(*events, geofences=[SHOP_HOURS], presence=presence)


def told(scenario: Row, tmp_path) -> list[tuple[str, str, str | None]]:
    return [(row["kind"], row["at"], row["reason"]) for row in run(tmp_path, scenario).transitions]


def on_the_day(wall: str, position: Position = N50, heard: str | None = None) -> Row:
    return ping(berlin(f"2026-06-02 {heard or wall}"), position, recorded_at=berlin(f"2026-06-02 {wall}"))


@both
def test_s20_a_visit_ends_when_active_hours_do(tmp_path, profile):
    outcome = run(tmp_path, open_from_nine_to_six(profile, on_the_day("17:50"), on_the_day("18:05")))
    enter, leave = outcome.transitions
    closing = berlin("2026-06-02 18:00")
    assert (enter["kind"], enter["at"]) == ("enter", berlin("2026-06-02 17:50"))
    assert (leave["kind"], leave["at"], leave["reason"]) == ("exit", closing, "inactive")
    assert (leave["decided_at"], leave["duration_s"]) == (closing, 600)


@both
def test_s20_a_ping_recorded_before_closing_and_heard_after_it_counts(tmp_path, profile):
    events = [on_the_day("17:50", N500), on_the_day("17:59", heard="18:02"), the_end(berlin("2026-06-02 18:30"))]
    enter, leave = told(open_from_nine_to_six(profile, *events), tmp_path)
    assert enter[:2] == ("enter", berlin("2026-06-02 17:59"))
    assert leave == ("exit", berlin("2026-06-02 18:00"), "inactive")


@in_memory
@both
@pytest.mark.parametrize(
    ("wall", "enters"), [("08:59:59", False), ("09:00:00", True), ("17:59:59", True), ("18:00:00", False)]
)
def test_s20_active_hours_are_half_open(tmp_path, profile, wall, enters):
    outcome = run(tmp_path, open_from_nine_to_six(profile, on_the_day(wall)))
    assert [row["kind"] for row in outcome.transitions] == (["enter"] if enters else [])


@in_memory
@both
@pytest.mark.parametrize(
    ("day", "closing"),
    [
        pytest.param("2026-03-28", "2026-03-28T17:00:00Z", id="the day before clocks go forward"),
        pytest.param("2026-03-29", "2026-03-29T16:00:00Z", id="the day they go forward"),
        pytest.param("2026-10-25", "2026-10-25T17:00:00Z", id="the day they go back"),
    ],
)
def test_s20_active_hours_are_local_when_clocks_change(tmp_path, profile, day, closing):
    stay = [ping(berlin(f"{day} {wall}"), N50) for wall in ("17:50", "18:05")]
    transitions = told(open_from_nine_to_six(profile, *stay), tmp_path)
    assert transitions[1:] == [("exit", closing, "inactive")]


# --- S40


@in_memory
@both
def test_s40_thousands_of_fences_on_one_point(tmp_path, profile):
    """Five thousand enters of one ping, in the order of the fences' ids; one message, that of the highest priority."""
    names = [f"f{(7 * n) % 5000:04d}" for n in range(5000)]
    fences = [circle(name, CENTER, 60 + n % 90, shop_id="s1") for n, name in enumerate(names)]
    free = {key: value for key, value in campaign_a().items() if key not in {"active", "dayparts", "holdout"}}
    campaigns = [
        {**free, "id": f"camp-{n}", "geofence_ids": [f"f{n:04d}"], "priority": priority}
        for n, priority in ((4321, 10), (17, 99), (2500, 50))
    ]
    scenario = bare(ping(berlin("2026-06-02 12:00"), N50), geofences=collection(*fences), presence={"profile": profile})
    outcome = run(tmp_path, {**scenario, "campaigns": campaigns})
    assert [row["geofence_id"] for row in outcome.transitions] == sorted(names)
    assert only(rows(outcome.match_log, outcome="send"))["campaign_id"] == "camp-17"
    assert {row["reason"] for row in rows(outcome.match_log, outcome="suppress")} == {"lost_arbitration"}
