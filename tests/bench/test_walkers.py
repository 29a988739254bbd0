"""Who walks in the engine's benchmark, and where its time is seen to go."""

from time import perf_counter

import numpy as np
import pytest

from nearcast.bench.phases import Phases
from nearcast.bench.walkers import EVERY_S, walkers
from nearcast.domain.errors import InvalidInput
from nearcast.domain.position import Position
from nearcast.geo.matcher import FenceIndex
from nearcast.services import deciding

pytestmark = pytest.mark.e2e  # a city is simulated


@pytest.fixture(scope="module")
def two_cities():
    return walkers(900, 8, seed=1)


def test_everybody_pings_every_quarter_of_a_minute_in_one_order_of_time(two_cities):
    pings = two_cities.pings
    assert len(pings) == 7_200
    assert (np.diff(pings.recorded_at_us) >= 0).all()
    mine = pings.recorded_at_us[pings.customer_id == "c7"]
    assert np.diff(mine).tolist() == pytest.approx([EVERY_S * 1e6] * 7, abs=1)
    assert sorted(set(pings.customer_id)) == sorted(two_cities.customer_id)


def test_cities_lie_apart_and_each_has_its_geofences(two_cities):
    pings, fences = two_cities.pings, two_cities.geofences
    first = pings.lon_deg[np.isin(pings.customer_id, [f"c{n}" for n in range(400)])]
    last = pings.lon_deg[np.isin(pings.customer_id, [f"c{n}" for n in range(600, 900)])]
    assert first.max() < last.min()
    lon_deg = np.array([fence.boundary.center.lon_deg for fence in fences])
    assert (lon_deg < last.min()).sum() == (lon_deg > first.max()).sum() == len(fences) // 2


def test_about_one_ping_of_twenty_is_inside(two_cities):
    pings = two_cities.pings
    pairs = FenceIndex(two_cities.geofences).match(pings.lat_deg, pings.lon_deg)
    assert 0.03 < len(np.unique(pairs.ping_row)) / len(pings) < 0.07


def test_nobody_walks_longer_than_the_day():
    with pytest.raises(InvalidInput, match="2000 pings of each customer are more than"):
        walkers(3, 2_000, seed=1)


def test_time_is_dealt_to_the_phase_that_is_at_work():
    places = [Position(50.0, 7.0)] * 200
    with Phases() as phases:
        started = perf_counter()
        while perf_counter() - started < 0.2:
            deciding.distances_m(places[0], places)
    seconds = phases.seconds(0.2)
    assert sum(seconds.values()) == pytest.approx(0.2, abs=0.01)
    assert seconds["decide"] > 0.1
