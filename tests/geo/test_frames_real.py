"""Geofence files as the world has them: districts, taxi zones, counties over the antimeridian, vectors of faults."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nearcast.domain.errors import InvalidGeofence, InvalidInput
from nearcast.domain.geofence import Geofence
from nearcast.domain.ids import GeofenceId
from nearcast.geo.fence_file import Choice
from nearcast.geo.frames import read_features, read_geofences
from nearcast.geo.matcher import FenceIndex
from tests.geo.shapes import inside

SHARED = Path(__file__).parents[3] / "shared" / "data"
POLYGONS = SHARED / "polygons"
needs_shared = pytest.mark.skipif(not SHARED.is_dir(), reason="the real data in ../shared/data is not here")


def hint_vectors(kind: str) -> list[Path]:
    return sorted((SHARED / "vectors" / "geojsonhint").glob(f"{kind}__*.geojson"))


def fit_for_a_geofence(path: Path, folder: Path) -> Path:
    """The vector with what a geofence needs besides its geometry: an id, and a radius round a Point."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"), object_pairs_hook=list)
    except json.JSONDecodeError:
        return path
    if isinstance(document, list) and len(dict(document)) < len(document):
        return path  # a member twice, which no decoded document can say
    document = json.loads(path.read_text(encoding="utf-8"))
    kind = document.get("type") if isinstance(document, dict) else None
    if kind not in ("FeatureCollection", "Feature") and "coordinates" in (document or {}):
        document = {"type": "Feature", "properties": {}, "geometry": document}
    features = (document or {}).get("features", []) if kind == "FeatureCollection" else [document]
    for n, each in enumerate(features):
        if isinstance(each, dict) and isinstance(each.get("properties"), dict):
            each.setdefault("id", f"f{n}")
            geometry = each.get("geometry")
            if isinstance(geometry, dict) and geometry.get("type") == "Point":
                each["properties"].setdefault("radius_m", 100)
    fit = folder / path.name
    fit.write_text(json.dumps(document), encoding="utf-8")
    return fit


REPAIRED = {
    "bad__bad-polygon-interiorring-rhr": "wind against",
    "bad__polygon_winding_order": "wind against",
    "bad__bbox-4or6elements": "bbox",
    "bad__bbox-contains-string": "bbox",
    "bad__bbox-string": "bbox",
    "bad__different-first-last": "ring closed",
    "bad__short-linearring": "ring closed",
    "bad__different-first-size": "altitudes",
    "bad__feature_changed_semantics": "'coordinates' says nothing in a Feature",
    "bad__geometry_changed_semantics": "'properties' says nothing in a geometry",
}


@needs_shared
@pytest.mark.parametrize("path", hint_vectors("bad"), ids=lambda path: path.stem)
def test_a_bad_geojsonhint_vector_is_refused_or_repaired_with_a_message(path: Path, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=path.stem):
        read_geofences(path, repair=True)
    fit, notes = fit_for_a_geofence(path, tmp_path), list[str]()
    if path.stem not in REPAIRED:
        with pytest.raises(InvalidInput, match=path.stem):
            read_geofences(fit)
        return
    assert [fence.id for fence in read_geofences(fit, note=notes.append)] == ["f0"]
    assert any("repaired f0" in note and REPAIRED[path.stem] in note for note in notes)


GEOFENCES = {
    "good__good-feature",
    "good__good-feature-with-id",
    "good__good-feature-with-string-id",
    "good__good-featurecollection-bbox",
    "good__good-featurecollection-bbox3d",
    "good__good-point",
    "good__good-point-3d",
    "good__good-polygon",
    "good__multipolygon",
}
NO_FENCE = "is not Polygon, MultiPolygon or Point|geometry is null|is not in -90…90|an id is needed"


@needs_shared
@pytest.mark.parametrize("path", hint_vectors("good"), ids=lambda path: path.stem)
def test_a_good_geojsonhint_vector_has_no_fault_of_format(path: Path, tmp_path: Path) -> None:
    """Lines and the like are no geofences, which is said of each feature; nothing is said of the file."""
    document = json.loads(path.read_text(encoding="utf-8"))
    file = read_features(fit_for_a_geofence(path, tmp_path), Choice(makes_ids=True))
    assert len(file.features) == len(document.get("features", [0]))
    assert file.faults == {}
    if path.stem in GEOFENCES:
        assert len(read_geofences(fit_for_a_geofence(path, tmp_path))) == len(file.features)
    else:
        with pytest.raises(InvalidGeofence, match=NO_FENCE):
            read_geofences(fit_for_a_geofence(path, tmp_path))


