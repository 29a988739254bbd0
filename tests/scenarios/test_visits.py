"""Behaviour table of geofencing, row by row, profile RAW (enter and exit on the geometric side, lateness 60 s)."""

from typing import Any

import pytest

from tests.scenarios.harness import (
    CENTER,
    CUSTOMER,
    N50,
    N99,
    N101,
    N200,
    N300,
    N500,
    S200,
    F,
    Outcome,
    Position,
    Row,
    at,
    circle,
    multipolygon,
    only,
    ping,
    polygon,
    ring,
    rows,
    run,
    the_end,
    walk,
)

SQUARE = ring(13.4000, 52.5200, 13.4020, 52.5210)
FAR: Position = (52.6000, 13.5000)


def standing(places: dict[str, Position], **scenario: Any) -> Row:
    """One customer per place, each with one ping there: whoever is inside has an ENTER."""
    return walk(*(ping(at("00:00"), place, customer=name) for name, place in places.items()), **scenario)


def inside(outcome: Outcome, geofence_id: str = "f") -> set[str]:
    return {row["customer_id"] for row in rows(outcome.transitions, kind="enter", geofence_id=geofence_id)}


# --- basics


def test_s1_enter_inside_exit(tmp_path):
    outcome = run(tmp_path, walk(("00:00", N500), ("01:00", N50), ("02:00", N99), ("03:00", N500)))
    assert outcome.story() == ["enter f 01:00", "exit f 03:00"]
    enter, leave = outcome.transitions
    assert leave["duration_s"] == 120
    assert leave["visit_id"] == enter["visit_id"]
    assert not enter["initial"]


def test_s2_first_ping_inside(tmp_path):
    outcome = run(tmp_path, walk(("00:00", N50)))
    assert outcome.story() == ["enter f 00:00"]
    assert only(outcome.transitions)["initial"] is True


def test_s2_first_ping_inside_is_suppressed_where_first_seen_says_so(tmp_path):
    """The visit that was never reported in is never reported out, and (invariant I1) has no DWELL; the next is new."""
    outcome = run(
        tmp_path,
        walk(
            ("00:00", N50),
            ("03:00", N50),
            ("04:00", N500),
            ("05:00", N50),
            presence={"first_seen": "suppress", "dwell_s": 120},
        ),
    )
    assert outcome.story() == ["enter f 05:00"]
    assert only(outcome.transitions)["initial"] is False


@pytest.mark.parametrize(
    "boundary",
    [
        pytest.param(SQUARE, id="as drawn"),
        pytest.param(SQUARE[::-1], id="reversed winding"),
        pytest.param([*SQUARE[2:-1], *SQUARE[:3]], id="rotated start vertex"),
        pytest.param([*SQUARE, SQUARE[-1]], id="duplicated closing vertex"),
    ],
)
def test_s3_boundary_points(tmp_path, boundary):
    """The unclosed ring of this row is in tests/e2e/test_bad_input.py: it is read the same under `--repair`."""
    places = {
        "edge": (52.5200, 13.4010),
        "vertex": (52.5200, 13.4000),
        "right edge": (52.5205, 13.4020),
        "outside": (52.52000, 13.40201),
    }
    outcome = run(tmp_path, standing(places, geofences=[polygon("f", boundary)]))
    assert inside(outcome) == {"edge", "vertex", "right edge"}


def test_s4_shared_edge(tmp_path):
    left = polygon("a", ring(13.400, 52.520, 13.402, 52.521))
    right = polygon("b", ring(13.402, 52.520, 13.404, 52.521))
    outcome = run(tmp_path, standing({"between": (52.5205, 13.402)}, geofences=[left, right]))
    assert inside(outcome, "a") == inside(outcome, "b") == {"between"}


HOLE = ring(13.4005, 52.5203, 13.4015, 52.5207)


def test_s6_hole(tmp_path):
    annulus, middle = (52.5201, 13.4010), (52.5205, 13.4010)
    outcome = run(
        tmp_path,
        walk(
            ("00:00", FAR),
            ("01:00", annulus),
            ("02:00", middle),
            ("03:00", annulus),
            geofences=[polygon("f", SQUARE, HOLE)],
        ),
    )
    assert outcome.story() == ["enter f 01:00", "exit f 02:00", "enter f 03:00"]


def test_s6_hole_edge_and_island(tmp_path):
    island = ring(13.4008, 52.5204, 13.4012, 52.5206)
    places = {"hole edge": (52.5203, 13.4010), "in the hole": (52.5205, 13.4006), "island": (52.5205, 13.4010)}
    outcome = run(tmp_path, standing(places, geofences=[multipolygon("f", [SQUARE, HOLE], [island])]))
    assert inside(outcome) == {"hole edge", "island"}


TWO_SQUARES = multipolygon("f", [SQUARE], [ring(13.4000, 52.5300, 13.4020, 52.5310)])
PART_1, PART_2 = (52.5205, 13.4010), (52.5305, 13.4010)


