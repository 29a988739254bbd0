"""Geofences that are refused, and where the message leads; geofences that are repaired (reference scenario S16)."""

import json
import math
from typing import Any

import numpy as np
import pytest

from nearcast.domain.errors import InvalidGeofence, InvalidInput
from nearcast.domain.geofence import Area, Circle
from nearcast.geo.rings import MAX_VERTICES, geometry_of
from nearcast.geo.validate import geofence_from_feature, geofences_from_collection
from tests.geo.shapes import area_of, box, feature, inside

SQUARE = box(0.0, 0.0, 10.0, 10.0)
BOW_TIE = [[0.0, 0.0], [10.0, 10.0], [10.0, 0.0], [0.0, 10.0], [0.0, 0.0]]
POINT = [13.4, 52.5]


def with_vertex(number: int, vertex: object) -> list[object]:
    ring: list[object] = [*SQUARE]
    ring[number] = vertex
    return ring


REFUSED: dict[str, tuple[object, str]] = {
    "not a number": (feature("Polygon", [with_vertex(2, ["10", 10])]), "(id f1), ring 0, vertex 2: coordinate '10' is"),
    "a truth": (feature("Polygon", [with_vertex(2, [True, 10.0])]), "vertex 2: coordinate True is not a number"),
    "nan": (feature("Polygon", [with_vertex(1, [math.nan, 0.0])]), "ring 0, vertex 1: longitude nan is not in"),
    "infinite": (feature("Polygon", [with_vertex(1, [0.0, math.inf])]), "ring 0, vertex 1: latitude inf is not in"),
    "too many digits": (feature("Polygon", [with_vertex(3, [10**400, 0])]), "vertex 3: coordinate 1000"),
    "latitude": (feature("Polygon", [with_vertex(3, [0.0, 91.0])]), "ring 0, vertex 3: latitude 91.0 is not in"),
    "longitude": (feature("Polygon", [with_vertex(3, [540.5, 0.0])]), "ring 0, vertex 3: longitude 540.5 is not in"),
    "in a hole": (
        feature("Polygon", [SQUARE, with_vertex(1, [1.0, 99.0])]),
        "(id f1), ring 1, vertex 1: latitude 99.0",
    ),
    "in a part": (
        feature("MultiPolygon", [[SQUARE], [with_vertex(1, [1.0, 99.0])]]),
        "(id f1), polygon 1, ring 0, vertex 1: latitude 99.0",
    ),
    "one number": (feature("Polygon", [with_vertex(0, [1.0])]), "vertex 0: [1.0] is not a position of 2 or 3 numbers"),
    "four numbers": (feature("Polygon", [with_vertex(0, [1.0, 2.0, 3.0, 4.0])]), "is not a position of 2 or 3"),
    "flat": (feature("Polygon", [[1.0, 2.0, 3.0]]), "ring 0, vertex 0: 1.0 is not a position"),
    "no rings": (feature("Polygon", []), "(id f1): [] is not a list of rings"),
    "no coordinates": (feature("Polygon", None), "(id f1): None is not a list of rings"),
    "ring of text": (feature("Polygon", ["ring"]), "ring 0: 'ring' is not a list of positions"),
    "empty ring": (feature("Polygon", [[]]), "ring 0: the ring is empty"),
    "no parts": (feature("MultiPolygon", []), "the MultiPolygon is empty"),
    "parts of text": (feature("MultiPolygon", "parts"), "coordinates are 'parts', not a list of polygons"),
    "two points": (feature("Polygon", [[[0, 0], [1, 1], [0, 0], [1, 1], [0, 0]]]), "ring 0: 2 distinct points enclose"),
    "no area": (feature("Polygon", [[[0, 0], [1, 1], [2, 2], [0, 0]]]), "ring 0: the ring has no area"),
    "no area by the seam": (
        feature("Polygon", [box(-180, -10, 180, 10)]),
        "an edge of more than 180° goes the short way",
    ),
    "bow-tie": (feature("Polygon", [BOW_TIE]), "ring 0, vertex 0: self-intersection at lon 5.0, lat 5.0"),
    "bow-tie further on": (
        feature("Polygon", [[[0, 0], [10, 0], [10, 10], [4, 10], [6, 11], [6, 9], [0, 10], [0, 0]]]),
        "ring 0, vertex 4: self-intersection at lon 6.0, lat 10.0",
    ),
    "hole outside": (feature("Polygon", [SQUARE, box(20, 20, 21, 21)]), "ring 1, vertex 0: hole lies outside shell"),
    "hole across": (feature("Polygon", [SQUARE, box(5, 5, 15, 7)]), "ring 0, vertex 1: self-intersection at lon 10.0,"),
    "hole in a hole": (
        feature("Polygon", [SQUARE, box(1, 1, 9, 9), box(2, 2, 3, 3)]),
        "ring 2, vertex 0: holes are nested at lon 2.0, lat 2.0",
    ),
    "hole as large": (
        feature("Polygon", [SQUARE, SQUARE]),
        "ring 0, vertex 2: self-intersection at lon 10.0, lat 10.0",
    ),
    "hole that cuts": (
        feature("Polygon", [SQUARE, [[0, 5], [5, 10], [10, 5], [5, 0], [0, 5]]]),
        "ring 1, vertex 1: interior is disconnected at lon 5.0, lat 10.0",
    ),
    "a vertex twice": (
        feature("Polygon", [[[0, 0], [5, 5], [0, 10], [10, 10], [5, 5], [10, 0], [0, 0]]]),
        "ring 0, vertex 1: ring self-intersection at lon 5.0, lat 5.0",
    ),
    "spike": (
        feature("Polygon", [[[0, 0], [10, 0], [10, 10], [5, 10], [5, 15], [5, 10], [0, 10], [0, 0]]]),
        "ring 0, vertex 4: self-intersection at lon 5.0, lat 15.0",
    ),
    "bow-tie over the seam": (
        feature("Polygon", [[[179, 0], [-179, 2], [-179, 0], [179, 2], [179, 0]]]),
        "ring 0, vertex 0: self-intersection at lon -180.0, lat 1.0",
    ),
    "parts overlap": (
        feature("MultiPolygon", [[box(50, 50, 51, 51)], [SQUARE], [box(5, 5, 15, 15)]]),
        "polygon 1, ring 0, vertex 2: self-intersection at lon 5.0, lat 10.0",
    ),
    "part in a part": (
        feature("MultiPolygon", [[SQUARE], [box(2, 2, 3, 3)]]),
        "polygon 1, ring 0, vertex 0: nested shells at lon 2.0, lat 2.0",
    ),
    "too many vertices": (
        feature("MultiPolygon", [[SQUARE, [[0.0, 0.0]] * MAX_VERTICES]]),
        f"(id f1): {MAX_VERTICES + 5} vertices are more than the {MAX_VERTICES} a geofence may have",
    ),
    "round a pole": (
        feature("Polygon", [[[0, 80], [120, 80], [240, 80], [0, 80]]]),
        "ring 0: the ring winds round a pole",
    ),
    "no radius": (feature("Point", POINT), "(id f1): a Point needs the property radius_m"),
    "radius of text": (feature("Point", POINT, radius_m="100m"), "radius_m '100m' is not a number of metres"),
    "radius nan": (feature("Point", POINT, radius_m=math.nan), "radius_m nan is not in"),
    "radius 0": (feature("Point", POINT, radius_m=0), "radius_m 0.0 is not in"),
    "radius below 0": (feature("Point", POINT, radius_m=-5), "radius_m -5.0 is not in"),
    "radius true": (feature("Point", POINT, radius_m=True), "radius_m True is not a number"),
    "radius beyond the earth": (feature("Point", POINT, radius_m=10**400), "larger than the earth"),
    "center out of range": (feature("Point", [13.4, 95.0], radius_m=5), "(id f1): latitude 95.0 is not in"),
    "center of text": (feature("Point", "here", radius_m=5), "(id f1): 'here' is not a position"),
    "radius of a polygon": (feature("Polygon", [SQUARE], radius_m=100), "radius_m 100 belongs to a Point"),
    "line": (feature("LineString", SQUARE), "geometry type 'LineString' is not"),
    "no geometry": ({"type": "Feature", "id": 1, "properties": {}, "geometry": None}, "(id 1): geometry is null"),
    "no feature": ({"type": "Polygon", "coordinates": [SQUARE]}, "features[3]: a Polygon is not a GeoJSON Feature"),
    "null": (None, "features[3]: null is not a GeoJSON Feature"),
    "no id": (feature("Polygon", [SQUARE], None), "features[3]: an id is needed"),
    "empty id": (feature("Polygon", [SQUARE], ""), "features[3]: id '' is neither"),
    "id an object": (feature("Polygon", [SQUARE], {}), "features[3]: id {} is neither text nor a number"),
    "id true": (feature("Polygon", [SQUARE], id=True), "features[3]: id True is neither"),
    "half a character": (feature("Polygon", [SQUARE], "\ud800"), "features[3]: id '\\ud800' is neither"),
    "properties a list": ({"type": "Feature", "id": 1, "properties": [], "geometry": None}, "properties are a list"),
    "dwell below 0": (feature("Polygon", [SQUARE], dwell_s=-1), "(id f1): dwell_s -1 is not a number of seconds"),
    "dwell of text": (feature("Polygon", [SQUARE], dwell_s="2 min"), "dwell_s '2 min'"),
    "dwell nan": (feature("Polygon", [SQUARE], dwell_s=math.nan), "dwell_s nan"),
    "tags a text": (feature("Polygon", [SQUARE], tags="vip"), "tags 'vip' are not a list"),
    "tags of numbers": (feature("Polygon", [SQUARE], tags=[1]), "tags [1] are not a list of texts"),
    "hours": (feature("Polygon", [SQUARE], active_hours="always"), "active_hours: opening hours 'always'"),
    "hours a number": (feature("Polygon", [SQUARE], active_hours=8), "active_hours 8 are not text"),
    "name a list": (feature("Polygon", [SQUARE], name=["a"]), "name ['a'] is not text"),
}


