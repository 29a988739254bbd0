"""`nearcast bench engine`: what it measures adds up, and is the same for the same seed."""

import json

import pytest

from tests.e2e.shell import nearcast

pytestmark = pytest.mark.e2e  # a city is simulated


@pytest.mark.parametrize("workers", [1, 2])
def test_what_it_counts_adds_up(workers: int):
    said = ("--customers", "100", "--fences", "40", "--pings", "8000", "--workers", str(workers))
    answer = nearcast("bench", "engine", *said)
    assert answer.code == 0, answer.err
    found = json.loads(answer.out.splitlines()[-1])
    assert found["pings_per_s"] == pytest.approx(8_000 / found["seconds"], rel=0.01)
    assert found["workers"] == workers
    assert 0.0 < found["share_inside"] < 0.15
    assert found["share_transitions"] == pytest.approx(found["transitions"] / 8_000, abs=1e-5)
    assert found["transitions"] >= found["verdicts"] > 0
    assert sum(found["outcomes"].values()) == sum(found["reasons"].values()) == found["verdicts"]
    assert found["messages"] == found["outcomes"].get("send", 0) + found["outcomes"].get("defer", 0)
    alone = found["one_worker"]
    assert sum(alone["phases_s"].values()) == pytest.approx(alone["seconds"], rel=0.05, abs=0.01)


def test_fewer_geofences_than_customers_come_to_are_refused():
    answer = nearcast("bench", "engine", "--customers", "10", "--fences", "1", "--pings", "10")
    answer.refuses("--fences", "1 are fewer than the")


def test_nobody_sends_more_pings_than_the_day_has():
    nearcast("bench", "engine", "--customers", "1", "--pings", "5000").refuses("5001 pings of each customer")
