"""The numbers of profile ROBUST, each at its limit and on both sides of it; replayed in memory alone.

Circle F has a radius, and so a depth, of 100 m. Fixes are `(seconds, metres north of its centre, accuracy in metres)`.
"""

import pytest

from tests.scenarios.harness import (
    CENTER,
    NOON,
    F,
    Outcome,
    Row,
    beside,
    circle,
    instant,
    later,
    ping,
    polygon,
    ring,
    robust,
    rows,
    run,
    the_end,
    walk,
)

Fix = tuple[float, float] | tuple[float, float, float]
WAY_OUT = 50_000  # seconds by which every gap has been called
pytestmark = pytest.mark.parametrize("engine", ["memory"], indirect=True)


def fixes(*listed: Fix) -> list[Row]:
    """A fix without an accuracy says none."""
    return [
        ping(later(NOON, when), beside(north_m), **dict(zip(["accuracy_m"], rest, strict=False)))  # type: ignore[arg-type]
        for when, north_m, *rest in listed
    ]


def told(outcome: Outcome) -> list[str]:
    """Transitions as `kind fence second`; `decided second` is added where that is another."""
    lines = []
    for row in outcome.transitions:
        happened, decided = (seconds_of(row[key]) for key in ("at", "decided_at"))
        fence = "" if row["geofence_id"] == "f" else f" {row['geofence_id']}"
        lines.append(f"{row['kind']}{fence} {happened}" + ("" if happened == decided else f" decided {decided}"))
    return lines


def seconds_of(text: str) -> str:
    return f"{(instant(text) - instant(NOON)).total_seconds():g}"


def kinds(outcome: Outcome) -> list[str]:
    return [row["kind"] for row in outcome.transitions]


def rectangle(height_m: float, width_m: float) -> Row:
    (south, west), (north, east) = beside(-height_m / 2, -width_m / 2), beside(height_m / 2, width_m / 2)
    return polygon("f", ring(west, south, east, north))


# --- ENTER: accuracy against the fence's depth

FAR_AWAY = (-600.0, 5000.0)  # long before, so that arriving is no jump


@pytest.mark.parametrize(
    ("accuracy", "enters"), [(None, True), (0, True), (99.9, True), (100, True), (100.1, False), (200, False)]
)
def test_one_fix_enters_with_an_accuracy_up_to_the_depth(tmp_path, accuracy, enters):
    fix = (0.0, 0.0) if accuracy is None else (0.0, 0.0, accuracy)
    assert told(run(tmp_path, robust(*fixes(FAR_AWAY, fix)))) == (["enter 0"] if enters else [])


@pytest.mark.parametrize(
    ("coarse", "enters"),
    [
        pytest.param([(0, 0, 150), (1, 0, 150)], True, id="a second apart"),
        pytest.param([(0, 0, 150), (120, 0, 150)], True, id="120 s apart"),
        pytest.param([(0, 0, 150), (121, 0, 150)], False, id="121 s apart"),
        pytest.param([(0, 0, 200), (60, 0, 200)], True, id="twice the depth"),
        pytest.param([(0, 0, 200.1), (60, 0, 200)], False, id="the first more than twice"),
        pytest.param([(0, 0, 200), (60, 0, 200.1)], False, id="the second more than twice"),
        pytest.param([(0, 0, 150), (60, 0, 900), (120, 0, 150)], True, id="one that says nothing between them"),
        pytest.param([(0, 0, 150), (60, 0, 900), (121, 0, 150)], False, id="and too late"),
        pytest.param([(0, 0, 150), (121, 0, 150), (241, 0, 150)], True, id="the second and the third"),
        pytest.param([(0, 0, 150), (60, 150, 150)], False, id="the second outside"),
        pytest.param([(0, 0, 900), (60, 0, 900), (90, 0, 900)], False, id="any number of useless ones"),
        pytest.param([(0, 0, 900), (60, 0, 100)], True, id="a good one after a useless one"),
    ],
)
def test_coarse_fixes_enter_in_twos(tmp_path, coarse, enters):
    outcome = run(tmp_path, robust(*fixes(FAR_AWAY, *coarse)))
    assert kinds(outcome) == (["enter"] if enters else [])
    assert all(row["decided_at"] == later(NOON, coarse[-1][0]) for row in outcome.transitions)