@pytest.mark.parametrize("fault", REFUSED)
def test_s16_a_geofence_without_an_inside_is_refused_and_the_message_leads_to_the_fault(fault: str) -> None:
    given, message = REFUSED[fault]
    with pytest.raises(InvalidGeofence) as refused:
        geofence_from_feature(given, place="features[3]")
    assert str(refused.value).startswith("features[3]")
    assert message in str(refused.value)


def test_s16_swapped_coordinates_cannot_be_told() -> None:
    swapped = geofence_from_feature(feature("Point", [52.52, 13.405], radius_m=100), place="here").boundary
    assert isinstance(swapped, Circle)
    assert (swapped.center.lat_deg, swapped.center.lon_deg) == (13.405, 52.52)


def test_everything_said_about_a_geofence_is_kept() -> None:
    said: dict[str, Any] = {
        "shop_id": "s1",
        "name": "Café",
        "dwell_s": 90,
        "tags": ["vip"],
        "active_hours": "Mo-Fr 09:00-18:00",
    }
    fence = geofence_from_feature(feature("Point", [*POINT, 34.0], radius_m=50, colour="red", **said), place="here")
    assert (fence.id, fence.shop_id, fence.name, fence.dwell_s, fence.tags) == ("f1", "s1", "Café", 90.0, ("vip",))
    assert fence.active_hours is not None
    assert fence.active_hours.text == "Mo-Fr 09:00-18:00"
    assert fence.revision == 1


