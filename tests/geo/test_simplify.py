"""Plainer outlines: offered where they say the same, and never far from what was drawn."""

import pytest
import shapely

from nearcast.domain.geofence import Area, Geofence
from nearcast.domain.ids import GeofenceId
from nearcast.geo.simplify import simplified
from tests.geo.shapes import area_of, box, circle, multipolygon, polygon
from tests.geo.waves import M_PER_DEG, wavy


def in_metres(area: object) -> object:
    return shapely.transform(area, lambda lonlat: (lonlat - [13.4, 52.52]) * M_PER_DEG)


@pytest.mark.parametrize(
    ("vertices", "radius_m", "wave_m"), [(400, 200.0, 0.3), (2000, 300.0, 0.05), (800, 5000.0, 0.2)]
)
def test_an_offer_is_plainer_and_within_a_metre_and_a_hundredth(vertices: int, radius_m: float, wave_m: float) -> None:
    fence = polygon(wavy(vertices, radius_m, wave_m))
    offer = simplified(fence)
    assert offer is not None
    plain, before = in_metres(shapely.from_wkb(offer.area.wkb)), in_metres(area_of(fence))
    assert (offer.vertices_before, offer.vertices_after) == (vertices, len(shapely.get_coordinates(plain)) - 1)
    assert offer.vertices_after <= 0.75 * vertices
    assert shapely.hausdorff_distance(plain, before, densify=0.05) <= 1.01
    changed = shapely.area(shapely.symmetric_difference(plain, before)) / shapely.area(before)
    assert changed == pytest.approx(offer.changed, abs=1e-6)
    assert changed <= 0.01
    corners = {tuple(corner) for corner in shapely.get_coordinates(area_of(fence)).tolist()}
    assert {tuple(corner) for corner in shapely.get_coordinates(shapely.from_wkb(offer.area.wkb)).tolist()} <= corners


def test_a_small_fence_moves_less_so_that_its_area_stays() -> None:
    offer = simplified(polygon(wavy(200, 15.0, 0.02)))
    assert offer is not None
    assert offer.changed <= 0.01


def test_holes_and_parts_stay() -> None:
    parts = multipolygon([wavy(300, 200.0, 0.2), wavy(100, 50.0, 0.2)], [wavy(300, 200.0, 0.2, lon=13.5)])
    offer = simplified(parts)
    assert offer is not None
    plain = shapely.from_wkb(offer.area.wkb)
    assert offer.vertices_before == 700
    assert shapely.is_valid(plain)
    assert shapely.get_num_interior_rings(shapely.get_parts(plain)).tolist() == [1, 0]


@pytest.mark.parametrize(
    "fence",
    [
        circle(52.52, 13.4, 60.0),
        polygon(box(13.40, 52.51, 13.41, 52.53)),
        polygon([[13.4, 52.52], *([13.4 + n * 1e-4, 52.52] for n in range(1, 49)), [13.4, 52.53]]),
        polygon(wavy(400, 200.0, 3.0)),
    ],
    ids=["circle", "square", "few vertices", "waves that matter"],
)
def test_what_is_plain_or_meant_gets_no_offer(fence: Geofence) -> None:
    assert simplified(fence) is None


def test_over_the_seam_it_is_offered_as_it_runs_on() -> None:
    offer = simplified(polygon(wavy(400, 200.0, 0.3, lon=180.0)))
    assert offer is not None
    west, _, east, _ = shapely.bounds(shapely.from_wkb(offer.area.wkb)).tolist()
    assert east - west < 0.01


def test_an_offer_is_a_geofence_like_any_other() -> None:
    offer = simplified(polygon(wavy(400, 200.0, 0.3)))
    assert offer is not None
    assert simplified(Geofence(id=GeofenceId("plain"), boundary=Area(offer.area.wkb))) is None
