"""The benchmark runs, its contenders agree, and its workload is the same for the same seed."""

import json

import numpy as np
import pytest
import shapely

from nearcast.bench.match import bench_match
from nearcast.bench.workload import KINDS, workload
from nearcast.domain.errors import InvalidInput
from nearcast.domain.geofence import Area


@pytest.mark.parametrize("kind", KINDS)
def test_all_contenders_find_the_same_pairs(kind: str) -> None:
    result = bench_match(kind, fences=300, pings=3000, seed=1)
    assert result["agrees"]
    assert result["pairs"] > 0
    assert result["peers"]["shapely_strtree"]["pairs"] == result["pairs"]
    assert json.loads(json.dumps(result)) == result


@pytest.mark.parametrize("kind", KINDS)
def test_a_seed_gives_one_workload_of_valid_geofences(kind: str) -> None:
    first, second = (workload(kind, fences=200, pings=50, seed=3) for _ in range(2))
    assert first.geofences == second.geofences
    assert np.array_equal(first.lat_deg, second.lat_deg)
    areas = [fence.boundary.wkb for fence in first.geofences if isinstance(fence.boundary, Area)]
    assert areas
    assert shapely.is_valid(shapely.from_wkb(areas)).all()


def test_an_unknown_kind_is_refused() -> None:
    with pytest.raises(InvalidInput, match="'towns' is not one of shops, mixed"):
        bench_match("towns", fences=1, pings=1, seed=1)