@pytest.mark.parametrize(
    ("fence", "depth_m"),
    [
        pytest.param(circle("f", CENTER, 40), 40, id="circle"),
        pytest.param(rectangle(20, 30), 12, id="30 m × 20 m"),
        pytest.param(rectangle(1000, 250), 200, id="250 m × 1 km"),
    ],
)
def test_depth_is_twice_the_area_by_the_perimeter(tmp_path, fence, depth_m):
    def enters(*accuracies: float) -> bool:
        stay = [(60.0 * n, 1.0, accuracy) for n, accuracy in enumerate(accuracies)]
        folder = tmp_path / "-".join(map(str, accuracies))
        return kinds(run(folder, robust(*fixes(FAR_AWAY, *stay), geofences=[fence]))) == ["enter"]

    assert enters(0.99 * depth_m)
    assert not enters(1.01 * depth_m)
    assert enters(1.99 * depth_m, 1.99 * depth_m)
    assert not enters(1.99 * depth_m, 2.01 * depth_m)


# --- EXIT: how far is clear


@pytest.mark.parametrize(
    ("fence", "clear_m", "presence"),
    [
        pytest.param(F, 20, {}, id="20 m"),
        pytest.param(circle("f", CENTER, 40), 20, {}, id="a small fence"),
        pytest.param(circle("f", CENTER, 199), 20, {}, id="depth 199 m"),
        pytest.param(circle("f", CENTER, 210), 21, {}, id="depth 210 m"),
        pytest.param(circle("f", CENTER, 1000), 100, {}, id="depth 1000 m"),
        pytest.param(rectangle(600, 1200), 40, {}, id="depth 400 m"),
        pytest.param(F, 50, {"exit_margin_m": 50}, id="a margin of 50 m"),
        pytest.param(F, 10, {"exit_margin_m": 0}, id="no margin: 10 % of the depth"),
    ],
)
@pytest.mark.parametrize("accuracy", [0, 30])
def test_clear_is_beyond_accuracy_and_margin(tmp_path, fence, clear_m, presence, accuracy):
    half_m = fence["properties"].get("radius_m", 300)
    limit_m = half_m + clear_m + accuracy

    def leaves(north_m: float) -> list[str]:
        out = fixes((0, half_m - 5), (60, north_m, accuracy), (70, north_m, accuracy))
        return told(run(tmp_path / f"{north_m}", robust(*out, geofences=[fence], presence=presence)))

    assert leaves(limit_m - 0.2) == ["enter 0"]
    assert leaves(limit_m + 0.2) == ["enter 0", "exit 60 decided 70"]


# --- EXIT: confirmed by a second fix or by time

CLEAR, MARGIN, EDGE, INSIDE = 150.0, 110.0, 100.1, 99.9


@pytest.mark.parametrize(
    ("out", "story"),
    [
        pytest.param([(10, CLEAR)], [], id="one is not enough"),
        pytest.param([(10, CLEAR), (11, CLEAR)], ["exit 10 decided 11"], id="two"),
        pytest.param([(10, CLEAR), (15, CLEAR), (20, CLEAR)], ["exit 10 decided 15"], id="three"),
        pytest.param([(10, CLEAR), (29, MARGIN)], [], id="within the margin after 19 s"),
        pytest.param([(10, CLEAR), (30, MARGIN)], ["exit 10 decided 30"], id="within the margin after 20 s"),
        pytest.param([(10, CLEAR), (30, EDGE)], ["exit 10 decided 30"], id="just outside after 20 s"),
        pytest.param([(10, CLEAR), (30, 400, 1414)], ["exit 10 decided 30"], id="coarse and outside after 20 s"),
        pytest.param([(10, CLEAR), (29, 400, 1414)], [], id="coarse and outside after 19 s"),
        pytest.param([(10, CLEAR), (30, INSIDE)], [], id="inside after 20 s"),
        pytest.param([(10, CLEAR), (20, INSIDE), (30, CLEAR)], [], id="clear, inside, clear"),
        pytest.param([(10, CLEAR), (29, MARGIN), (40, CLEAR)], [], id="clear, margin, clear"),
        pytest.param([(10, CLEAR), (29, MARGIN), (49, MARGIN)], [], id="only the next ping counts"),
        pytest.param(
            [(10, CLEAR), (29, MARGIN), (40, CLEAR), (50, CLEAR)], ["exit 40 decided 50"], id="two after a margin"
        ),
        pytest.param([(10, MARGIN), (60, MARGIN), (110, MARGIN)], [], id="never clear"),
        pytest.param([(10, MARGIN), (20, CLEAR), (40, MARGIN)], ["exit 20 decided 40"], id="dated from the clear one"),
    ],
)
def test_an_exit_is_confirmed(tmp_path, out, story):
    assert told(run(tmp_path, robust(*fixes((0, 0), *out)))) == ["enter 0", *story]