@pytest.mark.parametrize(
    ("feature_id", "properties", "expected"),
    [
        ("own", {}, "own"),
        (7, {}, "7"),
        ("own", {"id": "property"}, "property"),
        (None, {"osm_id": 411627955}, "411627955"),
        (None, {"osm_id": 411627955.0}, "411627955"),
        (5, {"osm_id": 6}, "5"),
        (1.5, {}, "1.5"),
    ],
)
def test_the_id_is_the_property_else_the_features_else_osms(
    feature_id: object, properties: dict[str, object], expected: str
) -> None:
    given = feature("Point", POINT, feature_id, radius_m=50, **properties)
    assert geofence_from_feature(given, place="here").id == expected


def test_an_open_ring_is_closed_and_said_so() -> None:
    notes: list[str] = []
    fence = geofence_from_feature(feature("Polygon", [SQUARE[:4]]), place="here", note=notes.append)
    assert notes == ["repaired f1: ring closed"]
    assert area_of(fence).equals(area_of(geofence_from_feature(feature("Polygon", [SQUARE]), place="here")))


def test_numbers_of_numpy_are_numbers() -> None:
    ring = [[np.float64(lon), np.float64(lat)] for lon, lat in SQUARE]
    assert area_of(geofence_from_feature(feature("Polygon", [ring]), place="here")).area == 100.0


def test_winding_and_doubled_vertices_are_nobodys_fault() -> None:
    notes: list[str] = []
    doubled = [SQUARE[0], SQUARE[0], *SQUARE[1:]]
    geofence_from_feature(feature("Polygon", [doubled[::-1]]), place="here", note=notes.append)
    assert notes == []


def test_s16_a_bow_tie_is_repaired_on_request_and_said_so() -> None:
    notes: list[str] = []
    fence = geofence_from_feature(feature("Polygon", [BOW_TIE]), place="here", repair=True, note=notes.append)
    assert notes == ["repaired f1: self-intersection at lon 5.0, lat 5.0"]
    assert inside(fence, (2.0, 1.0), (8.0, 9.0), (5.0, 5.0), (1.0, 5.0)) == [True, True, True, False]


