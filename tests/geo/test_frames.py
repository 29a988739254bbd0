"""Geofence files, whole and broken."""

import json
from pathlib import Path

import geopandas
import numpy as np
import pyarrow
import pyarrow.parquet
import pytest
import shapely

from nearcast.domain.errors import InvalidGeofence, InvalidInput
from nearcast.domain.geofence import Area, Circle
from nearcast.geo.frames import read_geofences
from tests.geo.shapes import area_of, box, feature, inside

SQUARE = box(13.0, 52.0, 13.1, 52.1)


def written(path: Path, *features: object, **members: object) -> Path:
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features, **members}), encoding="utf-8")
    return path


def geoparquet(path: Path, geometry: list[object], crs: object = 4326, **columns: object) -> Path:
    geopandas.GeoDataFrame(columns, geometry=np.array(geometry, dtype=object), crs=crs).to_parquet(path)
    return path


def test_a_geojson_file(tmp_path: Path) -> None:
    path = written(tmp_path / "f.geojson", feature("Polygon", [SQUARE], "a"), feature("Point", [1, 2], "b", radius_m=5))
    first, second = read_geofences(path)
    assert (first.id, second.id) == ("a", "b")
    assert isinstance(first.boundary, Area)
    assert isinstance(second.boundary, Circle)


def test_a_byte_order_mark_is_no_fault(tmp_path: Path) -> None:
    path = written(tmp_path / "f.json", feature("Polygon", [SQUARE]))
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert len(read_geofences(path)) == 1


def test_rings_that_wind_the_other_way_are_taken_and_said_once(tmp_path: Path) -> None:
    over_the_seam = [[179.0, 0.0], [-179.0, 0.0], [-179.0, 1.0], [179.0, 1.0], [179.0, 0.0]]
    other_way = SQUARE[::-1]
    path = written(
        tmp_path / "f.geojson",
        feature("Polygon", [over_the_seam], "seam"),
        feature("Polygon", [other_way], "a"),
        feature("MultiPolygon", [[over_the_seam], [other_way]], "b"),
    )
    notes: list[str] = []
    assert len(read_geofences(path, note=notes.append)) == 3
    (note,) = notes
    assert note.startswith(f"{path}: repaired a and 1 more: rings wind against")


WHOLE = json.dumps({"type": "FeatureCollection", "features": [feature("Polygon", [SQUARE])]}, indent=1).encode()


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (WHOLE[:100], r"f\.geojson, line \d+, column \d+: not JSON"),
        (b"", r"f\.geojson, line 1, column 1: not JSON"),
        (WHOLE.replace(b'"f1"', b'"caf\xe9"'), r"f\.geojson: not UTF-8: byte \d+ is 0xe9"),
        (WHOLE.decode().encode("utf-16"), r"f\.geojson: not UTF-8: byte 0 is 0x"),
        (WHOLE.replace(b"52.1", b"NaN"), r"f\.geojson: features\[0\] \(id f1\), ring 0, vertex 2: latitude nan"),
        (WHOLE.replace(b'"properties": {}', b'"properties": {"x": Infinity}'), r"not JSON: the number Infinity"),
        (b"[" * 100_000, r"f\.geojson: not usable JSON"),
        (b"[" + b"1" * 5000 + b"]", r"f\.geojson: not usable JSON"),
        (WHOLE.replace(b'"id"', b'"id": 1, "id"'), r"f\.geojson: not usable JSON: an object has 'id' twice"),
        (b"7", r"f\.geojson: 7 is not a GeoJSON FeatureCollection"),
    ],
    ids=["truncated", "empty", "latin-1", "utf-16", "nan", "infinity", "deep", "many digits", "twice", "a number"],
)
def test_a_broken_geojson_file_is_named_with_the_place_in_it(tmp_path: Path, data: bytes, message: str) -> None:
    path = tmp_path / "f.geojson"
    path.write_bytes(data)
    with pytest.raises(InvalidInput, match=message):
        read_geofences(path)