def test_after_an_exit_the_next_inside_is_another_visit(tmp_path):
    outcome = run(tmp_path, robust(*fixes((0, 0), (10, CLEAR), (20, CLEAR), (30, 0), (40, CLEAR), (50, CLEAR))))
    assert told(outcome) == ["enter 0", "exit 10 decided 20", "enter 30", "exit 40 decided 50"]
    assert len({row["visit_id"] for row in outcome.transitions}) == 2


# --- jumps


@pytest.mark.parametrize(
    ("metres", "presence", "enters"),
    [
        (699.99, {}, True),
        (700.01, {}, False),
        (299.99, {"max_speed_mps": 30}, True),
        (300.01, {"max_speed_mps": 30}, False),
        (5000, {"max_speed_mps": 501}, True),
    ],
)
def test_a_jump_is_faster_than_max_speed(tmp_path, metres, presence, enters):
    outcome = run(tmp_path, robust(*fixes((0, metres), (10, 0)), presence=presence))
    assert told(outcome) == (["enter 10"] if enters else [])


@pytest.mark.parametrize(
    ("path", "story"),
    [
        pytest.param([(0, 5000), (10, 0)], [], id="alone it waits"),
        pytest.param([(0, 5000), (10, 0), (20, 0)], ["enter 10 decided 20"], id="confirmed"),
        pytest.param([(0, 5000), (10, 0), (20, 690)], ["enter 10 decided 20"], id="confirmed by one at 69 m/s"),
        pytest.param([(0, 5000), (10, 0), (20, 5000), (30, 5000)], [], id="dropped"),
        pytest.param([(0, 5000), (10, 0), (20, 5000), (90, 650)], [], id="dropped for good"),
        pytest.param([(0, 500), (10, 5000), (20, 0)], ["enter 20"], id="dropped by one that enters"),
        pytest.param(
            [(0, 0), (10, -5000), (310, 0)], ["enter 0", "dwell 120 decided 310"], id="dropped by a return in no hurry"
        ),
        pytest.param([(0, 0), (10, 5000), (20, 0), (30, 5000), (40, 0)], ["enter 0"], id="away and back, twice"),
        pytest.param([(0, 0), (10, 5000), (20, 5010)], ["enter 0", "exit 10 decided 20"], id="gone for good"),
        pytest.param([(0, 5000), (10, 0), (20, -5000)], [], id="a third place"),
        pytest.param(
            [(0, 5000), (10, 0), (20, -5000), (30, -5000)], ["enter south 20 decided 30"], id="a third place it is"
        ),
        pytest.param([(0, 5000), (10, 0), (20, 5000), (30, 0), (40, 0)], ["enter 30 decided 40"], id="a second try"),
    ],
)
def test_a_jump_waits_for_the_next_fix(tmp_path, path, story):
    fences = [F, circle("south", beside(-5000), 100)]
    assert told(run(tmp_path, robust(*fixes(*path), geofences=fences))) == story


def test_the_first_fix_of_all_is_no_jump(tmp_path):
    assert told(run(tmp_path, robust(*fixes((0, 0))))) == ["enter 0"]


def test_a_jump_proves_no_dwell_while_it_waits(tmp_path):
    """All of it inside a circle of twenty kilometres."""
    wide = circle("f", CENTER, 20_000)
    path: list[Fix] = [(0, 0), (110, 0), (120, 5000)]
    assert told(run(tmp_path / "waits", robust(*fixes(*path), geofences=[wide]))) == ["enter 0"]
    dropped = robust(*fixes(*path, (125, 0)), geofences=[wide])
    assert told(run(tmp_path / "dropped", dropped)) == ["enter 0", "dwell 120 decided 125"]