@needs_shared
def test_berlins_districts_are_the_same_from_three_formats() -> None:
    points = np.random.default_rng(4).uniform((52.33, 13.08), (52.68, 13.77), (100_000, 2))
    hits = []
    for name in ("berlin_bezirke.geojson", "berlin_bezirke.kml", "berlin_bezirke_shp.zip"):
        fences = read_geofences(POLYGONS / name, choice=Choice(columns={"id": "cartodb_id"}))
        pairs = FenceIndex(fences).match(points[:, 0], points[:, 1])
        found = set(zip(pairs.ping_row.tolist(), [fences[slot].id for slot in pairs.slot], strict=True))
        hits.append(found)
        assert (len(fences), fences[0].name) == (12, "Mitte")
    from_geojson, from_kml, from_shapefile = hits
    assert len(from_kml) > 40_000
    assert from_kml == from_shapefile == from_geojson


@needs_shared
def test_taxi_zones_in_feet_lie_where_new_york_is() -> None:
    notes: list[str] = []
    path = POLYGONS / "nyc_taxi_zones" / "taxi_zones.shp"
    choice = Choice(columns={"id": "OBJECTID", "name": "zone"})
    zones = read_geofences(path, choice=choice, note=notes.append)
    assert len(zones) == 263
    assert notes == [f"{path}: reprojected from NAD83 / New York Long Island (ftUS) to WGS 84"]
    known = {
        "Times Sq/Theatre District": (40.7580, -73.9855),
        "JFK Airport": (40.6413, -73.7781),
        "LaGuardia Airport": (40.7769, -73.8740),
        "Central Park": (40.7812, -73.9665),
        "Governor's Island/Ellis Island/Liberty Island": (40.6892, -74.0445),
    }
    lat, lon = np.array(list(known.values())).T
    pairs = FenceIndex(zones).match(lat, lon)
    assert {list(known)[row]: zones[slot].name for row, slot in zip(pairs.ping_row, pairs.slot, strict=True)} == {
        name: name for name in known
    }


def counties(tmp_path: Path, *wanted: str) -> dict[str, Geofence]:
    document = json.loads((POLYGONS / "us_counties_fips.geojson").read_text(encoding="utf-8"))
    some: list[Any] = [each for each in document["features"] if each["id"] in wanted]
    path = tmp_path / "counties.geojson"
    path.write_text(json.dumps({**document, "features": some}), encoding="utf-8")
    return {str(fence.id): fence for fence in read_geofences(path)}


@needs_shared
def test_a_county_over_the_antimeridian_is_on_both_sides_of_it_and_nowhere_else(tmp_path: Path) -> None:
    (aleutians,) = counties(tmp_path, "02016").values()
    attu, adak, kiska, amchitka = (52.9, 172.9), (51.8, -176.7), (51.97, 177.5), (51.5, 179.05)
    assert inside(aleutians, attu, adak, kiska, amchitka) == [True] * 4
    along = [(52.9, float(lon)) for lon in range(-165, 166)]
    assert not any(inside(aleutians, *along))


@needs_shared
def test_all_counties_are_read(tmp_path: Path) -> None:
    notes: list[str] = []
    path = POLYGONS / "us_counties_fips.geojson"
    file = read_features(path, Choice(), note=notes.append)
    assert len(file.features) == 3221
    assert len(notes) == 1
    assert "01001 and 3,220 more: rings wind against the right-hand rule" in notes[0]


@needs_shared
def test_beijing_is_reprojected(tmp_path: Path) -> None:
    notes: list[str] = []
    path = POLYGONS / "beijing_tsinghua_epsg32649.geojson"
    with pytest.raises(InvalidGeofence, match="an id is needed"):
        read_geofences(path)
    (fence,) = read_geofences(path, choice=Choice(makes_ids=True), note=notes.append)
    assert notes[0] == f"{path}: reprojected from WGS 84 / UTM zone 49N to WGS 84"
    assert inside(fence, (40.0, 116.32), (39.9, 116.32)) == [True, False]


@needs_shared
def test_postcodes_keep_their_umlauts() -> None:
    path = POLYGONS / "berlin_postleitzahlen.zip"
    fences = read_geofences(path, choice=Choice(columns={"id": "PLZ99", "name": "PLZORT99"}))
    assert (len(fences), fences[0].id) == (190, GeofenceId("10115"))


@needs_shared
@pytest.mark.parametrize(
    "path", sorted((SHARED / "vectors" / "geoparquet").glob("*.parquet")), ids=lambda path: path.stem
)
def test_a_geoparquet_vector_without_ids_is_refused(path: Path) -> None:
    with pytest.raises(InvalidGeofence, match="an id is needed"):
        read_geofences(path)
    with pytest.raises(InvalidInput, match="an id is needed"):
        read_features(path, Choice())


@needs_shared
@pytest.mark.parametrize(
    ("name", "areas"), [("data-polygon-encoding_wkb", 1), ("data-multipolygon-encoding_wkb", 1), ("example", 5)]
)
def test_the_areas_of_a_geoparquet_vector_are_geofences(name: str, areas: int) -> None:
    path = SHARED / "vectors" / "geoparquet" / f"{name}.parquet"
    found = [
        feature
        for feature in read_features(path, Choice(makes_ids=True)).features
        if feature["geometry"] and feature["geometry"]["type"] in ("Polygon", "MultiPolygon")
    ]
    assert len(found) >= areas