@pytest.mark.parametrize("name", ["missing.geojson", "missing.parquet", "f.xyz", "folder.geojson", "folder.parquet"])
def test_what_is_no_readable_file_is_refused(tmp_path: Path, name: str) -> None:
    if name.startswith("folder"):
        (tmp_path / name).mkdir()
    with pytest.raises(InvalidInput, match=name.replace(".", r"\.")):
        read_geofences(tmp_path / name)


def test_a_geoparquet_file(tmp_path: Path) -> None:
    seam = shapely.Polygon([(179.9, 0), (-179.9, 0), (-179.9, 1), (179.9, 1)])
    path = geoparquet(
        tmp_path / "f.parquet",
        [
            shapely.Point(13.0, 52.0, 34.0),
            shapely.Polygon(SQUARE),
            shapely.MultiPolygon([shapely.Polygon(SQUARE)]),
            seam,
        ],
        id=["a", "b", "c", "d"],
        radius_m=[50.0, np.nan, None, None],
        shop_id=["s1", None, None, None],
        tags=[["x", "y"], [], None, None],
        dwell_s=[60, None, None, None],
    )
    point, polygon, multi, over_the_seam = read_geofences(path)
    assert isinstance(point.boundary, Circle)
    assert (point.boundary.radius_m, point.shop_id, point.tags, point.dwell_s) == (50.0, "s1", ("x", "y"), 60.0)
    assert (polygon.shop_id, polygon.tags, polygon.dwell_s) == (None, (), None)
    assert area_of(polygon).equals(shapely.Polygon(SQUARE))
    assert area_of(multi).geom_type == "MultiPolygon"
    assert inside(over_the_seam, (0.5, 180.0), (0.5, 0.0)) == [True, False]


def test_nan_is_as_good_as_nothing_and_an_empty_part_is_none(tmp_path: Path) -> None:
    parts = shapely.from_wkt("MULTIPOLYGON (((13 52, 13.1 52, 13.1 52.1, 13 52)), EMPTY)")
    path = geoparquet(tmp_path / "f.parquet", [parts], id=["a"], radius_m=[1.0], dwell_s=[1.0])
    table = pyarrow.parquet.read_table(path)
    for name in ("radius_m", "dwell_s"):
        nan = pyarrow.array([np.nan], from_pandas=False)
        table = table.set_column(table.column_names.index(name), name, nan)
    pyarrow.parquet.write_table(table, path)
    (fence,) = read_geofences(path)
    assert fence.dwell_s is None
    assert inside(fence, (52.05, 13.09), (52.05, 13.01)) == [True, False]