def test_raw_knows_no_jumps(tmp_path):
    assert told(run(tmp_path, walk(*fixes((0, 5000), (10, 0), (20, 5000))))) == ["enter 10", "exit 20"]


def test_speed_and_distance_go_the_short_way_round_the_seam(tmp_path):
    """A box of 200 m whose eastern edge is the seam, walked into over it and left over it."""
    box = polygon("f", ring(179.998, -16.951, 180.0, -16.949))
    path = [-179.999, 179.9999, -179.9999, -179.9995, -179.9995]
    pings = [ping(later(NOON, 10 * n), (-16.95, lon)) for n, lon in enumerate(path)]
    outcome = run(tmp_path, robust(*pings, geofences=[box]))
    assert told(outcome) == ["enter 10", "exit 30 decided 40"], "0.0001° are 10.7 m, within the margin"


def test_speed_and_distance_are_measured_over_the_pole(tmp_path):
    """Ten metres beyond the pole is a step of twenty, whatever the longitudes say."""
    cap = circle("f", (89.9995, 0), 200)
    over = [(89.9999, 0.0), (89.9999, 180.0), (89.9975, 180.0), (89.9975, 179.0)]
    outcome = run(tmp_path, robust(*(ping(later(NOON, 10 * n), p) for n, p in enumerate(over)), geofences=[cap]))
    assert told(outcome) == ["enter 0", "exit 20 decided 30"]


# --- dwell


@pytest.mark.parametrize(
    ("fence", "presence", "dwell_s"),
    [
        pytest.param(F, {}, 120, id="the profile's"),
        pytest.param(F, {"dwell_s": 300}, 300, id="the scenario's"),
        pytest.param(circle("f", CENTER, 100, dwell_s=60), {"dwell_s": 300}, 60, id="the fence's own"),
    ],
)
def test_dwell_is_reached_at_its_second(tmp_path, fence, presence, dwell_s):
    def stay(last: float) -> list[str]:
        path = fixes((0, 0), (last, 50))
        return told(run(tmp_path / f"{last}", robust(*path, geofences=[fence], presence=presence)))

    assert stay(dwell_s - 1) == ["enter 0"]
    assert stay(dwell_s) == ["enter 0", f"dwell {dwell_s}"]
    assert stay(dwell_s + 30) == ["enter 0", f"dwell {dwell_s} decided {dwell_s + 30}"]


@pytest.mark.parametrize(
    ("path", "story"),
    [
        pytest.param([(130, MARGIN)], [], id="a fix within the margin proves nothing"),
        pytest.param([(130, MARGIN), (140, INSIDE)], ["dwell 120 decided 140"], id="the next one inside does"),
        pytest.param([(100, CLEAR), (130, INSIDE)], ["dwell 120 decided 130"], id="one fix outside cancels nothing"),
        pytest.param([(100, CLEAR), (110, CLEAR), (130, CLEAR)], ["exit 100 decided 110"], id="left before"),
        pytest.param([(130, 0), (260, 0), (400, 0)], ["dwell 120 decided 130"], id="once per visit"),
    ],
)
def test_dwell_is_proved_on_the_inside_alone(tmp_path, path, story):
    assert told(run(tmp_path, robust(*fixes((0, 0), *path)))) == ["enter 0", *story]


# --- lateness


@pytest.mark.parametrize(
    ("presence", "age_s", "counts"),
    [
        ({}, 300, True),
        ({}, 301, False),
        ({"lateness_s": 60}, 60, True),
        ({"lateness_s": 60}, 61, False),
        ({"lateness_s": 0}, 1, False),
    ],
)
def test_a_ping_up_to_lateness_s_older_than_the_newest_is_sorted_in(tmp_path, presence, age_s, counts):
    newest = 1000
    late = ping(later(NOON, newest + 1), CENTER, recorded_at=later(NOON, newest - age_s))
    path = [*fixes((0, 500), (newest, 100.5)), late]
    outcome = run(tmp_path, robust(*path, presence=presence))
    assert told(outcome) == ([f"enter {newest - age_s} decided {newest + 1}"] if counts else [])
    assert outcome.counted("pings_kept").get("ping_late", 0) == (0 if counts else 1)


