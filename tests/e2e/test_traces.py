"""Real traces through both profiles side by side: RAW comes and goes at a fence's border, ROBUST does not.

A phone in Zürich (trackintel's sample of Google location history, MIT), buses in Liverpool (a vehicle feed, Open
Government Licence v3) and a car in Munich (barefoot's sample, Apache-2.0).
`python -m tests.e2e.test_traces` prints the table.
"""

import csv
import json
import re
import tempfile
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from itertools import pairwise
from pathlib import Path

import pytest

from tests.e2e.shell import Row, nearcast, write_json, write_lines
from tests.scenarios.harness import Outcome, Position, circle, collection, distance_m, instant, read_outcome

TRACES = Path(__file__).parents[3] / "shared" / "data" / "traces"
pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(not TRACES.is_dir(), reason="needs the data of ../shared/data/traces beside the repository"),
]
PROFILES = ["raw", "robust"]
RADII_M = (40, 100, 250)
MARGIN_M, MAX_SPEED_MPS = 20, 70


def phone_in_zurich() -> list[Row]:
    """Newest first, as it was exported; accuracies from 20 m to a kilometre."""
    with (TRACES / "trackintel_google_zurich.csv").open(encoding="utf-8", newline="") as file:
        return [
            {
                "customer_id": f"phone-{row['user_id']}",
                "recorded_at": row["tracked_at"],
                "lat": float(row["latitude"]),
                "lon": float(row["longitude"]),
                "accuracy_m": float(row["accuracy"]),
                "received_at": row["tracked_at"],
            }
            for row in csv.DictReader(file, delimiter=";")
        ]


def buses_in_liverpool() -> list[Row]:
    """Every half minute; times without an offset are UTC."""
    with (TRACES / "liverpool_bus_route14.csv").open(encoding="utf-8", newline="") as file:
        return [
            {
                "customer_id": f"bus-{row['vehicle_id']}",
                "recorded_at": f"{row['timestamp'].replace(' ', 'T')}Z",
                "lat": float(row["latitude"]),
                "lon": float(row["longitude"]),
            }
            for row in csv.DictReader(file)
        ]


def car_in_munich() -> list[Row]:
    """Every second, with one jump."""
    rows = json.loads((TRACES / "munich_barefoot_x0001-001.json").read_text(encoding="utf-8"))
    places = [[float(number) for number in re.findall(r"-?[\d.]+", row["point"])] for row in rows]
    return [
        {
            "customer_id": "car",
            "recorded_at": datetime.strptime(row["time"], "%Y-%m-%d %H:%M:%S%z").isoformat(),
            "lat": lat,
            "lon": lon,
        }
        for row, (lon, lat) in zip(rows, places, strict=True)
    ]


@dataclass(frozen=True)
class Trace:
    """Where it was recorded, its pings, the places where most of its time was spent, and circles (centre, radius in
    metres) whose border runs through such a place."""

    timezone: str
    ending: str
    read: Callable[[], list[Row]]
    places: list[Position]
    borders: list[tuple[Position, float]]

    @property
    def circles(self) -> dict[str, tuple[Position, float]]:
        """By fence id, those of `borders` and three round each place."""
        listed = [*self.borders, *((place, radius_m) for place in self.places for radius_m in RADII_M)]
        return {f"f{number:02d}": where for number, where in enumerate(listed)}


NAMES: dict[str, Trace] = {
    "Zürich": Trace(
        "Europe/Zurich",
        "csv",
        phone_in_zurich,
        [
            (47.37741, 8.54795),
            (47.37816, 8.55253),
            (47.36766, 8.54068),
            (47.38077, 8.54774),
            (47.37447, 8.54172),
            (47.37429, 8.54974),
        ],
        [((47.37874, 8.54933), 250)],
    ),
    "Liverpool": Trace(
        "Europe/London",
        "ndjson",
        buses_in_liverpool,
        [
            (53.40762, -2.98209),
            (53.46208, -2.89508),
            (53.44132, -2.93262),
            (53.44844, -2.91531),
            (53.41070, -2.96792),
            (53.42681, -2.95153),
            (53.40926, -2.97306),
            (53.42237, -2.96016),
        ],
        [((53.40762, -2.97833), 250), ((53.40762, -2.98149), 40)],
    ),
    "Munich": Trace(
        "Europe/Berlin",
        "csv",
        car_in_munich,
        [
            (48.15243, 11.53678),
            (48.12616, 11.43845),
            (48.16153, 11.55322),
            (48.15960, 11.54735),
            (48.13744, 11.53448),
            (48.16115, 11.56342),
        ],
        [((48.16142, 11.56272), 60), ((48.16133, 11.56295), 40)],
    ),
}


