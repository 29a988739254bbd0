"""The workload: drawn from a seed, valid, and of the sizes that it promises."""

import numpy as np
import pytest
import shapely

from nearcast.bench.workload import KINDS, workload
from nearcast.domain.errors import InvalidInput
from nearcast.domain.geofence import Area, Circle, Geofence


def corners_of(geofences: list[Geofence]) -> np.ndarray:
    wkb = [geofence.boundary.wkb for geofence in geofences if isinstance(geofence.boundary, Area)]
    return np.asarray(shapely.get_num_coordinates(shapely.from_wkb(wkb))) - 1


@pytest.mark.parametrize("kind", KINDS)
def test_a_seed_gives_one_workload_of_valid_geofences(kind):
    first, second, other = (workload(kind, fences=3_000, pings=50, seed=seed) for seed in (3, 3, 4))
    assert first.geofences == second.geofences != other.geofences
    assert np.array_equal(first.lat_deg, second.lat_deg)
    areas = [fence.boundary.wkb for fence in first.geofences if isinstance(fence.boundary, Area)]
    assert areas
    assert shapely.is_valid(shapely.from_wkb(areas)).all()
    assert len({fence.id for fence in first.geofences}) == 3_000


def test_nineteen_of_twenty_shops_are_circles_and_the_rest_are_floors():
    geofences = workload("shops", fences=2_000, pings=1, seed=1).geofences
    circles = [fence.boundary for fence in geofences if isinstance(fence.boundary, Circle)]
    assert 0.93 < len(circles) / len(geofences) < 0.97
    assert {circle.radius_m for circle in circles} == {50.0, 75.0, 100.0, 150.0, 200.0}
    assert set(corners_of(geofences).tolist()) == set(range(4, 13))


def test_half_of_the_mixed_are_round_and_half_are_stars():
    corners = corners_of(workload("mixed", fences=2_000, pings=1, seed=1).geofences)
    stars = corners[corners != 64]
    assert len(corners) == 2_000
    assert 0.45 < len(stars) / len(corners) < 0.55
    assert (stars.min(), stars.max()) == (5, 59)


def test_the_largest_town_has_many_times_what_the_middle_one_has():
    work = workload("shops", fences=1, pings=50_000, seed=1)
    _, people = np.unique(np.round([work.lat_deg, work.lon_deg]), axis=1, return_counts=True)
    assert people.max() > 20 * np.median(people)


def test_an_unknown_kind_is_refused():
    with pytest.raises(InvalidInput, match="'towns' is not one of shops, mixed"):
        workload("towns", fences=1, pings=1, seed=1)
