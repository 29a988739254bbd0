"""Profile ROBUST against a plain model of it: all fixes of one customer and one circle at a time, from the beginning.

The model knows no late pings, edits, gaps or state between fixes. Where two coarse fixes make an ENTER, it is of the
second one's instant; a fix after a jump agrees with it if it can have been reached from there and lies no nearer to the
place before.
"""

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.scenarios.harness import (
    CENTER,
    NOON,
    Position,
    Row,
    beside,
    circle,
    distance_m,
    instant,
    later,
    ping,
    robust,
    run,
)

DWELL_S, MAX_SPEED_MPS, MARGIN_M = 120, 70, 20
CIRCLES: dict[str, tuple[Position, float]] = {
    "f": (CENTER, 100),
    "g": (beside(150), 30),
    "wide": (CENTER, 450),
    "far": (beside(5000), 100),
}
Told = tuple[str, float, float]  # kind, at, decided at


@dataclass(frozen=True)
class Fix:
    at: float
    place: Position
    accuracy_m: float


@dataclass(frozen=True)
class Heard:
    """A fix that was accepted, and when: later than its own instant if it was quarantined."""

    fix: Fix
    decided_at: float


def too_fast(start: Fix, end: Fix) -> bool:
    return distance_m(start.place, end.place) > MAX_SPEED_MPS * (end.at - start.at)


def accepted(fixes: list[Fix]) -> Iterator[Heard]:
    last: Fix | None = None
    waiting: Fix | None = None
    for fix in fixes:
        if last is not None and waiting is not None:
            agrees = not too_fast(waiting, fix) and distance_m(waiting.place, fix.place) <= distance_m(
                last.place, fix.place
            )
            if agrees:
                yield Heard(waiting, fix.at)
                last = waiting
            waiting = None
            if agrees:
                last = fix
                yield Heard(fix, fix.at)
                continue
        if last is not None and too_fast(last, fix):
            waiting = fix
        else:
            last = fix
            yield Heard(fix, fix.at)


def visits(heard: list[Heard], center: Position, radius_m: float) -> Iterator[Told]:
    """A circle's depth is its radius."""
    margin_m = max(MARGIN_M, radius_m / 10)
    entered: float | None = None
    has_dwelt = False
    first_clear: Fix | None = None
    evidence: list[float] = []
    for one in heard:
        fix = one.fix
        outside_m = distance_m(center, fix.place) - radius_m
        if outside_m <= 0:
            first_clear = None
            if entered is None:
                is_good = fix.accuracy_m <= radius_m
                is_evidence = fix.accuracy_m <= 2 * radius_m
                if is_good or (is_evidence and any(fix.at - at <= 120 for at in evidence)):
                    entered, has_dwelt, evidence = fix.at, False, []
                    yield "enter", entered, one.decided_at
                elif is_evidence:
                    evidence.append(fix.at)
            if entered is not None and not has_dwelt and fix.at - entered >= DWELL_S:
                has_dwelt = True
                yield "dwell", entered + DWELL_S, one.decided_at
        elif entered is not None:
            is_clear = outside_m >= fix.accuracy_m + margin_m
            if first_clear is not None and (is_clear or fix.at - first_clear.at >= 20):
                yield "exit", first_clear.at, one.decided_at
                entered, first_clear = None, None
            else:
                first_clear = fix if is_clear else None


def replayed(fixes: list[Fix]) -> dict[str, list[Told]]:
    events = [ping(later(NOON, fix.at), fix.place, accuracy_m=fix.accuracy_m) for fix in fixes]
    fences: list[Row] = [circle(name, *where) for name, where in CIRCLES.items()]
    with tempfile.TemporaryDirectory() as folder:
        outcome = run(Path(folder), robust(*events, geofences=fences, presence={"gap_s": 80_000}))

    def seconds(text: str) -> float:
        return (instant(text) - instant(NOON)).total_seconds()

    found: dict[str, list[Told]] = {name: [] for name in CIRCLES}
    for row in outcome.transitions:
        found[row["geofence_id"]].append((row["kind"], seconds(row["at"]), seconds(row["decided_at"])))
    return found


steps = st.tuples(
    st.sampled_from([1, 5, 9, 10, 19, 20, 21, 45, 60, 119, 120, 121, 300]),
    st.sampled_from([0, 50, 99, 101, 118, 122, 135, 149, 151, 170, 179, 182, 210, 420, 460, 493, 497, 900, 4950, 5000]),
    st.integers(-3, 3),
    st.sampled_from([0, 0, 5, 28, 32, 59, 61, 99, 101, 150, 199, 201, 440, 460, 1500]),
)


@settings(max_examples=80)
@given(st.lists(steps, min_size=2, max_size=25))
def test_robust_is_what_the_model_says(stream):
    times = accumulate(pause for pause, *_ in stream)
    fixes = [
        Fix(at, beside(north, east), accuracy) for at, (_, north, east, accuracy) in zip(times, stream, strict=True)
    ]
    heard = list(accepted(fixes))
    expected = {name: sorted(visits(heard, *where)) for name, where in CIRCLES.items()}
    assert {name: sorted(told) for name, told in replayed(fixes).items()} == expected