def test_both_formats_give_the_same_geofences(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    centers = rng.uniform(-170, 170, (50, 2)) * [1.0, 0.4]
    shapes = [
        shapely.Point(center).buffer(rng.uniform(0.1, 3), quad_segs=int(rng.integers(1, 9))) for center in centers
    ]
    names = [f"f{number}" for number in range(50)]
    parquet = geoparquet(tmp_path / "f.parquet", list(shapes), id=names)
    geojson = written(
        tmp_path / "f.geojson",
        *(
            feature("Polygon", shapely.geometry.mapping(shape)["coordinates"], name)
            for shape, name in zip(shapes, names, strict=True)
        ),
    )
    assert read_geofences(parquet) == read_geofences(geojson)


def test_a_geoparquet_file_in_another_crs_is_reprojected_and_said_so(tmp_path: Path) -> None:
    notes: list[str] = []
    here = geopandas.GeoSeries([shapely.Polygon(SQUARE), shapely.Point(13.0, 52.0)], crs=4326).to_crs(25833)
    path = geoparquet(tmp_path / "f.parquet", list(here), 25833, id=[1, 2], radius_m=[np.nan, 5.0])
    square, point = read_geofences(path, note=notes.append)
    assert area_of(square).equals_exact(shapely.Polygon(SQUARE), 1e-7)
    assert isinstance(point.boundary, Circle)
    assert point.boundary.center.lat_deg == pytest.approx(52.0)
    assert notes == [f"{path}: reprojected from ETRS89 / UTM zone 33N to WGS 84"]


with np.errstate(invalid="ignore"):
    NAN = shapely.from_wkt("POLYGON ((0 0, nan 1, 1 1, 0 0))")
BOW_TIE = shapely.Polygon([(0, 0), (1, 1), (1, 0), (0, 1)])


@pytest.mark.parametrize(
    ("geometry", "columns", "message"),
    [
        (BOW_TIE, {"id": ["x"]}, r"row 0 \(id x\), ring 0, vertex 0: self-intersection"),
        (None, {"id": ["x"]}, r"row 0 \(id x\): geometry is null"),
        (shapely.Point(), {"id": ["x"], "radius_m": [5.0]}, r"row 0 \(id x\): \(\) is not a position"),
        (shapely.Polygon(), {"id": ["x"]}, r"row 0 \(id x\)"),
        (shapely.Point(1, 2), {"id": ["x"]}, r"row 0 \(id x\): a Point needs"),
        (shapely.Point(1, 2), {"id": ["x"], "radius_m": ["100m"]}, r"radius_m '100m' is not a number"),
        (shapely.Point(1, 95), {"id": ["x"], "radius_m": [5.0]}, r"row 0 \(id x\): latitude 95\.0"),
        (shapely.Polygon(SQUARE), {"id": ["x"], "radius_m": [5.0]}, r"radius_m 5\.0 belongs to a Point"),
        (shapely.LineString([(0, 0), (1, 1)]), {"id": ["x"]}, r"geometry type 'LineString'"),
        (shapely.Polygon(SQUARE), {"name": ["x"]}, r"row 0: an id is needed"),
        (NAN, {"id": ["x"]}, r"ring 0, vertex 1: longitude nan"),
    ],
)
def test_a_row_that_is_no_geofence_is_named(
    tmp_path: Path, geometry: object, columns: dict[str, list[object]], message: str
) -> None:
    path = geoparquet(tmp_path / "f.parquet", [geometry], **columns)
    with pytest.raises(InvalidGeofence, match=r"f\.parquet: " + f".*{message}"):
        read_geofences(path)


def test_a_row_is_repaired_on_request(tmp_path: Path) -> None:
    notes: list[str] = []
    path = geoparquet(tmp_path / "f.parquet", [BOW_TIE], id=["x"])
    (fence,) = read_geofences(path, repair=True, note=notes.append)
    assert notes == ["repaired x: self-intersection at lon 0.5, lat 0.5"]
    assert area_of(fence).area == pytest.approx(0.5)


def test_an_id_twice_in_a_geoparquet_file_is_refused(tmp_path: Path) -> None:
    path = geoparquet(tmp_path / "f.parquet", [shapely.Polygon(SQUARE)] * 2, id=["x", "x"])
    with pytest.raises(InvalidGeofence, match=r"row 1 \(id x\): .* row 0"):
        read_geofences(path)


def test_broken_geoparquet_files_are_named(tmp_path: Path) -> None:
    whole = geoparquet(tmp_path / "f.parquet", [shapely.Polygon(SQUARE)], id=["x"]).read_bytes()
    plain = tmp_path / "plain.parquet"
    geopandas.GeoDataFrame({"id": ["x"]}, geometry=[None]).drop(columns="geometry").to_parquet(plain)
    truncated = tmp_path / "truncated.parquet"
    truncated.write_bytes(whole[:-20])
    no_crs = geoparquet(tmp_path / "no_crs.parquet", [shapely.Polygon(SQUARE)], None, id=["x"])
    for path in (plain, truncated, no_crs):
        with pytest.raises(InvalidInput, match=path.name):
            read_geofences(path)


def test_random_cuts_and_bit_flips_never_end_in_anything_but_refusal(tmp_path: Path) -> None:
    whole = geoparquet(tmp_path / "f.parquet", [shapely.Polygon(SQUARE)], id=["x"]).read_bytes()
    rng = np.random.default_rng(5)
    path = tmp_path / "broken.parquet"
    refused = 0
    for _ in range(40):
        data = bytearray(whole[: rng.integers(0, len(whole))] if rng.random() < 0.3 else whole)
        if data:
            data[rng.integers(0, len(data))] ^= 1 << int(rng.integers(0, 8))
        path.write_bytes(data)
        try:
            read_geofences(path)
        except InvalidInput:
            refused += 1
    assert refused > 10