def test_s7_multipolygon(tmp_path):
    outcome = run(
        tmp_path,
        walk(
            ("00:00", FAR),
            ("01:00", PART_1),
            ("02:00", FAR),
            ("03:00", PART_2),
            ("04:00", FAR),
            geofences=[TWO_SQUARES],
        ),
    )
    assert outcome.story() == ["enter f 01:00", "exit f 02:00", "enter f 03:00", "exit f 04:00"]


def test_s7_from_part_to_part_is_no_event(tmp_path):
    outcome = run(tmp_path, walk(("00:00", FAR), ("01:00", PART_1), ("02:00", PART_2), geofences=[TWO_SQUARES]))
    assert outcome.story() == ["enter f 01:00"]


@pytest.mark.parametrize(("outer", "inner", "apart"), [("a", "b", "c"), ("z", "y", "c")])
def test_s8_overlapping_fences(tmp_path, outer, inner, apart):
    """Exits precede enters at equal time, whatever the ids; equals go by id."""
    fences = [
        polygon(apart, ring(13.420, 52.520, 13.430, 52.530)),
        polygon(inner, ring(13.402, 52.522, 13.404, 52.524)),
        polygon(outer, ring(13.400, 52.520, 13.410, 52.530)),
    ]
    in_both, in_outer, in_apart = (52.523, 13.403), (52.528, 13.408), (52.525, 13.425)
    outcome = run(
        tmp_path, walk(("00:00", FAR), ("01:00", in_both), ("02:00", in_outer), ("03:00", in_apart), geofences=fences)
    )
    first, second = sorted([outer, inner])
    assert outcome.story() == [
        f"enter {first} 01:00",
        f"enter {second} 01:00",
        f"exit {inner} 02:00",
        f"exit {outer} 03:00",
        f"enter {apart} 03:00",
    ]


CROSSING = {"cross_within_s": 60, "max_speed_mps": 70}


def test_s9_crossing_where_asked_for(tmp_path):
    """The row puts the crossing between the two fixes and says no more."""
    outcome = run(tmp_path, walk(("00:00", N200), ("00:10", S200), presence=CROSSING))
    cross = only(outcome.transitions)
    assert cross["kind"] == "cross"
    assert at("00:00") < cross["at"] < at("00:10")


@pytest.mark.parametrize(
    ("first", "second", "presence"),
    [
        pytest.param(("00:00", N200), ("00:10", S200), {}, id="off by default"),
        pytest.param(("00:00", N200), ("40:00", S200), CROSSING, id="40 min apart"),
        pytest.param(("00:00", (52.565, 13.405)), ("00:08", (52.475, 13.405)), CROSSING, id="teleport"),
        pytest.param(("00:00", N200), ("00:10", N300), CROSSING, id="beside the fence"),
    ],
)
def test_s9_no_crossing(tmp_path, first, second, presence):
    assert run(tmp_path, walk(first, second, presence=presence)).transitions == []


def test_s10_dwell(tmp_path):
    stay = [(when, N50) for when in ("00:00", "01:00", "01:59", "02:00", "05:00")]
    outcome = run(tmp_path, walk(*stay, ("06:00", N500), presence={"dwell_s": 120}))
    assert outcome.story() == ["enter f 00:00", "dwell f 02:00", "exit f 06:00"]
    assert len({row["visit_id"] for row in outcome.transitions}) == 1


def test_s10_dwell_is_dated_when_reached_and_decided_when_proved(tmp_path):
    outcome = run(tmp_path, walk(("00:00", N50), ("05:00", N50), presence={"dwell_s": 120}))
    assert outcome.story() == ["enter f 00:00", "dwell f 02:00"]
    assert rows(outcome.transitions, kind="dwell")[0]["decided_at"] == at("05:00")


def test_s10_only_a_ping_on_the_inside_proves_dwell(tmp_path):
    outcome = run(tmp_path, walk(("00:00", N50), ("05:00", N500), presence={"dwell_s": 120}))
    assert outcome.story() == ["enter f 00:00", "exit f 05:00"]


def test_s10_a_fences_own_dwell_beats_the_profiles(tmp_path):
    fences = [circle("f", CENTER, 100, dwell_s=60), circle("g", CENTER, 100)]
    outcome = run(tmp_path, walk(("00:00", N50), ("05:00", N50), geofences=fences, presence={"dwell_s": 120}))
    assert outcome.story() == ["enter f 00:00", "enter g 00:00", "dwell f 01:00", "dwell g 02:00"]


def test_s10_without_dwell_s_there_is_no_dwell(tmp_path):
    assert run(tmp_path, walk(("00:00", N50), ("50:00", N50))).story() == ["enter f 00:00"]


def test_s11_dwell_interrupted(tmp_path):
    outcome = run(
        tmp_path,
        walk(
            ("00:00", N50), ("01:00", N300), ("01:30", N50), ("03:20", N50), ("03:31", N50), presence={"dwell_s": 120}
        ),
    )
    assert outcome.story() == ["enter f 00:00", "exit f 01:00", "enter f 01:30", "dwell f 03:30"]
    assert rows(outcome.transitions, kind="dwell")[0]["decided_at"] == at("03:31")


