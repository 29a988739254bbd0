"""Behaviour table of geofencing, row by row, profile ROBUST: steady where RAW follows every fix.

Rows of profile RAW are in test_visits, test_visits_late and test_visits_edits; numbers at their limits are in
test_presence_numbers, rows that read the same under both profiles in test_presence_both.
"""

from typing import Any

import pytest

from tests.scenarios.harness import (
    CENTER,
    N50,
    N99,
    N110,
    N200,
    N300,
    N500,
    N1000,
    N5000,
    S200,
    F,
    Position,
    Row,
    at,
    bare,
    beside,
    circle,
    collection,
    consent_event,
    later,
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
from tests.scenarios.test_visits import PART_1, PART_2, SQUARE, TWO_SQUARES
from tests.scenarios.test_visits_edits import delete, put
from tests.scenarios.test_visits_late import late

Event = Row | tuple[str, Position]
SHOP_FENCE = circle("f", CENTER, 100, shop_id="s1")
NEAR: Position = (52.5250, 13.4010)  # half a kilometre from both squares of S7
S50, S500, S950 = (beside(-metres) for metres in (50, 500, 950))


def shopping(*events: Row, **more: Any) -> Row:
    """A campaign on circle F under profile ROBUST, and no rule that could stop it."""
    presence = {"profile": "robust", **more.pop("presence", {})}
    return bare(*events, geofences=collection(SHOP_FENCE), presence=presence, **more)


# --- basics


def test_s1_enter_inside_exit(tmp_path):
    """The second ping outside confirms what the first one said."""
    outcome = run(tmp_path, robust(("00:00", N500), ("01:00", N50), ("02:00", N99), ("03:00", N500), ("04:00", N500)))
    assert outcome.story() == ["enter f 01:00", "exit f 03:00"]
    enter, leave = outcome.transitions
    assert (leave["duration_s"], leave["visit_id"], leave["decided_at"]) == (120, enter["visit_id"], at("04:00"))
    assert not enter["initial"]


def test_s7_multipolygon(tmp_path):
    path = [("00:00", NEAR), ("01:00", PART_1), ("02:00", NEAR), ("02:30", NEAR)]
    path += [("03:30", PART_2), ("04:30", NEAR), ("05:00", NEAR)]
    outcome = run(tmp_path, robust(*path, geofences=[TWO_SQUARES]))
    assert outcome.story() == ["enter f 01:00", "exit f 02:00", "enter f 03:30", "exit f 04:30"]


def test_s7_from_part_to_part_is_no_event(tmp_path):
    outcome = run(tmp_path, robust(("00:00", NEAR), ("01:00", PART_1), ("02:00", PART_2), geofences=[TWO_SQUARES]))
    assert outcome.story() == ["enter f 01:00"]


def test_s8_overlapping_fences(tmp_path):
    """The exit found by the second fix in C is of the first one's instant, and stands before the enter."""
    fences = [
        polygon("c", ring(13.420, 52.520, 13.430, 52.530)),
        polygon("b", ring(13.402, 52.522, 13.404, 52.524)),
        polygon("a", ring(13.400, 52.520, 13.410, 52.530)),
    ]
    away, in_both, in_a, in_c = (52.515, 13.395), (52.523, 13.403), (52.528, 13.408), (52.525, 13.425)
    path = [("00:00", away), ("01:00", in_both), ("01:50", in_a), ("02:20", in_a), ("03:10", in_c), ("04:00", in_c)]
    outcome = run(tmp_path, robust(*path, geofences=fences))
    assert outcome.story() == [
        "enter a 01:00",
        "enter b 01:00",
        "exit b 01:50",
        "exit a 03:10",
        "enter c 03:10",
    ]


def test_s9_crossing_where_asked_for(tmp_path):
    outcome = run(tmp_path, robust(("00:00", N200), ("00:10", S200), presence={"cross_within_s": 60}))
    cross = only(outcome.transitions)
    assert cross["kind"] == "cross"
    assert at("00:00") < cross["at"] < at("00:10")


@pytest.mark.parametrize(
    ("path", "presence"),
    [
        pytest.param([("00:00", N200), ("00:10", S200)], {}, id="off by default"),
        pytest.param([("00:00", N200), ("40:00", S200)], {"cross_within_s": 60}, id="40 min apart"),
        pytest.param([("00:00", N5000), ("00:08", beside(-5000))], {"cross_within_s": 60}, id="teleport"),
        pytest.param(
            [("00:00", N5000), ("00:08", beside(-5000)), ("00:16", beside(-5100))],
            {"cross_within_s": 60},
            id="teleport that was one",
        ),
        pytest.param(
            [("00:00", N5000), ("00:08", beside(-5000)), ("00:16", N5000)],
            {"cross_within_s": 60},
            id="teleport there and back",
        ),
    ],
)
def test_s9_no_crossing(tmp_path, path, presence):
    assert run(tmp_path, robust(*path, presence=presence)).transitions == []


def test_s10_dwell(tmp_path):
    stay = [(when, N50) for when in ("00:00", "01:00", "01:59", "02:00", "05:00")]
    outcome = run(tmp_path, robust(*stay, ("06:00", N500), ("06:30", N500)))
    assert outcome.story() == ["enter f 00:00", "dwell f 02:00", "exit f 06:00"]
    assert len({row["visit_id"] for row in outcome.transitions}) == 1
    assert rows(outcome.transitions, kind="dwell")[0]["decided_at"] == at("02:00")


def test_s11_one_fix_outside_does_not_interrupt_a_dwell(tmp_path):
    """Where RAW sees two stays: only a committed exit ends one."""
    path = [("00:00", N50), ("01:00", N300), ("01:30", N50), ("03:20", N50), ("03:31", N50)]
    outcome = run(tmp_path, robust(*path))
    assert outcome.story() == ["enter f 00:00", "dwell f 02:00"]
    assert rows(outcome.transitions, kind="dwell")[0]["decided_at"] == at("03:20")


def test_s11_a_committed_exit_interrupts_a_dwell(tmp_path):
    path = [("00:00", N50), ("01:00", N300), ("01:10", N300), ("01:30", N50), ("03:20", N50), ("03:31", N50)]
    outcome = run(tmp_path, robust(*path))
    assert outcome.story() == ["enter f 00:00", "exit f 01:00", "enter f 01:30", "dwell f 03:30"]


# --- life cycle


def test_s17_fence_deleted_while_inside(tmp_path):
    path = [("08:00", N500), ("09:00", N50)]
    outcome = run(tmp_path, robust(*path, delete("10:00"), ("11:00", N50), ("12:00", N500), ("13:00", N500)))
    assert outcome.story() == ["enter f 09:00", "exit f 10:00"]
    leave = outcome.transitions[-1]
    assert (leave["reason"], leave["duration_s"], leave["decided_at"]) == ("fence_deleted", 60, at("10:00"))


def test_s17_an_exit_by_deletion_triggers_no_message(tmp_path):
    scenario = shopping(
        ping(at("09:00"), N50), delete("10:00"), the_end(at("20:00")), campaign={"trigger": {"on": "exit"}}
    )
    outcome = run(tmp_path, scenario)
    assert outcome.story() == ["enter f 09:00", "exit f 10:00"]
    assert outcome.sent == []


def test_s18_fence_shrunk_while_inside(tmp_path):
    """Ten metres outside the new boundary, which is within the margin: it is the fence that left, not the customer."""
    path: list[Event] = [put("10:00", circle("f", CENTER, 40)), ("11:00", N50), ("12:00", N50), ("13:00", CENTER)]
    outcome = run(tmp_path, robust(("09:00", N50), *path))
    assert outcome.story() == ["enter f 09:00", "exit f 11:00", "enter f 13:00"]
    enter, leave, again = outcome.transitions
    assert (leave["reason"], leave["decided_at"]) == ("fence_changed", at("11:00"))
    assert enter["geofence_revision"] < leave["geofence_revision"] == again["geofence_revision"]


def test_s18_a_new_name_is_no_event_and_confirms_nothing(tmp_path):
    renamed = circle("f", CENTER, 100, name="Renamed")
    path: list[Event] = [("09:00", N50), ("10:00", N500), put("10:05", renamed), ("10:10", N500), ("11:00", N500)]
    outcome = run(tmp_path, robust(*path))
    assert outcome.story() == ["enter f 09:00", "exit f 10:00"]
    assert outcome.transitions[-1]["reason"] != "fence_changed"


@pytest.mark.parametrize(("first_seen", "story"), [("enter", ["enter f 10:05"]), ("suppress", [])])
def test_s19_fence_created_around_customer(tmp_path, first_seen, story):
    """One ENTER, initial, when next seen, never back-dated; where suppressed not even an exit."""
    scenario = robust(
        ("09:59", N50),
        put("10:00", SHOP_FENCE),
        ("10:05", N50),
        geofences=[circle("elsewhere", (52.6, 13.5), 100)],
        presence={"first_seen": first_seen},
    )
    outcome = run(tmp_path, scenario)
    assert outcome.story() == story
    assert all(row["initial"] for row in outcome.transitions)


def test_s21_consent_withdrawn_while_inside(tmp_path):
    outcome = run(
        tmp_path,
        shopping(
            ping(at("09:00"), N500),
            ping(at("09:30"), N50),
            consent_event(at("10:00"), "location.matching", "withdrawn"),
            ping(at("10:10"), N50),
            ping(at("12:00"), N50),
            consent_event(at("13:00"), "location.matching", "granted"),
            ping(at("13:10"), N50),
            dispatch={"delay_s": 60},
        ),
    )
    assert outcome.story() == ["enter f 09:30", "exit f 10:00", "enter f 13:10"]
    _, leave, again = outcome.transitions
    assert (leave["reason"], again["initial"]) == ("consent", True)
    assert outcome.refused == {"consent_location_missing": 2}
    first = only(rows(outcome.messages, queued_at=at("09:30")))
    assert (first["status"], first["sent_at"]) == ("cancelled", None)


# --- time and order


def test_s23_stale_sample_after_exit(tmp_path):
    path: list[Event] = [("00:00", N50), ("10:00", N300), ("10:20", N300), late("10:30", "08:00", N50)]
    outcome = run(tmp_path, robust(*path, ("11:00", N300)))
    assert [line for line in outcome.story() if not line.startswith("dwell")] == ["enter f 00:00", "exit f 10:00"]


def test_s23_stale_sample_that_makes_the_exit_a_jump(tmp_path):
    """250 m in two seconds: the exit waits for the next fix, which agrees with it."""
    path: list[Event] = [("10:00", N50), ("10:10", N300), late("10:11", "10:08", N50), ("10:30", N300), ("11:00", N300)]
    assert run(tmp_path, robust(*path)).story() == ["enter f 10:00", "exit f 10:10"]


def test_s24_later_than_the_window(tmp_path):
    scenario = shopping(
        ping(at("19:00"), N500), ping(at("20:00"), N500), late("20:01", "10:00", N50), ping(at("21:00"), N500)
    )
    outcome = run(tmp_path, scenario)
    assert outcome.transitions == outcome.match_log == outcome.messages == []
    assert outcome.summary["pings_kept"]["ping_late"] == 1
    assert outcome.refused == {}


def test_s25_duplicates(tmp_path):
    twice = [ping(at("01:00"), N50, accuracy_m=8, ping_id=name, device_id="d1") for name in ("p1", "p2")]
    outcome = run(tmp_path, robust(("00:00", N500), *twice, ("02:00", N500), ("02:30", N500)))
    assert outcome.story() == ["enter f 01:00", "exit f 02:00"]
    assert outcome.refused == {"duplicate_ping": 1}


@pytest.mark.parametrize("better_first", [True, False])
@pytest.mark.parametrize(("better", "worse", "story"), [(N50, N500, ["enter f 01:00"]), (N500, N50, [])])
def test_s25_of_two_places_at_one_time_the_more_accurate_wins(tmp_path, better_first, better, worse, story):
    order = [(better, 5), (worse, 50)] if better_first else [(worse, 50), (better, 5)]
    pair = [
        late(arrives, "01:00", place, accuracy_m=accuracy, ping_id=f"p{accuracy}", device_id="d1")
        for arrives, (place, accuracy) in zip(["01:00", "01:05"], order, strict=True)
    ]
    assert run(tmp_path, robust(("00:00", N500), *pair)).story() == story


# --- uncertainty


@pytest.mark.parametrize("engine", ["memory"], indirect=True)
def test_s28_jitter_at_the_border(tmp_path):
    """Sixty pings, one a second, nine metres inside or ten outside: RAW follows each of them."""
    jitter = [ping(later(at("00:00"), n), [N99, N110][n % 2], accuracy_m=15) for n in range(60)]
    assert run(tmp_path / "robust", robust(*jitter)).story() == ["enter f 00:00"]
    raw = run(tmp_path / "raw", walk(*jitter)).story()
    assert raw == [f"{['enter', 'exit'][n % 2]} f 00:{n:02d}" for n in range(60)]


def test_s29_poor_accuracy_does_not_leave(tmp_path):
    """A kilometre out, but the fix may be wrong by more."""
    inside = ping(at("00:00"), CENTER, accuracy_m=8)
    doubtful = [ping(at(when), N1000, accuracy_m=1414) for when in ("01:00", "01:30")]
    outcome = run(tmp_path, robust(inside, *doubtful, ping(at("02:30"), CENTER, accuracy_m=10)))
    assert [line for line in outcome.story() if "dwell" not in line] == ["enter f 00:00"]


def test_s29_far_out_is_decisive_in_spite_of_the_accuracy(tmp_path):
    inside = ping(at("00:00"), CENTER, accuracy_m=8)
    far = [ping(at(when), N5000, accuracy_m=122) for when in ("01:30", "01:40")]
    outcome = run(tmp_path, robust(inside, *far))
    assert outcome.story() == ["enter f 00:00", "exit f 01:30"]
    assert outcome.transitions[-1]["decided_at"] == at("01:40")


def test_s30_coarse_fix_cannot_arrive(tmp_path):
    coarse = [ping(at("01:00"), CENTER, accuracy_m=1414), ping(at("01:30"), CENTER, accuracy_m=150)]
    assert run(tmp_path, robust(("00:00", N500), *coarse)).transitions == []


def test_s30_a_fair_fix_can_arrive(tmp_path):
    outcome = run(tmp_path, robust(("00:00", N500), ping(at("01:00"), CENTER, accuracy_m=65)))
    assert outcome.story() == ["enter f 01:00"]


def test_s33_drive_by(tmp_path):
    places = [N500, N50, S50, S500, S950]
    events = [ping(later(at("00:00"), 10 * n), place) for n, place in enumerate(places)]
    outcome = run(tmp_path, shopping(*events, the_end(at("10:00")), campaign={"trigger": {"on": "dwell"}}))
    assert outcome.story() == ["enter f 00:10", "exit f 00:30"]
    assert outcome.transitions[-1]["decided_at"] == at("00:40")
    assert outcome.match_log == outcome.messages == []


def test_s34_small_shop_polygon(tmp_path):
    """30 m × 20 m, depth 12 m: found by two fixes of 20 m; left by going clearly away, not by a fix next door."""
    (south, west), (north, east) = beside(-10, -15), beside(10, 15)
    small = polygon("f", ring(west, south, east, north))
    stay = [ping(later(at("00:00"), 10 * n), beside(n % 5, 5 - n % 7), accuracy_m=20) for n in range(19)]
    next_door = [ping(later(at("03:10"), 10 * n), beside(45), accuracy_m=20) for n in range(4)]
    gone = [ping(later(at("04:00"), 10 * n), beside(60), accuracy_m=20) for n in range(2)]
    outcome = run(tmp_path, robust(*stay, *next_door, *gone, geofences=[small]))
    enter, dwell, leave = outcome.transitions
    assert [row["kind"] for row in outcome.transitions] == ["enter", "dwell", "exit"]
    assert enter["decided_at"] == at("00:10")
    assert enter["at"] in {at("00:00"), at("00:10")}
    assert dwell["at"] == later(enter["at"], 120)
    assert (leave["at"], leave["decided_at"]) == (at("04:00"), at("04:10"))
    only_once = robust(*stay[:1], geofences=[small])
    assert run(tmp_path / "once", only_once).transitions == [], "one such fix is not enough"


# --- what ROBUST messages about


def test_an_exit_triggers_when_it_is_confirmed(tmp_path):
    scenario = shopping(
        ping(at("00:00"), N50), ping(at("01:00"), N500), ping(at("01:10"), N500), campaign={"trigger": {"on": "exit"}}
    )
    row = only(run(tmp_path, scenario).match_log)
    assert (row["outcome"], row["at"], row["decided_at"]) == ("send", at("01:00"), at("01:10"))


def test_a_corroborated_enter_triggers(tmp_path):
    """Coarse fixes are worth a message only where `ping_rules` let them: here up to 150 m."""
    coarse = [ping(at(when), N50, accuracy_m=150) for when in ("01:00", "01:20")]
    lenient = {"max_accuracy_m": 150}
    outcome = run(tmp_path / "lenient", shopping(ping(at("00:00"), N500), *coarse, ping_rules=lenient))
    assert outcome.verdicts() == ["send"]
    assert outcome.match_log[0]["decided_at"] == at("01:20")
    strict = run(tmp_path / "strict", shopping(ping(at("00:00"), N500), *coarse))
    assert strict.verdicts() == ["suppress ping_inaccurate"]


def test_a_jump_that_was_one_arrives_and_triggers(tmp_path):
    path = [ping(at("00:00"), N5000), ping(at("00:10"), N50), ping(at("00:20"), N50)]
    outcome = run(tmp_path, shopping(*path))
    assert outcome.story() == ["enter f 00:10"]
    assert only(outcome.match_log)["decided_at"] == at("00:20")
    assert outcome.verdicts() == ["send"]


def test_nothing_is_sent_about_a_jump_that_was_none(tmp_path):
    path = [ping(at("00:00"), N5000), ping(at("00:10"), N50), ping(at("00:20"), N5000)]
    outcome = run(tmp_path, shopping(*path))
    assert outcome.transitions == outcome.match_log == outcome.messages == []


def test_a_stale_ping_moves_the_visit_and_suppresses_the_message(tmp_path):
    scenario = shopping(ping(at("00:00"), N500), late("07:00", "01:00", N50))
    outcome = run(tmp_path, scenario)
    assert outcome.story() == ["enter f 01:00"]
    assert outcome.verdicts() == ["suppress ping_stale"]


def test_leaving_is_decided_across_a_hole_too(tmp_path):
    """22 m from the edge of the hole: clear for an exact fix, undecided for one of 8 m."""
    hole = ring(13.4005, 52.5203, 13.4015, 52.5207)
    ring_area, middle = (52.5201, 13.4010), (52.5205, 13.4010)
    for accuracy, story in ((0, ["enter f 00:00", "exit f 01:00"]), (8, ["enter f 00:00"])):
        path = [ping(at(when), middle, accuracy_m=accuracy) for when in ("01:00", "01:10")]
        scenario = robust(("00:00", ring_area), *path, geofences=[polygon("f", SQUARE, hole)])
        assert run(tmp_path / str(accuracy), scenario).story() == story


def test_where_nothing_is_said_the_profile_is_robust(tmp_path):
    """S28 again, without the key; and dwell after 120 s."""
    jitter = [ping(later(at("00:00"), 5 * n), [N99, N110][n % 2], accuracy_m=15) for n in range(26)]
    scenario = {key: value for key, value in robust(*jitter, geofences=[F]).items() if key != "presence"}
    assert run(tmp_path, scenario).story() == ["enter f 00:00", "dwell f 02:00"]