@cache
def replayed(name: str, profile: str) -> Outcome:
    """The trace against circles of three sizes round each place; dwell and gap are the same under both profiles."""
    trace = NAMES[name]
    pings = trace.read()
    people = sorted({row["customer_id"] for row in pings})
    fences = [circle(fence_id, *where) for fence_id, where in trace.circles.items()]
    granted = {"purpose": "location.matching", "action": "granted", "at": "2010-01-01T00:00:00Z"}
    scenario = {
        "tenant": {"id": "t1", "timezone": trace.timezone},
        "presence": {"profile": profile, "dwell_s": 120, "gap_s": 1800},
        "geofences": collection(*fences),
        "customers": [{"id": who} for who in people],
        "consents": [{"customer_id": who, **granted} for who in people],
    }
    folder = Path(tempfile.mkdtemp(prefix="nearcast-traces-"))
    path = write_json(folder / "scenario.json", scenario)
    file = write_lines(folder / f"pings.{trace.ending}", pings)
    answer = nearcast("replay", path, "--pings", file, "--out", folder / "out")
    assert answer.code == 0, answer.err
    outcome = read_outcome(folder / "out")
    assert outcome.refused == {}
    return outcome


def count_of(outcome: Outcome, kind: str) -> int:
    return outcome.counted("transitions").get(kind, 0)


def of_each_fence(outcome: Outcome, kind: str) -> list[list[Row]]:
    found: defaultdict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in outcome.transitions:
        if row["kind"] == kind:
            found[row["customer_id"], row["geofence_id"]].append(row)
    return list(found.values())


def enters_within_a_minute(outcome: Outcome) -> int:
    """How often somebody entered, left and entered again at one fence within 60 s."""
    return sum(
        (instant(again["at"]) - instant(first["at"])).total_seconds() <= 60
        for enters in of_each_fence(outcome, "enter")
        for first, again in pairwise(enters)
    )


def table() -> str:
    """Enters, exits, dwells, mean length of ended visits, and returns within a minute, by trace and profile."""
    lines = [
        "| trace | profile | enters | exits | dwells | mean visit | enter-exit-enter within 60 s |",
        "|---" * 7 + "|",
    ]
    for name in NAMES:
        for profile in PROFILES:
            outcome = replayed(name, profile)
            lengths = [row["duration_s"] for row in outcome.transitions if row["kind"] == "exit"]
            counts = " | ".join(str(count_of(outcome, kind)) for kind in ("enter", "exit", "dwell"))
            mean = f"{sum(lengths) / len(lengths):.0f} s" if lengths else "–"
            lines.append(f"| {name} | {profile} | {counts} | {mean} | {enters_within_a_minute(outcome)} |")
    return "\n".join(lines)


@pytest.mark.parametrize("name", NAMES)
def test_robust_has_no_visit_shorter_than_its_thresholds_allow(name):
    """From a fix inside to one that is clear of the fence are 20 m at least, at 70 m/s at most; only a gap may end a
    visit where it was seen once."""
    exits = [row for row in replayed(name, "robust").transitions if row["kind"] == "exit"]
    assert exits
    assert all(row["inferred"] or row["duration_s"] >= MARGIN_M / MAX_SPEED_MPS for row in exits)


@pytest.mark.parametrize("name", NAMES)
def test_robust_enters_and_leaves_on_evidence(name):
    """Enters are inside with an accuracy of twice the radius or better; exits are clear by accuracy and margin."""
    trace = NAMES[name]
    fixes = {(row["customer_id"], instant(row["recorded_at"])): row for row in trace.read()}
    for row in replayed(name, "robust").transitions:
        center, radius_m = trace.circles[row["geofence_id"]]
        if row["kind"] != "dwell" and not row["inferred"]:
            fix = fixes[row["customer_id"], instant(row["at"])]
            outside_m = distance_m(center, (fix["lat"], fix["lon"])) - radius_m
            accuracy_m = fix.get("accuracy_m", 0.0)
            if row["kind"] == "enter":
                assert outside_m <= 0
                assert accuracy_m <= 2 * radius_m
            else:
                assert outside_m >= accuracy_m + max(MARGIN_M, radius_m / 10)


@pytest.mark.parametrize("name", NAMES)
def test_robust_has_no_dwell_of_a_visit_that_was_shorter(name):
    outcome = replayed(name, "robust")
    lengths = {row["visit_id"]: row["duration_s"] for row in outcome.transitions if row["kind"] == "exit"}
    dwelt = [row["visit_id"] for row in outcome.transitions if row["kind"] == "dwell"]
    assert all(lengths.get(visit, 120) >= 120 for visit in dwelt)


@pytest.mark.parametrize("name", NAMES)
def test_robust_has_no_enter_exit_enter_within_a_minute(name):
    assert enters_within_a_minute(replayed(name, "robust")) == 0


@pytest.mark.parametrize("name", NAMES)
def test_robust_is_calmer_than_raw(name):
    raw, robust = (replayed(name, profile) for profile in PROFILES)
    assert 0 < count_of(robust, "enter") < count_of(raw, "enter")
    assert name == "Zürich" or enters_within_a_minute(raw) > 0, "the phone of Zürich speaks once a minute"


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("name", NAMES)
def test_who_entered_twice_left_in_between(name, profile):
    outcome = replayed(name, profile)
    left = {row["visit_id"]: row["at"] for row in outcome.transitions if row["kind"] == "exit"}
    for enters in of_each_fence(outcome, "enter"):
        for first, again in pairwise(enters):
            assert instant(first["at"]) <= instant(left[first["visit_id"]]) <= instant(again["at"])


if __name__ == "__main__":
    print(table())