# --- globe

SEAM_BOX = {
    "one ring with the jump": polygon("f", ring(179.9, -17.0, -179.9, -16.9)),
    "split in two": multipolygon("f", [ring(179.9, -17.0, 180.0, -16.9)], [ring(-180.0, -17.0, -179.9, -16.9)]),
    "running on beyond 180": polygon("f", ring(179.9, -17.0, 180.1, -16.9)),
}


@pytest.mark.parametrize("box", SEAM_BOX)
def test_s12_antimeridian_polygon(tmp_path, box):
    lons = [179.95, -179.95, 180, -180, 180.05, 539.95, 179.85, -179.85, 0]
    outcome = run(tmp_path, standing({f"lon {lon}": (-16.95, lon) for lon in lons}, geofences=[SEAM_BOX[box]]))
    assert inside(outcome) == {f"lon {lon}" for lon in lons[:6]}


@pytest.mark.parametrize("box", SEAM_BOX)
def test_s12_walking_over_the_seam_is_no_event(tmp_path, box):
    path = [
        ("00:00", (-16.95, 179.95)),
        ("01:00", (-16.95, -179.95)),
        ("02:00", (-16.95, 180)),
        ("03:00", (-16.95, -180)),
    ]
    outcome = run(tmp_path, walk(*path, geofences=[SEAM_BOX[box]]))
    assert outcome.story() == ["enter f 00:00"]


def test_s14_pole_circle(tmp_path):
    places: dict[str, Position] = {f"pole {lon}": (90, lon) for lon in (0, 77, -180, 123.456)}
    places |= {"across": (89.9995, 180), "beside": (89.9995, 90)}
    outcome = run(tmp_path, standing({**places, "beyond": (89.9975, 180)}, geofences=[circle("f", (89.9995, 0), 200)]))
    assert inside(outcome) == set(places)


# --- gaps


def test_a_gap_closes_the_visit_where_it_was_last_seen(tmp_path):
    """Exit, inferred, at the last ping; due work happens at its own instant, here gap_s after that ping."""
    outcome = run(tmp_path, walk(("00:00", N50), ("05:00", N50), the_end(at("30:00")), presence={"gap_s": 600}))
    assert outcome.story() == ["enter f 00:00", "exit f 05:00"]
    leave = outcome.transitions[-1]
    assert leave["inferred"] is True
    assert leave["duration_s"] == 300
    assert leave["decided_at"] == at("15:00")


def test_after_a_gap_the_customer_comes_in_again(tmp_path):
    outcome = run(tmp_path, walk(("00:00", N50), ("01:00", N50), ("30:00", N50), presence={"gap_s": 600}))
    assert outcome.story() == ["enter f 00:00", "exit f 01:00", "enter f 30:00"]


def test_a_visit_seen_once_lasts_no_time(tmp_path):
    """Both at one instant; at equal instants the file has exits before enters."""
    outcome = run(tmp_path, walk(("00:00", N50), the_end(at("30:00")), presence={"gap_s": 600}))
    assert sorted(outcome.story()) == ["enter f 00:00", "exit f 00:00"]
    assert rows(outcome.transitions, kind="exit")[0]["duration_s"] == 0


def test_raw_has_no_gap_of_its_own(tmp_path):
    two_days_on = ping("2026-06-04T10:00:00Z", N50)
    assert run(tmp_path, walk(("00:00", N50), two_days_on)).story() == ["enter f 00:00"]


def test_the_clock_stops_at_the_last_event(tmp_path):
    """A gap that would end later stays open."""
    assert run(tmp_path, walk(("00:00", N50), ("05:00", N50), presence={"gap_s": 600})).story() == ["enter f 00:00"]


# --- what is written


def test_a_transition_has_the_promised_keys(tmp_path):
    outcome = run(tmp_path, walk(("00:00", N500), ("01:00", N50), ("02:00", N101)))
    for row in outcome.transitions:
        assert set(row) >= {
            "customer_id", "geofence_id", "kind", "at", "decided_at", "visit_id", "initial", "inferred",
            "reason", "duration_s", "geofence_revision",
        }  # fmt: skip
        assert row["customer_id"] == CUSTOMER
        assert row["inferred"] is False
    assert [row["at"] for row in outcome.transitions] == ["2026-06-02T10:01:00Z", "2026-06-02T10:02:00Z"]
    assert outcome.summary["transitions"]["enter"] == outcome.summary["transitions"]["exit"] == 1


def test_adding_another_fence_or_customer_changes_no_event(tmp_path):
    """Invariant I11."""
    path = [("00:00", N500), ("01:00", N50), ("02:00", N99), ("03:00", N500)]
    alone = run(tmp_path / "alone", walk(*path)).story()
    other = ping(at("01:30"), N50, customer="cust-0002")
    crowded = walk(*path[:2], other, *path[2:], geofences=[F, circle("far", FAR, 100)])
    assert run(tmp_path / "crowded", crowded).story() == alone