def test_a_late_fix_inside_takes_an_exit_back(tmp_path):
    path = fixes((0, 0), (60, 300), (70, 300))
    late = ping(later(NOON, 75), beside(50), recorded_at=later(NOON, 65))
    assert told(run(tmp_path / "before", robust(*path))) == ["enter 0", "exit 60 decided 70"]
    assert told(run(tmp_path / "after", robust(*path, late))) == ["enter 0"]
    again = run(tmp_path / "again", robust(*path, late, *fixes((100, 300))))
    assert told(again) == ["enter 0", "exit 70 decided 100"]


def test_a_late_fix_outside_confirms_an_exit_and_dates_it(tmp_path):
    """Of the earlier instant, and of the same visit."""
    late = ping(later(NOON, 75), beside(200), recorded_at=later(NOON, 50))
    outcome = run(tmp_path, robust(*fixes((0, 0), (60, 300)), late))
    assert told(outcome) == ["enter 0", "exit 50 decided 75"]
    assert len({row["visit_id"] for row in outcome.transitions}) == 1


def test_a_late_fix_confirms_a_jump(tmp_path):
    late = ping(later(NOON, 15), CENTER, recorded_at=later(NOON, 5))
    assert told(run(tmp_path, robust(*fixes((0, 5000), (10, 0)), late))) == ["enter 5 decided 15"]


# --- gaps


@pytest.mark.parametrize(("presence", "gap_s"), [({}, 1800), ({"gap_s": 600}, 600)])
def test_a_gap_closes_the_visit_where_it_was_last_seen(tmp_path, presence, gap_s):
    def story(silence_s: float) -> list[str]:
        path = fixes((0, 0), (60, 0), (60 + silence_s, 0))
        return told(run(tmp_path / f"{silence_s}", robust(*path, presence={**presence, "dwell_s": 86_400})))

    assert story(gap_s - 1) == ["enter 0"]
    assert story(gap_s) == ["enter 0", f"exit 60 decided {60 + gap_s}", f"enter {60 + gap_s}"]


def test_a_gap_is_called_at_its_own_instant(tmp_path):
    outcome = run(tmp_path, robust(*fixes((0, 0), (60, 0)), the_end(later(NOON, WAY_OUT))))
    assert told(outcome) == ["enter 0", "exit 60 decided 1860"]
    leave = rows(outcome.transitions, kind="exit")[0]
    assert (leave["inferred"], leave["duration_s"]) == (True, 60)


@pytest.mark.parametrize(("lasts", "exits"), [(1859, []), (1860, ["exit"])])
def test_the_clock_stops_at_the_last_event(tmp_path, lasts, exits):
    outcome = run(tmp_path, robust(*fixes((0, 0), (60, 0)), the_end(later(NOON, lasts))))
    assert kinds(outcome) == ["enter", *exits]


def test_an_exit_that_nobody_confirmed_is_closed_by_the_gap(tmp_path):
    """Which instant it bears, that of the last fix inside or of the one outside, is not said, and not asserted."""
    outcome = run(tmp_path, robust(*fixes((0, 0), (60, 0), (70, 500)), the_end(later(NOON, WAY_OUT))))
    assert kinds(outcome) == ["enter", "exit"]
    assert seconds_of(outcome.transitions[-1]["at"]) in {"60", "70"}


# --- first sight


def test_a_visit_that_first_sight_suppressed_is_never_reported_out(tmp_path):
    path = fixes((0, 0), (200, 0), (260, 500), (270, 500), (400, 0))
    outcome = run(tmp_path, robust(*path, presence={"first_seen": "suppress"}))
    assert told(outcome) == ["enter 400"]
    assert outcome.transitions[0]["initial"] is False


def test_first_sight_is_initial(tmp_path):
    outcome = run(tmp_path, robust(*fixes((0, 0), (60, 500), (70, 500), (120, 0))))
    assert [(row["kind"], row["initial"]) for row in outcome.transitions if row["kind"] == "enter"] == [
        ("enter", True),
        ("enter", False),
    ]