def test_a_repaired_area_is_written_as_it_is_read() -> None:
    for ring in (BOW_TIE, [[lon + 175.0, lat + 1 / 3] for lon, lat in BOW_TIE], SQUARE):
        fence = geofence_from_feature(feature("Polygon", [ring, box(1, 4, 2, 5)]), place="here", repair=True)
        assert isinstance(fence.boundary, Area)
        again = {**feature("Polygon", []), "geometry": geometry_of(fence.boundary)}
        assert geofence_from_feature(json.loads(json.dumps(again)), place="here") == fence


def test_a_repaired_area_over_the_seam_is_in_one_piece_with_the_rest_of_the_earth() -> None:
    bow_tie = [[lon + 175.0, lat] for lon, lat in BOW_TIE]
    fence = geofence_from_feature(feature("Polygon", [bow_tie]), place="here", repair=True)
    assert inside(fence, (5.0, 176.0), (5.0, -176.0), (1.0, 180.0)) == [True, True, False]
    assert all(-180.0 <= part.centroid.x < 180.0 for part in area_of(fence).geoms)


@pytest.mark.parametrize("fault", ["no area", "two points", "round a pole", "nan", "no radius"])
def test_what_has_no_inside_cannot_be_repaired(fault: str) -> None:
    with pytest.raises(InvalidGeofence):
        geofence_from_feature(REFUSED[fault][0], place="features[3]", repair=True)


def collection(*features: object, **members: object) -> dict[str, object]:
    return {"type": "FeatureCollection", "features": list(features), **members}


def test_the_same_id_twice_is_refused_naming_both() -> None:
    twice = collection(
        feature("Polygon", [SQUARE], "a"), feature("Polygon", [SQUARE], 7), feature("Polygon", [SQUARE], "7")
    )
    with pytest.raises(InvalidGeofence, match=r"^shops: features\[2\] \(id 7\): .*features\[1\]"):
        geofences_from_collection(twice, place="shops")


@pytest.mark.parametrize("document", [None, [], {}, {"type": "Feature"}, {"type": "FeatureCollection", "features": {}}])
def test_anything_but_a_feature_collection_is_refused(document: object) -> None:
    with pytest.raises(InvalidInput, match=r"^shops: "):
        geofences_from_collection(document, place="shops")


def named(crs: str) -> dict[str, object]:
    return {"type": "name", "properties": {"name": crs}}


@pytest.mark.parametrize("crs", ["urn:ogc:def:crs:OGC:1.3:CRS84", "EPSG:4326", "urn:ogc:def:crs:EPSG::4326"])
def test_a_crs_of_longitude_and_latitude_is_taken_silently(crs: str) -> None:
    notes: list[str] = []
    document = collection(feature("Point", POINT, radius_m=5), crs=named(crs))
    (fence,) = geofences_from_collection(document, place="shops", note=notes.append)
    assert isinstance(fence.boundary, Circle)
    assert (fence.boundary.center.lat_deg, notes) == (52.5, [])


def test_another_crs_is_reprojected_and_said_so() -> None:
    notes: list[str] = []
    document = collection(feature("Point", [500_000.0, 5_820_000.0], radius_m=5), crs=named("EPSG:25833"))
    (fence,) = geofences_from_collection(document, place="shops", note=notes.append)
    assert isinstance(fence.boundary, Circle)
    assert fence.boundary.center.lon_deg == pytest.approx(15.0)
    assert fence.boundary.center.lat_deg == pytest.approx(52.53, abs=0.01)
    assert notes == ["shops: reprojected from ETRS89 / UTM zone 33N to WGS 84"]


def test_coordinates_are_longitude_first_whatever_the_crs_says_of_its_axes() -> None:
    document = collection(feature("Point", POINT, radius_m=5), crs=named("urn:ogc:def:crs:EPSG::4258"))
    (fence,) = geofences_from_collection(document, place="shops")
    assert isinstance(fence.boundary, Circle)
    assert fence.boundary.center.lat_deg == pytest.approx(52.5)
    assert fence.boundary.center.lon_deg == pytest.approx(13.4)


@pytest.mark.parametrize("crs", [None, {}, named("nonsense"), named("EPSG:5703"), {"type": "link", "properties": {}}])
def test_an_unknown_crs_is_refused(crs: object) -> None:
    with pytest.raises(InvalidInput, match=r"^shops: crs "):
        geofences_from_collection(collection(crs=crs), place="shops")


def test_a_vertex_outside_the_crs_is_named() -> None:
    ring = [[500_000.0, 5_820_000.0], [500_100.0, 5_820_000.0], [1e30, 5_820_100.0]]
    with pytest.raises(InvalidGeofence, match=r"features\[0\] \(id f1\), ring 0, vertex 2: x 1e\+30"):
        geofences_from_collection(collection(feature("Polygon", [ring]), crs=named("EPSG:25833")), place="shops")
