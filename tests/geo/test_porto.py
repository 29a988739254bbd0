"""Real taxis and real shops: as many hits as were counted twice by others (geodesic, and in the national grid)."""

import json
from pathlib import Path

import pyarrow.parquet
import pytest

from nearcast.geo import oracle
from nearcast.geo.matcher import FenceIndex
from nearcast.geo.validate import geofences_from_collection

PORTO = Path(__file__).parents[3] / "shared" / "data" / "porto"


@pytest.mark.skipif(not PORTO.is_dir(), reason="the real data in ../shared/data is not here")
@pytest.mark.parametrize(("radius_m", "golden"), [(50, "r50m"), (100, "r100m")])
def test_hits_within_the_radius_of_a_shop(radius_m: int, golden: str) -> None:
    expected = json.loads((PORTO / "golden.json").read_text(encoding="utf-8"))[golden]
    shops = json.loads((PORTO / "shops.geojson").read_text(encoding="utf-8"))
    for shop in shops["features"]:
        shop["properties"]["radius_m"] = radius_m
    fences = geofences_from_collection(shops, place="shops")
    pings = pyarrow.parquet.read_table(PORTO / "pings.parquet", columns=["lat", "lon"])
    lat, lon = pings["lat"].to_numpy(), pings["lon"].to_numpy()
    found = FenceIndex(fences).match(lat, lon)
    assert len(found) == expected["hits_geodesic"]
    assert len({*found.ping_row.tolist()}) == expected["pings_in_any"]
    assert len({*found.slot.tolist()}) == expected["fences_hit"]
    slow = oracle.match(fences, lat, lon)
    assert (found.ping_row.tolist(), found.slot.tolist()) == (slow.ping_row.tolist(), slow.slot.tolist())
